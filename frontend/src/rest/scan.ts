/** Scans: GET rows, POST rows:scan, POST rows:count (docs/REST_API.md). */
import type { FastifyReply, FastifyRequest } from "fastify";
import { objectOf, onlyMembers } from "./invalid-input.ts";
import { LIMITS, ROW_TIMEOUT_MS } from "./limits.ts";
import { JSON_TYPE, NDJSON_TYPE, prefersNdjson } from "./media-types.ts";
import { nextChunk, rowLines } from "./ndjson-out.ts";
import type { RowStream } from "./ndjson-out.ts";
import { decodePageToken, encodePageToken, fingerprintOf } from "./page-token.ts";
import type { QueryParameters } from "./query-parameters.ts";
import { FRESHNESS_PARAMETERS, SHAPE_PARAMETERS, checkFreshness } from "./read-options.ts";
import { freshnessHeaders } from "./reply-writer.ts";
import { limitsOf, queryOf, timeoutOf } from "./rest-context.ts";
import type { RestContext } from "./rest-context.ts";
import type { RequestLimits } from "./request-limits.ts";
import type { Route } from "./route.ts";
import { refuseFilter } from "./no-filters.ts";
import { renderRow } from "./row-json.ts";
import { RANGE_MEMBERS, RANGE_PARAMETERS, rangesOfBody } from "./row-ranges.ts";
import { rowPieces } from "./row-pieces.ts";
import { tableOf } from "./row-path.ts";
import { rowBytes } from "./row-size.ts";
import { ScanCursor } from "./scan-cursor.ts";
import { countRows, readPage } from "./scan-page.ts";
import { scanFingerprint, scanOfBody, scanOfQuery, textMember } from "./scan-request.ts";
import type { ScanForm, ScanRequest } from "./scan-request.ts";
import { streamText } from "./text-stream.ts";

const GET_QUERY: ReadonlySet<string> = new Set([
  ...RANGE_PARAMETERS,
  "enc",
  "limit",
  "reverse",
  ...SHAPE_PARAMETERS,
  "pageToken",
  ...FRESHNESS_PARAMETERS,
  "timeout",
]);
const POST_QUERY: ReadonlySet<string> = new Set([...FRESHNESS_PARAMETERS, "timeout"]);
const COUNT_MEMBERS: ReadonlySet<string> = new Set([...RANGE_MEMBERS, "ranges", "pageToken"]);

/** Pages above it are rendered as a stream. */
const WHOLE_PAGE_BYTES = 1024 * 1024;

export function scanRoutes(context: RestContext): readonly Route[] {
  return [
    {
      op: "rows_list",
      methods: ["GET"],
      path: "/v1/tables/{table}/rows",
      summary: "Scan a range of rows in key order",
      query: GET_QUERY,
      body: "none",
      effect: "read",
      handler: async (request, reply) => {
        const query = queryOf(request, GET_QUERY);
        const scan = scanOfQuery(tableOf(request), query, formOf(request));
        const limits = limitsOf(context, reply, query, ROW_TIMEOUT_MS);
        await answerScan({ context, request, reply, query, limits }, scan);
      },
    },
    {
      op: "rows_scan",
      methods: ["POST"],
      path: "/v1/tables/{table}/rows:scan",
      summary: "Scan ranges of rows in key order",
      query: POST_QUERY,
      body: "json",
      effect: "read",
      handler: async (request, reply) => {
        const query = queryOf(request, POST_QUERY);
        const table = tableOf(request);
        const limits = limitsOf(context, reply, query, ROW_TIMEOUT_MS);
        const body = await context.bodies.optionalJson(request, reply, limits);
        const scan = scanOfBody(table, body ?? {}, formOf(request));
        await answerScan({ context, request, reply, query, limits }, scan);
      },
    },
    {
      op: "rows_count",
      methods: ["POST"],
      path: "/v1/tables/{table}/rows:count",
      summary: "Count the rows of ranges",
      query: POST_QUERY,
      body: "json",
      effect: "read",
      handler: (request, reply) => countCall(context, request, reply),
    },
  ];
}

function formOf(request: FastifyRequest): ScanForm {
  return prefersNdjson(request.raw.headers.accept) ? "stream" : "page";
}

interface ScanCall {
  readonly context: RestContext;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly query: QueryParameters;
  readonly limits: RequestLimits;
}

