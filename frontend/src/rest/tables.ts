/** Tables: create, list, describe, drop, and the tablets of one (docs/REST_API.md). */
import type { FastifyReply, FastifyRequest } from "fastify";
import { compareRowKeys, prefixEnd } from "@stele/shared/row-key.ts";
import type { TabletView } from "@stele/shared/wire/admin-views.ts";
import { DatabaseError } from "@stele/shared/errors.ts";
import { idempotencyKeyOf } from "./idempotency.ts";
import { invalidParameter } from "./invalid-input.ts";
import { ADMIN_TIMEOUT_MS, LIMITS } from "./limits.ts";
import { decodePageToken, encodePageToken, fingerprintOf } from "./page-token.ts";
import type { PagePosition } from "./page-token.ts";
import { decodeKey } from "./path-octets.ts";
import type { QueryParameters } from "./query-parameters.ts";
import { limitsOf, queryOf } from "./rest-context.ts";
import type { RestContext } from "./rest-context.ts";
import type { Route } from "./route.ts";
import { keyEncodingOf, tableOf } from "./row-path.ts";
import { parseCreateTable } from "./table-body.ts";
import { renderTablet } from "./tablet-json.ts";

const TABLES = "/v1/tables";
const TABLE = "/v1/tables/{table}";
const TABLETS = "/v1/tables/{table}/tablets";
const QUERY: ReadonlySet<string> = new Set(["timeout"]);
const TABLETS_QUERY: ReadonlySet<string> = new Set([
  "prefix",
  "enc",
  "limit",
  "pageToken",
  "timeout",
]);

export function tableRoutes(context: RestContext): readonly Route[] {
  return [
    {
      op: "table_create",
      methods: ["POST"],
      path: TABLES,
      summary: "Create a table",
      query: QUERY,
      body: "json",
      effect: "write",
      handler: (request, reply) => createTable(context, request, reply),
    },
    {
      op: "table_list",
      methods: ["GET"],
      path: TABLES,
      summary: "List all tables by name",
      query: QUERY,
      body: "none",
      effect: "read",
      handler: (request, reply) => listTables(context, request, reply),
    },
    {
      op: "table_describe",
      methods: ["GET", "HEAD"],
      path: TABLE,
      summary: "Describe a table",
      query: QUERY,
      body: "none",
      effect: "read",
      handler: (request, reply) => describeTable(context, request, reply),
    },
    {
      op: "table_drop",
      methods: ["DELETE"],
      path: TABLE,
      summary: "Drop a table",
      query: QUERY,
      body: "none",
      effect: "write",
      handler: (request, reply) => dropTable(context, request, reply),
    },
    {
      op: "table_tablets",
      methods: ["GET"],
      path: TABLETS,
      summary: "List the tablets of a table in key order",
      query: TABLETS_QUERY,
      body: "none",
      effect: "read",
      handler: (request, reply) => listTablets(context, request, reply),
    },
  ];
}

async function createTable(
  context: RestContext,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const limits = limitsOf(context, reply, queryOf(request, QUERY), ADMIN_TIMEOUT_MS);
  const idempotencyKey = idempotencyKeyOf(request.raw.headers);
  const body = await context.bodies.json(request, reply, limits);
  const table = await context.tables.create(parseCreateTable(body, idempotencyKey), limits);
  const headers = ["Cache-Control", "no-store", "Location", `${TABLES}/${table.name}`];
  context.replies.json(reply, 201, JSON.stringify(table), headers);
}

async function listTables(
  context: RestContext,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const limits = limitsOf(context, reply, queryOf(request, QUERY), ADMIN_TIMEOUT_MS);
  const tables = await context.tables.list(limits);
  context.replies.json(reply, 200, JSON.stringify({ tables }));
}

async function describeTable(
  context: RestContext,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const limits = limitsOf(context, reply, queryOf(request, QUERY), ADMIN_TIMEOUT_MS);
  const table = await context.tables.describe(tableOf(request), limits);
  context.replies.json(reply, 200, JSON.stringify(table));
}

async function dropTable(
  context: RestContext,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const limits = limitsOf(context, reply, queryOf(request, QUERY), ADMIN_TIMEOUT_MS);
  await context.tables.drop(tableOf(request), idempotencyKeyOf(request.raw.headers), limits);
  context.replies.empty(reply, 204);
}

async function listTablets(
  context: RestContext,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const query = queryOf(request, TABLETS_QUERY);
  const table = tableOf(request);
  const limits = limitsOf(context, reply, query, ADMIN_TIMEOUT_MS);
  const limit = query.integer("limit", { min: 1, max: LIMITS.pageRows }) ?? LIMITS.defaultPageRows;
  const prefix = prefixOf(query);
  const fingerprint = fingerprintOf(["tablets", table, prefix?.toString("base64") ?? null]);
  const token = query.text("pageToken");
  const page: PagePosition | null = token === null ? null : decodePageToken(token, fingerprint);
  const answer = await context.tables.tablets(
    table,
    { from: page?.position ?? prefix, limit },
    limits,
  );
  if (page !== null && page.tableId !== answer.tableId) throw tokenOfDroppedTable();
  const end = prefix === null ? null : prefixEnd(prefix);
  const tablets = answer.tablets.filter((tablet) => beginsBelow(tablet, end));
  const next = tablets.length < answer.tablets.length ? null : answer.nextStart;
  const nextPageToken =
    next === null || (end !== null && compareRowKeys(next, end) >= 0)
      ? ""
      : `,"nextPageToken":"${encodePageToken(fingerprint, { tableId: answer.tableId, position: next })}"`;
  context.replies.json(
    reply,
    200,
    `{"tablets":[${tablets.map(renderTablet).join()}]${nextPageToken}}`,
  );
}

function prefixOf(query: QueryParameters): Buffer | null {
  const encoding = keyEncodingOf(query);
  const octets = query.octets("prefix");
  if (octets === null) return null;
  const prefix = decodeKey(octets, encoding);
  if (prefix === null) throw invalidParameter("prefix", `is not ${encoding}`);
  return prefix;
}

function beginsBelow(tablet: TabletView, end: Buffer | null): boolean {
  return end === null || tablet.start === null || compareRowKeys(tablet.start, end) < 0;
}

function tokenOfDroppedTable(): DatabaseError {
  return new DatabaseError({
    code: "INVALID_PAGE_TOKEN",
    detail: "the page token belongs to a table that was dropped",
  });
}
