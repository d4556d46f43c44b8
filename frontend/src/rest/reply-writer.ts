/**
 * Writes replies: status line, headers and body in one go, past fastify's own serialisation.
 *
 * R1. Every reply carries `Stele-Request-Id` and `Vary: Accept`, and says how it may be cached.
 * R2. A problem is written once, whatever stage of the request found it.
 */
import type { FastifyReply } from "fastify";
import type { DatabaseErrorBody } from "@stele/shared/errors.ts";
import type { ServedBy } from "../operations.ts";
import { JSON_TYPE, PROBLEM_TYPE } from "./media-types.ts";
import { problemOf, retryAfterMs } from "./problem-json.ts";

/** Names and values in turn, as node takes them. */
export type FlatHeaders = string[];

export class ReplyWriter {
  readonly #everyReply: readonly string[];

  /** `everyReply`: headers of all replies, names and values in turn. */
  constructor(everyReply: readonly string[]) {
    this.#everyReply = everyReply;
  }

  json(reply: FastifyReply, status: number, body: string, headers?: readonly string[]): void {
    this.body(reply, status, JSON_TYPE, body, headers);
  }

  body(
    reply: FastifyReply,
    status: number,
    type: string,
    body: string | Buffer,
    headers: readonly string[] = NO_STORE,
  ): void {
    const flat = this.#headers(reply, headers);
    flat.push("Content-Type", type, "Content-Length", String(Buffer.byteLength(body)));
    reply.hijack();
    reply.raw.writeHead(status, flat);
    reply.raw.end(body);
  }

  /** 204, or 304 with the validators of what did not change. */
  empty(reply: FastifyReply, status: 204 | 304, headers: readonly string[] = NO_STORE): void {
    const flat = this.#headers(reply, headers);
    reply.hijack();
    reply.raw.writeHead(status, flat);
    reply.raw.end();
  }

  problem(
    reply: FastifyReply,
    error: DatabaseErrorBody,
    moreHeaders: readonly string[] = [],
  ): void {
    const { status, body, headers } = problemReply(reply, error);
    this.body(reply, status, PROBLEM_TYPE, body, [...moreHeaders, ...headers]);
  }

  /** All of a problem but its end, which is left to the caller. */
  problemBeforeEnd(reply: FastifyReply, error: DatabaseErrorBody): void {
    const { status, body, headers } = problemReply(reply, error);
    headers.push("Content-Length", String(Buffer.byteLength(body)));
    this.begin(reply, status, PROBLEM_TYPE, headers);
    reply.raw.write(body);
  }

  /** Begins a reply whose body is piped in. */
  begin(
    reply: FastifyReply,
    status: number,
    type: string,
    headers: readonly string[] = NO_STORE,
  ): void {
    const flat = this.#headers(reply, headers);
    flat.push("Content-Type", type);
    reply.hijack();
    reply.raw.writeHead(status, flat);
  }

  #headers(reply: FastifyReply, headers: readonly string[]): FlatHeaders {
    return [...headers, "Stele-Request-Id", reply.request.id, ...this.#everyReply];
  }
}

function problemReply(reply: FastifyReply, error: DatabaseErrorBody) {
  const problem = problemOf(error, reply.request.id);
  const headers = ["Cache-Control", "no-store"];
  const pause = retryAfterMs(error);
  if (pause !== null) headers.push("Retry-After", String(Math.max(1, Math.ceil(pause / 1000))));
  if (error.allow !== undefined) headers.push("Allow", error.allow.join(", "));
  return { status: problem.status, body: JSON.stringify(problem), headers };
}

const NO_STORE: readonly string[] = ["Cache-Control", "no-store"];

/** Who answered, for calls on one row. */
export function servedByHeaders(servedBy: ServedBy): FlatHeaders {
  const { server, role, tablet, generation } = servedBy;
  return [
    "Stele-Served-By",
    `${server}; role=${role}; tablet=${tablet}; generation=${generation}`,
    "Stele-Staleness",
    String(servedBy.staleness),
    "Stele-Session",
    String(servedBy.session),
  ];
}

/** The largest staleness and session, for calls on many rows. */
export function freshnessHeaders(freshness: {
  readonly staleness: number;
  readonly session: number;
}): FlatHeaders {
  const { staleness, session } = freshness;
  return [
    "Cache-Control",
    "no-store",
    "Stele-Staleness",
    String(staleness),
    "Stele-Session",
    String(session),
  ];
}
