/**
 * Many writes: POST rows:batch (docs/REST_API.md). A JSON body is one batch with one answer; an NDJSON
 * body is a load without bound, see `bulk-load.ts`.
 */
import type { FastifyReply, FastifyRequest } from "fastify";
import type { DatabaseErrorBody } from "@stele/shared/errors.ts";
import { version } from "@stele/shared/ids.ts";
import type { RowWrite, WriteOutcome } from "@stele/shared/row-operations.ts";
import { parseOperation, renderDone, renderFailed } from "./batch-operation.ts";
import type { Operation } from "./batch-operation.ts";
import { announcesBody } from "./body-reader.ts";
import { loadRows } from "./bulk-load.ts";
import { idempotencyKeyOf } from "./idempotency.ts";
import {
  at,
  invalidBody,
  invalidParameter,
  listOf,
  objectOf,
  onlyMembers,
} from "./invalid-input.ts";
import { DEFAULT_MAX_FAILURES, LIMITS, ROW_TIMEOUT_MS } from "./limits.ts";
import { bodyTypeOf } from "./media-types.ts";
import { writeError } from "./problem-json.ts";
import type { QueryParameters } from "./query-parameters.ts";
import { freshnessHeaders } from "./reply-writer.ts";
import { limitsOf, queryOf, timeoutOf } from "./rest-context.ts";
import type { RestContext } from "./rest-context.ts";
import type { Route } from "./route.ts";
import { tableOf } from "./row-path.ts";
import { TurnTaker } from "./turn-taker.ts";

const QUERY: ReadonlySet<string> = new Set(["maxFailures", "timeout"]);
const MEMBERS: ReadonlySet<string> = new Set(["ops"]);

export function batchRoutes(context: RestContext): readonly Route[] {
  return [
    {
      op: "rows_batch",
      methods: ["POST"],
      path: "/v1/tables/{table}/rows:batch",
      summary: "Write many rows: a batch in JSON, or a load of any length in NDJSON",
      query: QUERY,
      body: "json-or-ndjson",
      effect: "write",
      handler: async (request, reply) => {
        const query = queryOf(request, QUERY);
        if (isLoad(request)) await load(context, request, reply, query);
        else await writeBatch(context, request, reply, query);
      },
    },
  ];
}

function isLoad({ raw }: FastifyRequest): boolean {
  if (!announcesBody(raw) && raw.headers["content-type"] === undefined) return false;
  return bodyTypeOf(raw.headers, ["json", "ndjson"]) === "ndjson";
}

async function load(
  context: RestContext,
  request: FastifyRequest,
  reply: FastifyReply,
  query: QueryParameters,
): Promise<void> {
  const maxFailures = query.integer("maxFailures", { min: 1, max: LIMITS.maxFailures });
  await loadRows(context, request, reply, {
    table: tableOf(request),
    idempotencyKey: idempotencyKeyOf(request.raw.headers),
    maxFailures: maxFailures ?? DEFAULT_MAX_FAILURES,
    timeoutMs: timeoutOf(query, ROW_TIMEOUT_MS),
  });
}

async function writeBatch(
  context: RestContext,
  request: FastifyRequest,
  reply: FastifyReply,
  query: QueryParameters,
): Promise<void> {
  if (query.has("maxFailures")) {
    throw invalidParameter("maxFailures", "is taken with an NDJSON body only");
  }
  const table = tableOf(request);
  const limits = limitsOf(context, reply, query, ROW_TIMEOUT_MS);
  const idempotencyKey = idempotencyKeyOf(request.raw.headers);
  const body = objectOf(await context.bodies.json(request, reply, limits), null);
  onlyMembers(body, MEMBERS, null);
  const operations = await parseOperations(context, body.ops, idempotencyKey);
  const writes = operations.flatMap((operation) =>
    operation.kind === "refused" ? [] : [operation.write],
  );
  const answer =
    writes.length === 0
      ? { outcomes: [], session: version(0) }
      : await context.rows.writeMany(table, writes, limits);
  if (writes.length === 0) await context.tables.describe(table, limits);
  const { texts, failed } = renderResults(operations, answer.outcomes);
  context.replies.json(
    reply,
    failed === 0 ? 200 : 207,
    `{"results":[${texts.join()}]}`,
    freshnessHeaders({ staleness: 0, session: answer.session }),
  );
}

async function parseOperations(
  context: RestContext,
  ops: unknown,
  idempotencyKey: string | null,
): Promise<readonly Operation[]> {
  const place = at(null, "ops");
  const list = listOf(ops, place);
  if (list.length > LIMITS.operations) {
    throw invalidBody(place, `must hold at most ${LIMITS.operations} operations`);
  }
  const turns = new TurnTaker(context.clock);
  const operations: Operation[] = [];
  for (const [index, item] of list.entries()) {
    const key = idempotencyKey === null ? null : `${idempotencyKey}/${index}`;
    operations.push(parseOperation(item, at(place, index), key));
    if (turns.isDue) await turns.take();
  }
  return operations;
}

interface BatchResults {
  readonly texts: readonly string[];
  readonly failed: number;
}

/** Results in the order of the operations; `outcomes` are those of the operations that were sent. */
function renderResults(
  operations: readonly Operation[],
  outcomes: readonly WriteOutcome[],
): BatchResults {
  const sent = outcomes[Symbol.iterator]();
  let failed = 0;
  const fail = (error: DatabaseErrorBody) => {
    failed++;
    return renderFailed(error);
  };
  const texts = operations.map((operation) => {
    if (operation.kind === "refused") return fail(operation.error);
    const outcome = sent.next().value as WriteOutcome;
    if (outcome.kind === "failed") return fail(writeError(outcome.error));
    return renderDone(operation.kind, operation.write as RowWrite, outcome.result);
  });
  return { texts, failed };
}
