/** What every handler of the REST edge works with. */
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Clock } from "@stele/shared/clock.ts";
import type { Log } from "@stele/shared/log.ts";
import type { Random } from "@stele/shared/random.ts";
import type { ClusterOperations, RowOperations, TableOperations } from "../operations.ts";
import type { BodyReader } from "./body-reader.ts";
import { LIMITS } from "./limits.ts";
import { parseQuery } from "./query-parameters.ts";
import type { QueryParameters } from "./query-parameters.ts";
import type { ReplyWriter } from "./reply-writer.ts";
import { RequestLimits } from "./request-limits.ts";

export interface RestContext {
  readonly rows: RowOperations;
  readonly tables: TableOperations;
  readonly cluster: ClusterOperations;
  readonly clock: Clock;
  readonly random: Random;
  readonly bodies: BodyReader;
  readonly replies: ReplyWriter;
  readonly log: Log;
}

/** Settles when the reply is written or handed to a stream; what it throws becomes a problem. */
export type Handler = (request: FastifyRequest, reply: FastifyReply) => Promise<void>;

/** The query of a request; `known` names the parameters that the call takes. */
export function queryOf(request: FastifyRequest, known: ReadonlySet<string>): QueryParameters {
  return parseQuery(rawQueryOf(request), known);
}

/** What follows the question mark: the server's query parser hands it over as it came. */
export function rawQueryOf(request: FastifyRequest): string {
  return request.query as string;
}

/** How long a call may take: `?timeout=`, or the default of its kind. */
export function timeoutOf(query: QueryParameters | null, defaultTimeoutMs: number): number {
  const timeoutMs = query?.duration("timeout", { minMs: 1, maxMs: LIMITS.timeoutMs });
  return timeoutMs ?? defaultTimeoutMs;
}

export function limitsOf(
  context: RestContext,
  reply: FastifyReply,
  query: QueryParameters | null,
  defaultTimeoutMs: number,
): RequestLimits {
  const timeoutMs = timeoutOf(query, defaultTimeoutMs);
  return new RequestLimits(reply.raw, context.clock.monotonicMs() + timeoutMs);
}
