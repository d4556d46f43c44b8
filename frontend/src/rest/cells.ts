/**
 * One cell as raw bytes: GET, HEAD, PUT, DELETE `/v1/tables/{table}/rows/{key}/cells/{column}` (docs/REST_API.md).
 */
import type { FastifyReply, FastifyRequest } from "fastify";
import { version as toVersion } from "@stele/shared/ids.ts";
import type { Version } from "@stele/shared/ids.ts";
import type { Column, Projection } from "@stele/shared/row-operations.ts";
import type { CallLimits } from "../operations.ts";
import { parseConditions } from "./conditions.ts";
import { idempotencyKeyOf, withIdempotency } from "./idempotency.ts";
import { ROW_TIMEOUT_MS } from "./limits.ts";
import { BYTES_TYPE } from "./media-types.ts";
import type { QueryParameters } from "./query-parameters.ts";
import { FRESHNESS_PARAMETERS, checkFreshness } from "./read-options.ts";
import { servedByHeaders } from "./reply-writer.ts";
import { limitsOf, queryOf } from "./rest-context.ts";
import type { Handler, RestContext } from "./rest-context.ts";
import { resourceRoutes } from "./resource-routes.ts";
import type { Route } from "./route.ts";
import { columnOfPath, keyOf, tableOf } from "./row-path.ts";
import { deletedHeaders, isUnchanged, renderWritten, rowWrite, writtenHeaders } from "./rows.ts";

const PATH = "/v1/tables/{table}/rows/{key}/cells/{column}";
const WRITE_QUERY: ReadonlySet<string> = new Set(["enc", "timestamp", "timeout"]);
const READ_QUERY: ReadonlySet<string> = new Set([...WRITE_QUERY, ...FRESHNESS_PARAMETERS]);

export function cellRoutes(context: RestContext): readonly Route[] {
  return resourceRoutes({
    path: PATH,
    read: {
      op: "cell_get",
      summary: "Read the newest version of a cell as raw bytes",
      query: READ_QUERY,
      handler: cellCall(context, READ_QUERY, getCell),
    },
    writeQuery: WRITE_QUERY,
    writes: [
      {
        op: "cell_put",
        method: "PUT",
        summary: "Write a cell from raw bytes",
        body: "bytes",
        handler: cellCall(context, WRITE_QUERY, putCell),
      },
      {
        op: "cell_delete",
        method: "DELETE",
        summary: "Remove one version of a cell, or all of them",
        body: "none",
        handler: cellCall(context, WRITE_QUERY, deleteCell),
      },
    ],
  });
}

interface CellCall {
  readonly context: RestContext;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly query: QueryParameters;
  readonly table: string;
  readonly key: Buffer;
  readonly column: Column;
  readonly timestamp: Version | null;
  readonly limits: CallLimits;
}

function cellCall(
  context: RestContext,
  known: ReadonlySet<string>,
  run: (call: CellCall) => Promise<void>,
): Handler {
  return async (request, reply) => {
    const query = queryOf(request, known);
    const timestamp = query.integer("timestamp", { min: 0, max: Number.MAX_SAFE_INTEGER });
    await run({
      context,
      request,
      reply,
      query,
      table: tableOf(request),
      key: keyOf(request, query),
      column: columnOfPath(request),
      timestamp: timestamp === null ? null : toVersion(timestamp),
      limits: limitsOf(context, reply, query, ROW_TIMEOUT_MS),
    });
  };
}

async function getCell(call: CellCall): Promise<void> {
  const { context, request, reply, table, key, column, timestamp, limits } = call;
  const conditions = parseConditions(request.raw.headers);
  checkFreshness(call.query, request.raw.headers);
  const projection: Projection = {
    columns: [column],
    versions: timestamp === null ? 1 : null,
    timestamp,
    keysOnly: false,
  };
  const { row, servedBy } = await context.rows.read(table, key, projection, limits);
  const headers = servedByHeaders(servedBy);
  const cell = row?.cells[0];
  if (row === null || cell === undefined) {
    const detail = row === null ? "there is no such row" : "the row has no such cell";
    context.replies.problem(reply, { code: "CELL_NOT_FOUND", detail }, headers);
    return;
  }
  headers.push("Cache-Control", "no-cache", "ETag", `"${row.version}"`);
  headers.push("Stele-Timestamp", String(cell.timestamp));
  if (isUnchanged(conditions, row.version)) {
    context.replies.empty(reply, 304, headers);
    return;
  }
  headers.push("X-Content-Type-Options", "nosniff");
  context.replies.body(reply, 200, BYTES_TYPE, cell.value, headers);
}

async function putCell(call: CellCall): Promise<void> {
  const { context, request, reply, table, key, column, timestamp, limits } = call;
  const conditions = parseConditions(request.raw.headers);
  const idempotencyKey = idempotencyKeyOf(request.raw.headers);
  const value = await context.bodies.bytes(request, reply, limits);
  const write = rowWrite(key, conditions, [
    { kind: "set", column, value, int64: false, timestamp },
  ]);
  const { result, servedBy } = await context.rows.write(
    table,
    withIdempotency(write, "PUT", idempotencyKey),
    limits,
  );
  const status = result.createdColumn ? 201 : 200;
  context.replies.json(reply, status, renderWritten(key, result), writtenHeaders(result, servedBy));
}

async function deleteCell(call: CellCall): Promise<void> {
  const { context, request, reply, table, key, column, timestamp, limits } = call;
  const write = rowWrite(key, parseConditions(request.raw.headers), [
    {
      kind: "delete-column",
      column,
      from: timestamp,
      to: timestamp === null ? null : justAfter(timestamp),
    },
  ]);
  const { result, servedBy } = await context.rows.write(
    table,
    withIdempotency(write, "DELETE", idempotencyKeyOf(request.raw.headers)),
    limits,
  );
  context.replies.empty(reply, 204, deletedHeaders(result, servedBy));
}

/** The exclusive bound above a timestamp; null: there is none. */
function justAfter(timestamp: Version): Version | null {
  return timestamp === Number.MAX_SAFE_INTEGER ? null : toVersion(timestamp + 1);
}
