/**
 * One call of the REST API as data: what the server registers, what `GET /v1/openapi.json` describes,
 * and what docs/REST_API.md is checked against.
 */
import type { FastifyRequest } from "fastify";
import { DatabaseError } from "@stele/shared/errors.ts";
import type { Handler } from "./rest-context.ts";

export type Method = "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";

/** What a request carries: nothing, JSON, JSON or NDJSON, or bytes of any type. */
export type RequestBody = "none" | "json" | "json-or-ndjson" | "bytes";

export interface Route {
  /** The label of metrics and the operationId: `row_get`. */
  readonly op: string;
  readonly methods: readonly Method[];
  /** As the contract writes it: `/v1/tables/{table}/rows/{key}`. */
  readonly path: string;
  readonly summary: string;
  /** Names of the query parameters it takes. */
  readonly query: ReadonlySet<string>;
  readonly body: RequestBody;
  /** Its errors say whether the write was applied. */
  readonly effect: "read" | "write";
  readonly handler: Handler;
}

/** The path in the router's spelling: `:name` for a parameter, `::` for a colon. An id holds none. */
export function routerPath(path: string): string {
  return path
    .replaceAll(":", "::")
    .replaceAll("{id}", ":id([^/:]+)")
    .replaceAll(/\{(\w+)\}/g, ":$1");
}

/** Which URL paths a route's path covers, before any percent-decoding. */
export function pathPattern(path: string): RegExp {
  const pattern = path
    .replaceAll(/[.]/g, "\\.")
    .replaceAll(/\{id\}|\{table\}/g, "[^/:]+")
    .replaceAll(/\{\w+\}/g, "[^/]+");
  return new RegExp(`^${pattern}$`);
}

/** 404, with a hint where only a slash is in the way, else where to look. */
export function pathNotFound(path: string): DatabaseError {
  const detail = "there is no such path";
  const onlySlash = path !== "/" && (path.endsWith("/") || path.includes("//"));
  const hint = onlySlash
    ? "paths are exact: no trailing and no doubled slash"
    : "GET /v1/openapi.json lists every call";
  return new DatabaseError({ code: "PATH_NOT_FOUND", detail, hint });
}

/** A parameter of the path. The router gives empty ones for `//`, which no path has. */
export function pathParameter(request: FastifyRequest, name: string): string {
  const value = (request.params as Readonly<Record<string, string>>)[name];
  if (value === undefined || value === "") throw pathNotFound("//");
  return value;
}
