// Bytes as the REST API spells them in JSON: text, {"b64"} or, for values, {"int64"}.
import { isUtf8 } from "node:buffer";

export type JsonBytes = string | { readonly b64: string };
export type JsonValue = JsonBytes | { readonly int64: string };

export function toJsonBytes(bytes: Buffer): JsonBytes {
  return isUtf8(bytes) ? bytes.toString("utf8") : { b64: bytes.toString("base64url") };
}

export function fromJsonBytes(json: JsonBytes): Buffer {
  return typeof json === "string" ? Buffer.from(json, "utf8") : Buffer.from(json.b64, "base64url");
}

/** The cell's bytes: 8 of them for a number. */
export function fromJsonValue(json: JsonValue): Buffer {
  if (typeof json !== "object" || !("int64" in json)) return fromJsonBytes(json);
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(BigInt(json.int64));
  return bytes;
}

export interface JsonCell {
  readonly value: JsonValue;
  readonly timestamp: string;
}

export interface JsonRow {
  readonly key: JsonBytes;
  readonly version: string;
  readonly columns?: Readonly<Record<string, JsonValue>>;
  readonly cells?: Readonly<Record<string, readonly JsonCell[]>>;
}
