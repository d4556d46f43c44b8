/**
 * One stored row as bytes. Stored on disk: never change; a new layout is a new format number.
 *
 *   record = u32 crc, u8 format, u8 form, u64 version, family+
 *   family = u16 number, varint length of columns, columns          ascending by number
 *   columns: shared/src/packed-columns.ts
 *   crc    = CRC32 (zlib) of the row key followed by everything behind the crc
 *   form   = 1 packed: all cells follow. 2 segmented: reserved for rows of many cells, refused here.
 *
 * R1. The CRC is checked before anything else is believed, on every read. It covers the key, so that a
 *     record that LevelDB gives for another key is found too; it does not cover the space, so that
 *     snapshots and splits carry records unchanged.
 * R2. Opening a record finds its families and no cells: a projection looks only into what it wants.
 * R3. A family number that the schema does not know is damage, not data to skip: numbers are never
 *     reused, and a record is only ever read with a schema at least as new as the one it was written
 *     with. A schema from which families can be dropped must therefore keep the dropped numbers, and
 *     only those may be skipped.
 */
import { crc32 } from "node:zlib";
import { assert } from "@stele/shared/assert.ts";
import { ByteReader } from "@stele/shared/bytes/byte-reader.ts";
import { MalformedFrameError } from "@stele/shared/bytes/malformed-frame-error.ts";
import { putCounter, putVarint, varintSize } from "@stele/shared/bytes/varint.ts";
import type { Version } from "@stele/shared/ids.ts";
import { columnsSize, putColumns, readColumns } from "@stele/shared/packed-columns.ts";
import { CorruptRecordError } from "./corrupt-record-error.ts";
import type { StoredFamily, StoredRow } from "./stored-row.ts";

const FORMAT = 1;
const PACKED = 1;
const SEGMENTED = 2;
const CRC_BYTES = 4;
const HEADER_BYTES = CRC_BYTES + 2 + 8;

/** Where one family's packed columns lie in an opened record: [start, end). */
export interface FamilySpan {
  readonly number: number;
  readonly start: number;
  readonly end: number;
}

/** A record whose checksum held. */
export interface OpenRecord {
  readonly key: Buffer;
  readonly bytes: Buffer;
  readonly version: Version;
  /** Ascending by number, at least one. */
  readonly families: readonly FamilySpan[];
}

export function rowRecordSize(row: StoredRow): number {
  let size = HEADER_BYTES;
  for (const { columns } of row.families) {
    const length = columnsSize(columns);
    size += 2 + varintSize(length) + length;
  }
  return size;
}

/** @param size what `rowRecordSize(row)` gave, for callers that asked already */
export function encodeRowRecord(key: Buffer, row: StoredRow, size = rowRecordSize(row)): Buffer {
  assert(row.families.length > 0, "a stored row has a cell");
  const bytes = Buffer.allocUnsafe(size);
  bytes[CRC_BYTES] = FORMAT;
  bytes[CRC_BYTES + 1] = PACKED;
  let at = putCounter(bytes, CRC_BYTES + 2, row.version);
  for (const { number, columns } of row.families) {
    at = bytes.writeUInt16BE(number, at);
    at = putVarint(bytes, at, columnsSize(columns));
    at = putColumns(bytes, at, columns);
  }
  assert(at === size, "a record filled another length than it announced");
  bytes.writeUInt32BE(checksum(key, bytes), 0);
  return bytes;
}

/** Checks the record and finds its families. Throws `CorruptRecordError`. */
export function openRowRecord(key: Buffer, bytes: Buffer): OpenRecord {
  if (bytes.length < HEADER_BYTES) throw new CorruptRecordError(key, "it is too short");
  if (checksum(key, bytes) !== bytes.readUInt32BE(0)) {
    throw new CorruptRecordError(key, "its checksum is wrong");
  }
  return uncorrupted(key, () => readHeader(key, bytes));
}

/** The whole row. Throws `CorruptRecordError`. Values are views into the record. */
export function decodeRowRecord(key: Buffer, bytes: Buffer): StoredRow {
  const record = openRowRecord(key, bytes);
  return uncorrupted(key, () => {
    const reader = new ByteReader(bytes);
    const families: StoredFamily[] = [];
    for (const { number, start, end } of record.families) {
      reader.skip(start - reader.position);
      families.push({ number, columns: readColumns(reader, end - start) });
    }
    return { version: record.version, families };
  });
}

function readHeader(key: Buffer, bytes: Buffer): OpenRecord {
  const reader = new ByteReader(bytes, CRC_BYTES);
  const format = reader.byte();
  if (format !== FORMAT) reader.fail(`its format ${format} is unknown`);
  const form = reader.byte();
  if (form === SEGMENTED) reader.fail("it is segmented, which this version cannot read");
  if (form !== PACKED) reader.fail(`its form ${form} is unknown`);
  const version = reader.counter() as Version;
  return { key, bytes, version, families: readFamilySpans(reader) };
}

function readFamilySpans(reader: ByteReader): FamilySpan[] {
  const families: FamilySpan[] = [];
  let last = 0;
  do {
    const number = reader.u16();
    if (number <= last) reader.fail("its families do not ascend");
    last = number;
    const length = reader.varint();
    const start = reader.position;
    reader.skip(length);
    if (length === 0) reader.fail("it has an empty family");
    families.push({ number, start, end: reader.position });
  } while (reader.remaining > 0);
  return families;
}

/** Runs a reader of stored bytes: what it finds malformed is damage. */
export function uncorrupted<T>(key: Buffer, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof MalformedFrameError) throw new CorruptRecordError(key, error.message);
    throw error;
  }
}

function checksum(key: Buffer, bytes: Buffer): number {
  return crc32(bytes.subarray(CRC_BYTES), crc32(key));
}
