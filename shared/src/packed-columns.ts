/**
 * The cells of one family of one row, packed: the same bytes in a stored row record and in a row on
 * the wire, so that a read can copy what it need not look into. Stored on disk: never change.
 *
 *   columns  = column*                         ascending by qualifier bytes
 *   column   = varint qualifier length, qualifier, varint length of cells, cells
 *   cells    = cell+                           newest first
 *   cell     = u8 flags, u56 timestamp (big-endian), varint value length, value
 *   flags    = bit 0: int64; all others 0
 *
 * P1. No counts: every level runs until its length is used up, so whatever is not wanted is skipped in
 *     one step.
 */
import { assert } from "./assert.ts";
import type { ByteReader } from "./bytes/byte-reader.ts";
import { putVarint, varintSize } from "./bytes/varint.ts";
import type { Version } from "./ids.ts";

export interface CellVersion {
  readonly timestamp: Version;
  readonly int64: boolean;
  readonly value: Buffer;
}

/** One column with at least one cell, newest first, no timestamp twice. */
export interface ColumnCells {
  readonly qualifier: Buffer;
  readonly cells: readonly CellVersion[];
}

const FLAGS_AND_TIMESTAMP_BYTES = 8;
const INT64_FLAG = 0x01;
const TWO_32 = 0x1_0000_0000;

export function columnsSize(columns: readonly ColumnCells[]): number {
  let size = 0;
  for (const { qualifier, cells } of columns) {
    const length = cellsSize(cells);
    size += varintSize(qualifier.length) + qualifier.length + varintSize(length) + length;
  }
  return size;
}

/** Writes `columnsSize(columns)` bytes at `at` and returns the offset behind them. */
export function putColumns(bytes: Buffer, at: number, columns: readonly ColumnCells[]): number {
  let next = at;
  for (const { qualifier, cells } of columns) {
    assert(cells.length > 0, "a column is stored only with a cell");
    next = putVarint(bytes, next, qualifier.length);
    bytes.set(qualifier, next);
    next = putVarint(bytes, next + qualifier.length, cellsSize(cells));
    for (const cell of cells) next = putCell(bytes, next, cell);
  }
  return next;
}

/** The columns in the reader's next `length` bytes. Values are views. */
export function readColumns(reader: ByteReader, length: number): ColumnCells[] {
  const end = reader.endOf(length);
  const columns: ColumnCells[] = [];
  while (reader.position < end) {
    const qualifier = reader.bytes();
    columns.push({ qualifier, cells: readCells(reader, reader.varint()) });
  }
  if (reader.position !== end) reader.fail("a column passes the end of its family");
  return columns;
}

/** The cells in the reader's next `length` bytes, at least one, in the order in which they stand. */
function readCells(reader: ByteReader, length: number): CellVersion[] {
  const end = reader.endOf(length);
  const cells: CellVersion[] = [];
  do {
    cells.push(readCell(reader));
  } while (reader.position < end);
  if (reader.position !== end) reader.fail("a cell passes the end of its column");
  return cells;
}

export function readCell(reader: ByteReader): CellVersion {
  const high = reader.u32();
  const timestamp = readTimestamp(reader, high);
  return { timestamp, int64: high >>> 24 === INT64_FLAG, value: reader.bytes() };
}

/** Passes over one cell and gives its timestamp. */
export function skipCell(reader: ByteReader): Version {
  const timestamp = readTimestamp(reader, reader.u32());
  reader.skip(reader.varint());
  return timestamp;
}

/** @param high the first 4 bytes of the cell, the flags in the uppermost */
function readTimestamp(reader: ByteReader, high: number): Version {
  if (high >>> 24 > INT64_FLAG) reader.fail(`unknown cell flags ${high >>> 24}`);
  const timestamp = (high & 0xff_ffff) * TWO_32 + reader.u32();
  if (timestamp > Number.MAX_SAFE_INTEGER) reader.fail("a timestamp is 2^53 or more");
  return timestamp as Version;
}

function cellsSize(cells: readonly CellVersion[]): number {
  let size = 0;
  for (const { value } of cells) {
    size += FLAGS_AND_TIMESTAMP_BYTES + varintSize(value.length) + value.length;
  }
  return size;
}

function putCell(bytes: Buffer, at: number, cell: CellVersion): number {
  const { timestamp, value } = cell;
  assert(Number.isSafeInteger(timestamp) && timestamp >= 0, "a timestamp is in [0, 2^53)");
  const flags = cell.int64 ? INT64_FLAG : 0;
  bytes.writeUInt32BE(flags * 0x100_0000 + Math.floor(timestamp / TWO_32), at);
  bytes.writeUInt32BE(timestamp >>> 0, at + 4);
  const next = putVarint(bytes, at + FLAGS_AND_TIMESTAMP_BYTES, value.length);
  bytes.set(value, next);
  return next + value.length;
}
