/** What a line of a load is: a row, an operation, or control as streams of rows write it. */
import { DatabaseError } from "@stele/shared/errors.ts";
import type { DatabaseErrorBody } from "@stele/shared/errors.ts";
import { parseJson } from "./json-text.ts";

type JsonObject = Readonly<Record<string, unknown>>;

export type LoadLine =
  | { readonly kind: "blank" }
  | { readonly kind: "row"; readonly row: JsonObject }
  | { readonly kind: "operation"; readonly value: unknown }
  | { readonly kind: "progress" }
  | { readonly kind: "end"; readonly rows: number }
  | { readonly kind: "error" }
  | { readonly kind: "malformed"; readonly error: DatabaseErrorBody };

const SPACE = 0x20;

export function parseLoadLine(bytes: Buffer): LoadLine {
  if (bytes.every((byte) => byte <= SPACE)) return { kind: "blank" };
  let value: unknown;
  try {
    value = parseJson(bytes);
  } catch (error) {
    if (!(error instanceof DatabaseError)) throw error;
    return { kind: "malformed", error: { ...error.body, applied: "no" } };
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return { kind: "operation", value };
  }
  const object = value as JsonObject;
  if (object.key !== undefined) return { kind: "row", row: object };
  if (object.progress !== undefined) return { kind: "progress" };
  if (object.error !== undefined) return { kind: "error" };
  if (object.end !== undefined) return endLine(object.end);
  return { kind: "operation", value };
}

function endLine(end: unknown): LoadLine {
  const rows = typeof end === "object" && end !== null && "rows" in end ? end.rows : null;
  if (typeof rows === "number" && Number.isSafeInteger(rows)) return { kind: "end", rows };
  const detail = 'an end line must be {"end":{"rows":n}}';
  return { kind: "malformed", error: { code: "INVALID_REQUEST", detail, applied: "no" } };
}
