/**
 * One row: GET, HEAD, PUT, POST, PATCH, DELETE `/v1/tables/{table}/rows/{key}` (docs/REST_API.md).
 */
import type { FastifyReply, FastifyRequest } from "fastify";
import { DatabaseError } from "@stele/shared/errors.ts";
import type { Version } from "@stele/shared/ids.ts";
import type { Conditions, Mutation, RowWrite, WriteResult } from "@stele/shared/row-operations.ts";
import type { CallLimits, ServedBy } from "../operations.ts";
import { isLargeBody } from "./body-reader.ts";
import { renderBytes, renderValue } from "./bytes-json.ts";
import { renderColumn } from "./column-name.ts";
import { namesVersion, parseConditions } from "./conditions.ts";
import { idempotencyKeyOf, withIdempotency } from "./idempotency.ts";
import type { WriteMethod } from "./idempotency.ts";
import { ROW_TIMEOUT_MS } from "./limits.ts";
import { JSON_TYPE } from "./media-types.ts";
import { parsePatchBody } from "./patch-body.ts";
import {
  FRESHNESS_PARAMETERS,
  NEWEST_OF_ALL,
  SHAPE_PARAMETERS,
  checkFreshness,
  readOptionsOfQuery,
} from "./read-options.ts";
import { servedByHeaders } from "./reply-writer.ts";
import { limitsOf, queryOf, rawQueryOf } from "./rest-context.ts";
import type { Handler, RestContext } from "./rest-context.ts";
import { resourceRoutes } from "./resource-routes.ts";
import type { Route } from "./route.ts";
import { parseRowBody } from "./row-body.ts";
import { renderRow } from "./row-json.ts";
import { keyOf, tableOf } from "./row-path.ts";
import { isLargeRow, rowPieces } from "./row-pieces.ts";
import { completed, completedInTurns } from "./steps.ts";
import type { Steps } from "./steps.ts";
import { streamText } from "./text-stream.ts";
import { TurnTaker } from "./turn-taker.ts";

const PATH = "/v1/tables/{table}/rows/{key}";
const READ_QUERY: ReadonlySet<string> = new Set([
  "enc",
  ...SHAPE_PARAMETERS,
  ...FRESHNESS_PARAMETERS,
  "timeout",
]);
const WRITE_QUERY: ReadonlySet<string> = new Set(["enc", "timeout"]);

export function rowRoutes(context: RestContext): readonly Route[] {
  return resourceRoutes({
    path: PATH,
    read: {
      op: "row_get",
      summary: "Read a row",
      query: READ_QUERY,
      handler: (request, reply) => getRow(context, request, reply),
    },
    writeQuery: WRITE_QUERY,
    writes: [
      {
        op: "row_put",
        method: "PUT",
        summary: "Replace a whole row with its history",
        body: "json",
        handler: writer(context, "PUT", putRow),
      },
      {
        op: "row_post",
        method: "POST",
        summary: "Create a row; never overwrites",
        body: "json",
        handler: writer(context, "POST", postRow),
      },
      {
        op: "row_patch",
        method: "PATCH",
        summary: "Apply a list of mutations to a row, all or nothing",
        body: "json",
        handler: writer(context, "PATCH", patchRow),
      },
      {
        op: "row_delete",
        method: "DELETE",
        summary: "Remove a row",
        body: "none",
        handler: (request, reply) => deleteRow(context, request, reply),
      },
    ],
  });
}

async function getRow(
  context: RestContext,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const query = rawQueryOf(request) === "" ? null : queryOf(request, READ_QUERY);
  const table = tableOf(request);
  const key = keyOf(request, query);
  const limits = limitsOf(context, reply, query, ROW_TIMEOUT_MS);
  const conditions = parseConditions(request.raw.headers);
  if (query !== null) checkFreshness(query, request.raw.headers);
  const options = query === null ? NEWEST_OF_ALL : readOptionsOfQuery(query);
  const { row, servedBy } = await context.rows.read(table, key, options.projection, limits);
  const headers = servedByHeaders(servedBy);
  if (row === null) {
    context.replies.problem(
      reply,
      { code: "ROW_NOT_FOUND", detail: "there is no such row" },
      headers,
    );
    return;
  }
  headers.push("Cache-Control", "no-cache", "ETag", `"${row.version}"`);
  if (isUnchanged(conditions, row.version)) {
    context.replies.empty(reply, 304, headers);
    return;
  }
  if (!isLargeRow(row)) {
    context.replies.json(reply, 200, renderRow(row, options.view), headers);
    return;
  }
  context.replies.begin(reply, 200, JSON_TYPE, headers);
  if (request.method === "HEAD") reply.raw.end();
  else streamText(context, reply, rowPieces(row, options.view));
}

/**
 * Whether a conditional read needs no body: 304. Throws 412 where `If-Match` names other versions. Both
 * are judged only when there is something to read (RFC 9110 section 13.2.1).
 */
