/** Cross-origin access, only where `--cors-origin` grants it: without, no reply has a CORS header. */
import type { FastifyReply, FastifyRequest } from "fastify";
import type { ReplyWriter } from "./reply-writer.ts";

const EXPOSED = [
  "Allow",
  "ETag",
  "Location",
  "Retry-After",
  "Stele-Replayed",
  "Stele-Request-Id",
  "Stele-Served-By",
  "Stele-Session",
  "Stele-Staleness",
  "Stele-Timestamp",
].join(", ");

const PREFLIGHT: readonly string[] = [
  "Access-Control-Allow-Methods",
  "GET, HEAD, POST, PUT, PATCH, DELETE",
  "Access-Control-Allow-Headers",
  "Accept, Content-Type, Idempotency-Key, If-Match, If-None-Match, Stele-Session",
  "Access-Control-Max-Age",
  "600",
];

/** Headers of every reply, names and values in turn. */
export function corsHeaders(origin: string | null): readonly string[] {
  if (origin === null) return [];
  return ["Access-Control-Allow-Origin", origin, "Access-Control-Expose-Headers", EXPOSED];
}

export function isPreflight(request: FastifyRequest): boolean {
  const { method, headers } = request.raw;
  return method === "OPTIONS" && headers["access-control-request-method"] !== undefined;
}

export function answerPreflight(replies: ReplyWriter, reply: FastifyReply): void {
  replies.empty(reply, 204, PREFLIGHT);
}
