/**
 * Bytes in JSON (docs/REST_API.md): a string when they are valid UTF-8, else `{"b64":".."}`. Values
 * may also be `{"int64":"42"}`.
 *
 * B1. Lossless: what is rendered parses to the same bytes, and equal bytes render to equal text.
 * B2. No normalisation, no conversion from any other JSON type.
 */
import { isUtf8 } from "node:buffer";
import { int64Bytes, int64Of } from "./decimal.ts";
import { at, invalidBody, nameOfType, objectOf, onlyMembers } from "./invalid-input.ts";
import type { Pointer } from "./invalid-input.ts";

const B64_MEMBERS: ReadonlySet<string> = new Set(["b64"]);
const VALUE_MEMBERS: ReadonlySet<string> = new Set(["b64", "int64"]);
const BYTES_FORMS = 'a string or {"b64":".."}';
const VALUE_FORMS = 'a string, {"b64":".."} or {"int64":".."}';

/** Text that JSON spells as itself. */
const PLAIN = /^[ !#-[\]-~]*$/;
/** Below it, one pass over the characters beats the native UTF-8 check plus `JSON.stringify`. */
const SHORT_BYTES = 256;

export interface CellValue {
  readonly value: Buffer;
  readonly int64: boolean;
}

export function parseBytes(value: unknown, pointer: Pointer): Buffer {
  if (typeof value === "string") return Buffer.from(value, "utf8");
  const object = objectInstead(value, pointer, BYTES_FORMS);
  onlyMembers(object, B64_MEMBERS, pointer);
  return parseB64Member(object, pointer, BYTES_FORMS);
}

export function parseValue(value: unknown, pointer: Pointer): CellValue {
  if (typeof value === "string") return { value: Buffer.from(value, "utf8"), int64: false };
  const object = objectInstead(value, pointer, VALUE_FORMS);
  onlyMembers(object, VALUE_MEMBERS, pointer);
  if (!("int64" in object)) {
    return { value: parseB64Member(object, pointer, VALUE_FORMS), int64: false };
  }
  if ("b64" in object) throw invalidBody(pointer, "must have either b64 or int64");
  const text = object.int64;
  const parsed = typeof text === "string" ? int64Of(text) : null;
  if (parsed === null) {
    throw invalidBody(at(pointer, "int64"), "must be a 64-bit integer as a decimal string");
  }
  return { value: int64Bytes(parsed), int64: true };
}

const BASE64 = /^[A-Za-z0-9+/_-]*={0,2}$/;
/** Last characters that leave no bit beyond the last byte, where 2 or 3 characters remain. */
const LAST_OF_TWO = /[AQgw]$/;
const LAST_OF_THREE = /[AEIMQUYcgkosw048]$/;

/** Either alphabet, padded or not; null: not base64, or bits beyond the last byte are set. */
export function decodeBase64(text: string): Buffer | null {
  if (!BASE64.test(text)) return null;
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  if (padding > 0 && text.length % 4 !== 0) return null;
  const length = text.length - padding;
  const last = text.slice(Math.max(0, length - 1), length);
  switch (length % 4) {
    case 1:
      return null;
    case 2:
      if (!LAST_OF_TWO.test(last)) return null;
      break;
    case 3:
      if (!LAST_OF_THREE.test(last)) return null;
      break;
    default:
  }
  return Buffer.from(text, "base64");
}

/** As JSON text. */
export function renderBytes(bytes: Buffer): string {
  if (bytes.length <= SHORT_BYTES) {
    const text = bytes.toString("latin1");
    if (PLAIN.test(text)) return `"${text}"`;
  }
  if (isUtf8(bytes)) return JSON.stringify(bytes.toString("utf8"));
  return `{"b64":"${bytes.toString("base64url")}"}`;
}

/** As JSON text; a cell that carries the int64 flag shows as a number. */
export function renderValue(value: Buffer, int64: boolean): string {
  if (int64 && value.length === 8) return `{"int64":"${value.readBigInt64BE()}"}`;
  return renderBytes(value);
}

/** Of the other `forms`, all are objects. */
function objectInstead(
  value: unknown,
  pointer: Pointer,
  forms: string,
): Readonly<Record<string, unknown>> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return objectOf(value, pointer);
  }
  throw invalidBody(pointer, `must be ${forms}, not ${nameOfType(value)}`);
}

function parseB64Member(
  object: Readonly<Record<string, unknown>>,
  pointer: Pointer,
  forms: string,
): Buffer {
  const text = object.b64;
  if (typeof text !== "string") throw invalidBody(pointer, `must be ${forms}`);
  const bytes = decodeBase64(text);
  if (bytes === null) throw invalidBody(at(pointer, "b64"), "is not base64");
  return bytes;
}
