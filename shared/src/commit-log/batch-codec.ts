/**
 * A batch: everything that one append makes durable. Header, table, payload, each under a CRC of its
 * own, so that a batch whose payload is damaged still tells which replicas it was about (Protocol-
 * Aware Recovery, FAST'18), and one whose table is damaged still tells where the next one starts.
 *
 * A batch without records is an idle marker: it says only that everything before it was durable.
 */
import { crc32 } from "node:zlib";
import { assert } from "../assert.ts";
import type { EntryLocation, Lsn, RecoveredRecord } from "./commit-log.ts";
import {
  BATCH_ALIGNMENT,
  BATCH_HEADER,
  BATCH_HEADER_BYTES,
  MAX_BATCH_BYTES,
  MAX_BATCH_RECORDS,
  TABLE_ROW_BYTES,
  aligned,
  putU64,
  takeU64,
} from "./log-format.ts";
import { putRecord, recordPayloadBytes, takeRecord, takeRow } from "./record-codec.ts";
import type { EntryOwner, SegmentPlace, TableRow } from "./record-codec.ts";
import type { LogRecord } from "./records.ts";

// --- encoding ------------------------------------------------------------------------------------

/** Bytes that `encodeBatch` will give; asserts that the records may be written. */
export function batchBytes(records: readonly LogRecord[]): number {
  assert(records.length <= MAX_BATCH_RECORDS, () => `a batch of ${records.length} records`);
  let length = BATCH_HEADER_BYTES + records.length * TABLE_ROW_BYTES;
  for (const record of records) length += recordPayloadBytes(record);
  assert(length <= MAX_BATCH_BYTES, () => `a batch of ${length} bytes`);
  return aligned(length);
}

export interface BatchStamp {
  readonly lsn: Lsn;
  readonly durableLsn: Lsn;
  readonly salt: number;
}

export interface EncodedBatch {
  /** Alone in its memory, so that it can be moved to another thread. */
  readonly bytes: Buffer;
  readonly headerCrc: number;
  readonly locations: EntryLocation[];
}

/** @param length what `batchBytes(records)` gave */
export function encodeBatch(
  records: readonly LogRecord[],
  length: number,
  stamp: BatchStamp,
  place: SegmentPlace,
): EncodedBatch {
  assert(stamp.durableLsn < stamp.lsn, "a batch cannot be durable before it is written");
  const bytes = Buffer.allocUnsafeSlow(length);
  const locations: EntryLocation[] = [];
  const payloadAt = BATCH_HEADER_BYTES + records.length * TABLE_ROW_BYTES;
  let rowAt = BATCH_HEADER_BYTES;
  let end = payloadAt;
  for (const record of records) {
    end = putRecord(record, bytes, rowAt, end, place, locations);
    rowAt += TABLE_ROW_BYTES;
  }
  assert(aligned(end) === length, () => `a batch of ${end} bytes was measured as ${length}`);
  bytes.fill(0, end);
  bytes.writeUInt32LE(length, BATCH_HEADER.length);
  putU64(bytes, BATCH_HEADER.lsn, stamp.lsn);
  putU64(bytes, BATCH_HEADER.durableLsn, stamp.durableLsn);
  bytes.writeUInt32LE(stamp.salt, BATCH_HEADER.salt);
  bytes.writeUInt32LE(records.length, BATCH_HEADER.recordCount);
  const table = bytes.subarray(BATCH_HEADER_BYTES, payloadAt);
  bytes.writeUInt32LE(crc32(table), BATCH_HEADER.tableCrc);
  bytes.writeUInt32LE(crc32(bytes.subarray(payloadAt)), BATCH_HEADER.payloadCrc);
  const headerCrc = crcOfHeader(bytes, 0);
  bytes.writeUInt32LE(headerCrc, BATCH_HEADER.crc);
  return { bytes, headerCrc, locations };
}

export function encodeMarker(stamp: BatchStamp): Buffer {
  return encodeBatch([], BATCH_HEADER_BYTES, stamp, { segment: 0, offset: 0 }).bytes;
}

// --- decoding ------------------------------------------------------------------------------------

export interface BatchHeader {
  readonly crc: number;
  readonly length: number;
  readonly lsn: Lsn;
  readonly durableLsn: Lsn;
  /** 0: an idle marker. */
  readonly recordCount: number;
}

