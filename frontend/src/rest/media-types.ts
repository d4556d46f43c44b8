/**
 * Content types taken and given (docs/REST_API.md): JSON, and NDJSON where a call says so.
 *
 * Answers are NDJSON only when `Accept` ranks it above JSON; everything else, `text/html` included, is
 * JSON, and nothing is refused for its `Accept`.
 */
import type { IncomingHttpHeaders } from "node:http";
import { DatabaseError } from "@stele/shared/errors.ts";

export const JSON_TYPE = "application/json";
export const NDJSON_TYPE = "application/x-ndjson";
export const PROBLEM_TYPE = "application/problem+json";
export const BYTES_TYPE = "application/octet-stream";

const NDJSON_TYPES: ReadonlySet<string> = new Set([
  NDJSON_TYPE,
  "application/ndjson",
  "application/jsonl",
]);

export type BodyType = "json" | "ndjson";

/** Throws 415 unless the body is of one of the types. `Content-Encoding` is refused as well. */
export function bodyTypeOf(headers: IncomingHttpHeaders, taken: readonly BodyType[]): BodyType {
  refuseContentEncoding(headers);
  const header = headers["content-type"];
  const type = header === undefined ? null : typeOf(header);
  if (type !== null && taken.includes(type)) return type;
  const names = taken.map((each) => (each === "json" ? JSON_TYPE : NDJSON_TYPE));
  throw new DatabaseError({
    code: "UNSUPPORTED_MEDIA_TYPE",
    detail: header === undefined ? "the body has no type" : "the body's type is not taken here",
    hint: `send the header Content-Type: ${names.join(" or ")}`,
  });
}

export function refuseContentEncoding(headers: IncomingHttpHeaders): void {
  const encoding = headers["content-encoding"];
  if (encoding === undefined || encoding.toLowerCase() === "identity") return;
  throw new DatabaseError({
    code: "UNSUPPORTED_MEDIA_TYPE",
    detail: "encoded bodies are not taken",
    hint: "send the body without a Content-Encoding",
  });
}

function typeOf(header: string): BodyType | null {
  if (header === JSON_TYPE) return "json";
  const [type = "", ...parameters] = header.split(";").map((part) => part.trim().toLowerCase());
  for (const parameter of parameters) {
    if (!parameter.startsWith("charset=")) continue;
    if (!/^charset="?utf-?8"?$/.test(parameter)) return null;
  }
  if (type === JSON_TYPE) return "json";
  return NDJSON_TYPES.has(type) ? "ndjson" : null;
}

/** Whether `Accept` ranks NDJSON above JSON: by weight, and of equal weights by what comes first. */
export function prefersNdjson(accept: string | undefined): boolean {
  if (accept === undefined || !accept.includes("json")) return false;
  let ndjson = 0;
  let json = 0;
  for (const part of accept.split(",")) {
    const [range = "", ...parameters] = part.split(";").map((each) => each.trim().toLowerCase());
    const weight = weightOf(parameters);
    if (NDJSON_TYPES.has(range)) {
      if (weight > json) ndjson = Math.max(ndjson, weight);
    } else if (range === JSON_TYPE || range === "application/*" || range === "*/*") {
      if (weight > ndjson) json = Math.max(json, weight);
    }
  }
  return ndjson > json;
}

function weightOf(parameters: readonly string[]): number {
  const weight = parameters.find((parameter) => parameter.startsWith("q="));
  const value = weight === undefined ? 1 : Number(weight.slice(2));
  return value >= 0 && value <= 1 ? value : 0;
}
