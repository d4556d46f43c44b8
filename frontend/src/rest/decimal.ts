/**
 * Decimal strings: versions, timestamps and 64-bit integers travel as text, because a JSON number is
 * a double.
 */
import type { Version } from "@stele/shared/ids.ts";
import { invalidBody, nameOfType } from "./invalid-input.ts";
import type { Pointer } from "./invalid-input.ts";

const UNSIGNED = /^(?:0|[1-9][0-9]{0,15})$/;
const SIGNED = /^-?(?:0|[1-9][0-9]{0,18})$/;

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;

/** Null: not the canonical decimal form of an integer in [0, 2^53). */
export function versionOf(text: string): Version | null {
  if (!UNSIGNED.test(text)) return null;
  const value = Number(text);
  return Number.isSafeInteger(value) ? (value as Version) : null;
}

/** Null: not the canonical decimal form of an integer that fits 64 bits, signed. */
export function int64Of(text: string): bigint | null {
  if (!SIGNED.test(text) || text === "-0") return null;
  const value = BigInt(text);
  return value >= INT64_MIN && value <= INT64_MAX ? value : null;
}

/** A version or timestamp in a body. */
export function parseVersion(value: unknown, pointer: Pointer): Version {
  const parsed = typeof value === "string" ? versionOf(value) : null;
  if (parsed !== null) return parsed;
  const given = typeof value === "string" ? "this text" : nameOfType(value);
  throw invalidBody(pointer, `must be microseconds as a decimal string, not ${given}`);
}

/** The 8 bytes of an int64 cell: big-endian, two's complement. */
export function int64Bytes(value: bigint): Buffer {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeBigInt64BE(value);
  return bytes;
}