async function answerScan(call: ScanCall, scan: ScanRequest): Promise<void> {
  const { context, request, query, limits } = call;
  checkFreshness(query, request.raw.headers);
  const fingerprint = scanFingerprint(scan);
  const from = scan.pageToken === null ? null : decodePageToken(scan.pageToken, fingerprint);
  const plan = { ...scan, projection: scan.options.projection, countOnly: false };
  const cursor = new ScanCursor(context.rows, plan, from);
  // Nothing to scan says nothing about the table, which must exist all the same.
  if (cursor.isDone) await context.tables.describe(scan.table, limits);
  if (formOf(request) === "stream") await answerStream(call, scan, cursor, fingerprint);
  else await answerPage(call, scan, cursor, fingerprint);
}

async function answerPage(
  { context, reply, limits }: ScanCall,
  { options, limit }: ScanRequest,
  cursor: ScanCursor,
  fingerprint: Buffer,
): Promise<void> {
  const bounds = { limit: limit ?? LIMITS.defaultPageRows, byteBudget: LIMITS.pageBytes };
  const rows = await readPage(cursor, bounds, limits);
  const end = `]${nextPageMember(cursor, fingerprint)}}`;
  const headers = freshnessHeaders(cursor);
  if (rows.reduce((bytes, row) => bytes + rowBytes(row), 0) <= WHOLE_PAGE_BYTES) {
    const text = rows.map((row) => renderRow(row, options.view)).join();
    context.replies.json(reply, 200, `{"rows":[${text}${end}`, headers);
    return;
  }
  context.replies.begin(reply, 200, JSON_TYPE, headers);
  streamText(context, reply, pagePieces(rows, options.view, end));
}

function* pagePieces(
  rows: readonly Parameters<typeof rowPieces>[0][],
  view: Parameters<typeof rowPieces>[1],
  end: string,
): Generator<string> {
  let opening = '{"rows":[';
  for (const row of rows) {
    yield opening;
    yield* rowPieces(row, view);
    opening = ",";
  }
  yield end;
}

async function answerStream(
  { context, request, reply, query, limits }: ScanCall,
  scan: ScanRequest,
  cursor: ScanCursor,
  fingerprint: Buffer,
): Promise<void> {
  const { clock } = context;
  const stream: RowStream = {
    clock,
    cursor,
    view: scan.options.view,
    limit: scan.limit,
    fingerprint,
    requestId: request.id,
    limits,
    timeoutMs: timeoutOf(query, ROW_TIMEOUT_MS),
  };
  const first = cursor.isDone ? null : await nextChunk(stream, 0);
  context.replies.begin(reply, 200, NDJSON_TYPE);
  streamText(context, reply, rowLines(stream, first));
}

async function countCall(
  context: RestContext,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const query = queryOf(request, POST_QUERY);
  const table = tableOf(request);
  const limits = limitsOf(context, reply, query, ROW_TIMEOUT_MS);
  checkFreshness(query, request.raw.headers);
  const body = objectOf((await context.bodies.optionalJson(request, reply, limits)) ?? {}, null);
  refuseFilter(body, null);
  onlyMembers(body, COUNT_MEMBERS, null);
  const ranges = rangesOfBody(body);
  const fingerprint = fingerprintOf([
    "count",
    table,
    ranges.map(({ start, end }) => [start?.toString("base64"), end?.toString("base64")]),
  ]);
  const token = textMember(body, "pageToken");
  const from = token === null ? null : decodePageToken(token, fingerprint);
  const projection = { columns: null, versions: 1, timestamp: null, keysOnly: true };
  const plan = { table, ranges, reverse: false, projection, countOnly: true };
  const cursor = new ScanCursor(context.rows, plan, from);
  if (cursor.isDone) await context.tables.describe(table, limits);
  const count = await countRows(cursor, limits);
  const answer = `{"count":${count}${nextPageMember(cursor, fingerprint)}}`;
  context.replies.json(reply, 200, answer, freshnessHeaders(cursor));
}

/** `,"nextPageToken":".."`, or nothing at the end. */
function nextPageMember(cursor: ScanCursor, fingerprint: Buffer): string {
  if (cursor.isDone || cursor.place === null) return "";
  return `,"nextPageToken":"${encodePageToken(fingerprint, cursor.place)}"`;
}
