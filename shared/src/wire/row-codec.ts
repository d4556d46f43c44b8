/**
 * Rows in replies. The family names stand once, before the rows; a row names each of its families by
 * its place in that list, followed by the family's columns as `packed-columns.ts` packs them. So a
 * tablet server can copy what it stores, and `ProjectedRows` there writes the same bytes.
 *
 *   names  = varint count, text*
 *   row    = u8 0                                                     no row
 *          | u8 1, key, u64 version, family*, varint 0                a row
 *   family = varint 1 + place in names, u32 length of columns, columns
 */
import { must } from "../assert.ts";
import type { ByteReader } from "../bytes/byte-reader.ts";
import type { ByteWriter } from "../bytes/byte-writer.ts";
import type { Version } from "../ids.ts";
import { columnsSize, putColumns, readCell } from "../packed-columns.ts";
import type { ColumnCells } from "../packed-columns.ts";
import type { ReadResult } from "../row-operations.ts";
import type { Cell } from "../row.ts";

const ABSENT = 0;
const PRESENT = 1;
const END_OF_FAMILIES = 0;

/** Family names and rows behind one another; `readRows` reads them. */
export function writeRows(writer: ByteWriter, rows: readonly ReadResult[]): ByteWriter {
  const places = new Map<string, number>();
  for (const row of rows) {
    for (const { family } of row?.cells ?? []) {
      if (!places.has(family)) places.set(family, places.size);
    }
  }
  writeRowsHead(writer, [...places.keys()], rows.length);
  for (const row of rows) writeRow(writer, row, places);
  return writer;
}

/** Throws `MalformedFrameError`. Byte strings are views into the input. */
export function readRows(reader: ByteReader): ReadResult[] {
  const names = reader.list(1, (from) => from.text());
  return reader.list(1, (from) => readRow(from, names));
}

/** `rows` rows follow, whose families have the places of `names`. */
export function writeRowsHead(
  writer: ByteWriter,
  names: readonly string[],
  rows: number,
): ByteWriter {
  return writer.list(names, (to, name) => to.text(name)).varint(rows);
}

export function writeNoRow(writer: ByteWriter): void {
  writer.byte(ABSENT);
}

/** Families follow, then `endRow`. */
export function beginRow(writer: ByteWriter, key: Buffer, version: Version): void {
  writer.byte(PRESENT).bytes(key).counter(version);
}

/** Packed columns of `length` bytes follow. */
export function beginFamily(writer: ByteWriter, place: number, length: number): void {
  writer.varint(place + 1).u32(length);
}

export function endRow(writer: ByteWriter): void {
  writer.varint(END_OF_FAMILIES);
}

function writeRow(writer: ByteWriter, row: ReadResult, places: ReadonlyMap<string, number>): void {
  if (row === null) return writeNoRow(writer);
  beginRow(writer, row.key, row.version);
  let at = 0;
  while (at < row.cells.length) {
    const { family } = row.cells[at] as Cell;
    const { columns, next } = columnsOfFamily(row.cells, at);
    const size = columnsSize(columns);
    beginFamily(writer, must(places.get(family), "a family without a place"), size);
    writer.fill(size, (bytes, start) => putColumns(bytes, start, columns));
    at = next;
  }
  endRow(writer);
}

/** Groups the cells from `start` on that share its family; `next` is the first of another. */
function columnsOfFamily(
  cells: readonly Cell[],
  start: number,
): { columns: ColumnCells[]; next: number } {
  const { family } = cells[start] as Cell;
  const columns: { qualifier: Buffer; cells: Cell[] }[] = [];
  let column: { qualifier: Buffer; cells: Cell[] } | undefined;
  let at = start;
  for (; at < cells.length; at++) {
    const cell = cells[at] as Cell;
    if (cell.family !== family) break;
    if (column?.qualifier.equals(cell.qualifier)) {
      column.cells.push(cell);
    } else {
      column = { qualifier: cell.qualifier, cells: [cell] };
      columns.push(column);
    }
  }
  return { columns, next: at };
}

function readRow(reader: ByteReader, names: readonly string[]): ReadResult {
  if (!reader.flag()) return null;
  const key = reader.bytes();
  const version = reader.counter() as Version;
  const cells: Cell[] = [];
  for (let place = reader.varint(); place !== END_OF_FAMILIES; place = reader.varint()) {
    const family = names[place - 1];
    if (family === undefined) return reader.fail(`a row names family ${place}, unknown here`);
    readFamilyCells(reader, family, cells);
  }
  return { key, version, cells };
}

/** As `readColumns`, but straight into the flat cells of a `Row`. */
function readFamilyCells(reader: ByteReader, family: string, cells: Cell[]): void {
  const end = reader.endOf(reader.u32());
  while (reader.position < end) {
    const qualifier = reader.bytes();
    const columnEnd = reader.endOf(reader.varint());
    do {
      const { timestamp, int64, value } = readCell(reader);
      cells.push({ family, qualifier, timestamp, value, int64 });
    } while (reader.position < columnEnd);
    if (reader.position !== columnEnd) reader.fail("a cell passes the end of its column");
  }
  if (reader.position !== end) reader.fail("a column passes the end of its family");
}