/** Null: no batch with this salt starts at `at`, or its header is damaged. */
export function takeBatchHeader(bytes: Buffer, at: number, salt: number): BatchHeader | null {
  if (at + BATCH_HEADER_BYTES > bytes.length) return null;
  if (bytes.readUInt32LE(at + BATCH_HEADER.salt) !== salt) return null;
  const crc = bytes.readUInt32LE(at + BATCH_HEADER.crc);
  if (crc !== crcOfHeader(bytes, at)) return null;
  const length = bytes.readUInt32LE(at + BATCH_HEADER.length);
  const lsn = takeU64(bytes, at + BATCH_HEADER.lsn);
  const durableLsn = takeU64(bytes, at + BATCH_HEADER.durableLsn);
  const recordCount = bytes.readUInt32LE(at + BATCH_HEADER.recordCount);
  const lengthMin = BATCH_HEADER_BYTES + recordCount * TABLE_ROW_BYTES;
  if (length % BATCH_ALIGNMENT !== 0 || length < lengthMin || length > MAX_BATCH_BYTES) return null;
  if (recordCount > MAX_BATCH_RECORDS) return null;
  if (recordCount === 0 && length !== BATCH_HEADER_BYTES) return null;
  if (!Number.isSafeInteger(lsn) || lsn < 1 || durableLsn >= lsn) return null;
  return { crc, length, lsn, durableLsn, recordCount };
}

function crcOfHeader(bytes: Buffer, at: number): number {
  return crc32(bytes.subarray(at + BATCH_HEADER.length, at + BATCH_HEADER_BYTES));
}

export type BatchContent =
  | { readonly kind: "intact"; readonly records: readonly RecoveredRecord[] }
  /** `replicas` null: the table is damaged too. */
  | { readonly kind: "damaged"; readonly replicas: readonly EntryOwner[] | null };

/** @param batch the `header.length` bytes at `place`; fewer if the file ends */
export function takeBatch(batch: Buffer, header: BatchHeader, place: SegmentPlace): BatchContent {
  const rows = takeTable(batch, header.recordCount);
  if (rows === null) return { kind: "damaged", replicas: null };
  const payloadAt = BATCH_HEADER_BYTES + rows.length * TABLE_ROW_BYTES;
  const payload = batch.subarray(payloadAt);
  const isWhole = batch.length === header.length;
  if (isWhole && crc32(payload) === batch.readUInt32LE(BATCH_HEADER.payloadCrc)) {
    const records = takeRecords(rows, payload, header.lsn, {
      segment: place.segment,
      offset: place.offset + payloadAt,
    });
    if (records !== null) return { kind: "intact", records };
  }
  return { kind: "damaged", replicas: ownersIn(rows) };
}

function takeTable(batch: Buffer, recordCount: number): TableRow[] | null {
  const end = BATCH_HEADER_BYTES + recordCount * TABLE_ROW_BYTES;
  if (end > batch.length) return null;
  const table = batch.subarray(BATCH_HEADER_BYTES, end);
  if (crc32(table) !== batch.readUInt32LE(BATCH_HEADER.tableCrc)) return null;
  const rows: TableRow[] = [];
  for (let at = BATCH_HEADER_BYTES; at < end; at += TABLE_ROW_BYTES) {
    const row = takeRow(batch, at);
    if (row === null) return null;
    rows.push(row);
  }
  return rows;
}

function takeRecords(
  rows: readonly TableRow[],
  payload: Buffer,
  lsn: Lsn,
  place: SegmentPlace,
): RecoveredRecord[] | null {
  const records: RecoveredRecord[] = [];
  let at = 0;
  for (const row of rows) {
    const end = at + row.payloadLength;
    if (end > payload.length) return null;
    const locations: EntryLocation[] = [];
    const own = { segment: place.segment, offset: place.offset + at };
    const record = takeRecord(row, payload.subarray(at, end), own, locations);
    if (record === null) return null;
    records.push({ lsn, segment: place.segment, record, locations });
    at = end;
  }
  return aligned(at) === payload.length ? records : null;
}

function ownersIn(rows: readonly TableRow[]): EntryOwner[] {
  const owners = new Map<string, EntryOwner>();
  for (const { tabletId, replicaId } of rows) {
    owners.set(`${tabletId}/${replicaId}`, { tabletId, replicaId });
  }
  return [...owners.values()];
}
