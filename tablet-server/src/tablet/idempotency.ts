/**
 * Results that are kept for a user's Idempotency-Key (docs/REST_API.md). The record lies beside the row
 * it belongs to, so splits, moves and snapshots carry it; the write's effect and its record are one entry.
 *
 *   record = u32 crc, u8 format, u64 expiry, fingerprint, result
 *   crc    = CRC32 of row key, idempotency key and everything behind the crc
 *
 * I1. Looked up under the row's latch, before conditions are judged.
 * I2. Only writes that changed something are stored: a request under the key of one that changed nothing is judged anew.
 * I3. Time is log age: neither a replica's own clock nor versions decide what is kept.
 */
import { crc32 } from "node:zlib";
import { ByteReader } from "@stele/shared/bytes/byte-reader.ts";
import { ByteWriter } from "@stele/shared/bytes/byte-writer.ts";
import type { DatabaseErrorBody } from "@stele/shared/errors.ts";
import type { IdempotencyKey, WriteResult } from "@stele/shared/row-operations.ts";
import { readResult, writeResult } from "@stele/shared/wire/write-result-codec.ts";
import { CorruptRecordError } from "../storage/corrupt-record-error.ts";
import { uncorrupted } from "../storage/row-record.ts";
import type { LogAge } from "./log-age.ts";

export interface IdempotencyRecord {
  /** Digest of the request that was answered. */
  readonly fingerprint: Buffer;
  /** From this age on the key is free again. */
  readonly expiry: LogAge;
  readonly result: WriteResult;
}

export type IdempotencyLookup =
  /** Not known, or expired: a new request. */
  | { readonly kind: "new" }
  | { readonly kind: "replay"; readonly result: WriteResult }
  | { readonly kind: "mismatch"; readonly error: DatabaseErrorBody };

const FORMAT = 1;
const CRC_BYTES = 4;

/**
 * @param stored the record beside the row, or null
 * @param now as the leader counts it
 */
export function lookUpIdempotency(
  stored: IdempotencyRecord | null,
  given: IdempotencyKey,
  now: LogAge,
): IdempotencyLookup {
  if (stored === null || stored.expiry <= now) return { kind: "new" };
  if (stored.fingerprint.equals(given.fingerprint)) {
    return { kind: "replay", result: { ...stored.result, replayed: true } };
  }
  const detail = "This Idempotency-Key was used for another request on this row.";
  const hint = "A retry repeats method, columns, conditions and body; else take a new key.";
  return {
    kind: "mismatch",
    error: { code: "IDEMPOTENCY_MISMATCH", detail, hint, applied: "no" },
  };
}

export function encodeIdempotencyRecord(
  rowKey: Buffer,
  idempotencyKey: string,
  record: IdempotencyRecord,
): Buffer {
  const writer = new ByteWriter(128);
  writer.u32(0).byte(FORMAT).counter(record.expiry).bytes(record.fingerprint);
  writeResult(writer, record.result);
  const bytes = writer.finish();
  bytes.writeUInt32BE(checksum(rowKey, idempotencyKey, bytes), 0);
  return bytes;
}

/** Throws `CorruptRecordError`. */
export function decodeIdempotencyRecord(
  rowKey: Buffer,
  idempotencyKey: string,
  bytes: Buffer,
): IdempotencyRecord {
  if (
    bytes.length < CRC_BYTES ||
    checksum(rowKey, idempotencyKey, bytes) !== bytes.readUInt32BE(0)
  ) {
    throw new CorruptRecordError(rowKey, "the checksum of an idempotency record is wrong");
  }
  return uncorrupted(rowKey, () => {
    const reader = new ByteReader(bytes, CRC_BYTES);
    const format = reader.byte();
    if (format !== FORMAT) reader.fail(`unknown format ${format} of an idempotency record`);
    const expiry = reader.counter() as LogAge;
    const fingerprint = reader.bytes();
    const result = readResult(reader);
    reader.end();
    return { fingerprint, expiry, result };
  });
}

function checksum(rowKey: Buffer, idempotencyKey: string, bytes: Buffer): number {
  return crc32(bytes.subarray(CRC_BYTES), crc32(idempotencyKey, crc32(rowKey)));
}
