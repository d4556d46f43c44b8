/**
 * Page tokens: where a list goes on, for any front-end, after any restart. No server state, no secret,
 * no expiry.
 *
 * T1. A token names its table's id, so one of a dropped table is not taken for its successor.
 * T2. It holds a fingerprint of the parameters that must be repeated, and a checksum over all.
 *
 * Layout: format u8 (1) | fingerprint 8 bytes | table id u48 | has position u8 | position | crc32 u32,
 * big-endian, in base64url.
 */
import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { DatabaseError } from "@stele/shared/errors.ts";
import { tableId as toTableId } from "@stele/shared/ids.ts";
import type { TableId } from "@stele/shared/ids.ts";
import { decodeBase64 } from "./bytes-json.ts";

const FORMAT = 1;
const FINGERPRINT_BYTES = 8;
const HEADER_BYTES = 1 + FINGERPRINT_BYTES + 6 + 1;
const CHECKSUM_BYTES = 4;

export interface PagePosition {
  readonly tableId: TableId;
  /** The bound to go on from; null: nothing was passed yet. */
  readonly position: Buffer | null;
}

/** `parameters`: everything that the next request must repeat; JSON-able, bytes as base64. */
export function fingerprintOf(parameters: readonly unknown[]): Buffer {
  const digest = createHash("sha256").update(JSON.stringify(parameters)).digest();
  return digest.subarray(0, FINGERPRINT_BYTES);
}

export function encodePageToken(fingerprint: Buffer, page: PagePosition): string {
  const position = page.position ?? Buffer.alloc(0);
  const bytes = Buffer.alloc(HEADER_BYTES + position.length + CHECKSUM_BYTES);
  bytes.writeUInt8(FORMAT, 0);
  fingerprint.copy(bytes, 1);
  bytes.writeUIntBE(page.tableId, 1 + FINGERPRINT_BYTES, 6);
  bytes.writeUInt8(page.position === null ? 0 : 1, HEADER_BYTES - 1);
  position.copy(bytes, HEADER_BYTES);
  const end = bytes.length - CHECKSUM_BYTES;
  bytes.writeUInt32BE(crc32(bytes.subarray(0, end)), end);
  return bytes.toString("base64url");
}

/** Throws INVALID_PAGE_TOKEN for damage, PAGE_TOKEN_MISMATCH for another request's token. */
export function decodePageToken(token: string, fingerprint: Buffer): PagePosition {
  const bytes = decodeBase64(token);
  if (bytes === null || !isIntact(bytes)) {
    throw new DatabaseError({ code: "INVALID_PAGE_TOKEN", detail: "the page token is damaged" });
  }
  if (!bytes.subarray(1, 1 + FINGERPRINT_BYTES).equals(fingerprint)) {
    throw new DatabaseError({
      code: "PAGE_TOKEN_MISMATCH",
      detail: "the page token belongs to a request with other parameters",
      hint: "repeat all parameters; only limit, timeout, consistency and maxStaleness may change",
    });
  }
  const hasPosition = bytes[HEADER_BYTES - 1] === 1;
  return {
    tableId: toTableId(bytes.readUIntBE(1 + FINGERPRINT_BYTES, 6)),
    position: hasPosition ? bytes.subarray(HEADER_BYTES, -CHECKSUM_BYTES) : null,
  };
}

function isIntact(bytes: Buffer): boolean {
  const end = bytes.length - CHECKSUM_BYTES;
  if (end < HEADER_BYTES || bytes[0] !== FORMAT) return false;
  return crc32(bytes.subarray(0, end)) === bytes.readUInt32BE(end);
}