export function isUnchanged(conditions: Conditions, version: Version): boolean {
  const { ifMatch, ifNoneMatch } = conditions;
  if (ifMatch !== null && !namesVersion(ifMatch, version)) {
    const detail = `the row is at version ${version}`;
    throw new DatabaseError({ code: "VERSION_MISMATCH", detail, version });
  }
  return ifNoneMatch !== null && namesVersion(ifNoneMatch, version);
}

interface Written {
  readonly key: Buffer;
  readonly result: WriteResult;
  readonly servedBy: ServedBy;
}

interface RowBodyCall {
  /** The write that a body means, without its Idempotency-Key. */
  readonly writeOf: (body: unknown, key: Buffer, conditions: Conditions) => Steps<RowWrite>;
  readonly reply: (context: RestContext, reply: FastifyReply, written: Written) => void;
}

const putRow: RowBodyCall = {
  writeOf: function* (body, key, conditions) {
    return rowWrite(key, conditions, replacing(yield* parseRowBody(body, key)));
  },
  reply: (context, reply, { key, result, servedBy }) => {
    const status = result.createdRow ? 201 : 200;
    context.replies.json(
      reply,
      status,
      renderWritten(key, result),
      writtenHeaders(result, servedBy),
    );
  },
};

const postRow: RowBodyCall = {
  writeOf: function* (body, key, conditions) {
    return rowWrite(key, { ...conditions, absent: true }, yield* parseRowBody(body, key));
  },
  reply: (context, reply, { key, result, servedBy }) =>
    context.replies.json(reply, 201, renderWritten(key, result), writtenHeaders(result, servedBy)),
};

const patchRow: RowBodyCall = {
  writeOf: function* (body, key, conditions) {
    return { ...(yield* parsePatchBody(body)), key, conditions, idempotency: null };
  },
  reply: (context, reply, { key, result, servedBy }) =>
    context.replies.json(reply, 200, renderPatched(key, result), writtenHeaders(result, servedBy)),
};

function writer(context: RestContext, method: WriteMethod, call: RowBodyCall): Handler {
  return async (request, reply) => {
    const query = rawQueryOf(request) === "" ? null : queryOf(request, WRITE_QUERY);
    const table = tableOf(request);
    const key = keyOf(request, query);
    const limits = limitsOf(context, reply, query, ROW_TIMEOUT_MS);
    const conditions = parseConditions(request.raw.headers);
    const idempotencyKey = idempotencyKeyOf(request.raw.headers);
    const body = await context.bodies.json(request, reply, limits);
    const steps = call.writeOf(body, key, conditions);
    const parsed = isLargeBody(request.raw)
      ? await completedInTurns(steps, new TurnTaker(context.clock))
      : completed(steps);
    const write = withIdempotency(parsed, method, idempotencyKey);
    const { result, servedBy } = await context.rows.write(table, write, limits);
    call.reply(context, reply, { key, result, servedBy });
  };
}

async function deleteRow(
  context: RestContext,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const query = rawQueryOf(request) === "" ? null : queryOf(request, WRITE_QUERY);
  const table = tableOf(request);
  const key = keyOf(request, query);
  const limits: CallLimits = limitsOf(context, reply, query, ROW_TIMEOUT_MS);
  const conditions = parseConditions(request.raw.headers);
  const write = withIdempotency(
    rowWrite(key, conditions, [{ kind: "delete-row" }]),
    "DELETE",
    idempotencyKeyOf(request.raw.headers),
  );
  const { result, servedBy } = await context.rows.write(table, write, limits);
  context.replies.empty(reply, 204, deletedHeaders(result, servedBy));
}

/** A write without predicate and key. */
export function rowWrite(
  key: Buffer,
  conditions: Conditions,
  mutations: readonly Mutation[],
): RowWrite {
  return { key, conditions, predicate: null, mutations, otherwise: [], idempotency: null };
}

/** The mutations that leave a row with these cells only. */
export function replacing(cells: readonly Mutation[]): readonly Mutation[] {
  return [{ kind: "delete-row" }, ...cells];
}

export function renderWritten(key: Buffer, result: WriteResult): string {
  return `{"key":${renderBytes(key)},"version":${renderVersion(result.version)}}`;
}

export function renderPatched(key: Buffer, result: WriteResult): string {
  const columns = result.computed
    .map(({ column, value, int64 }) => {
      return `${renderColumn(column.family, column.qualifier)}:${renderValue(value, int64)}`;
    })
    .join();
  const version = renderVersion(result.version);
  const { matched } = result;
  return `{"key":${renderBytes(key)},"version":${version},"matched":${matched},"columns":{${columns}}}`;
}

function renderVersion(version: Version | null): string {
  return version === null ? "null" : `"${version}"`;
}

/** With the row's new version as ETag. */
export function writtenHeaders(result: WriteResult, servedBy: ServedBy): string[] {
  const headers = deletedHeaders(result, servedBy);
  if (result.version !== null) headers.push("ETag", `"${result.version}"`);
  return headers;
}

export function deletedHeaders(result: WriteResult, servedBy: ServedBy): string[] {
  const headers = servedByHeaders(servedBy);
  headers.push("Cache-Control", "no-store");
  if (result.replayed) headers.push("Stele-Replayed", "true");
  return headers;
}
