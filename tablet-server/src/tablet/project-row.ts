/**
 * Copies the wanted cells of a stored record into a reply, in the row's order (W1 in shared/src/row.ts),
 * without making an object of any cell: the packing of both is the same (shared/src/packed-columns.ts),
 * so whole families or runs of columns are copied at once.
 *
 * Everything here throws `CorruptRecordError` for a record whose checksum or structure is wrong, or that
 * holds a family which the schema does not know.
 */
import { ByteReader } from "@stele/shared/bytes/byte-reader.ts";
import type { ByteWriter } from "@stele/shared/bytes/byte-writer.ts";
import { skipCell } from "@stele/shared/packed-columns.ts";
import { beginFamily, beginRow, endRow } from "@stele/shared/wire/row-codec.ts";
import { CorruptRecordError } from "../storage/corrupt-record-error.ts";
import { openRowRecord, uncorrupted } from "../storage/row-record.ts";
import type { FamilySpan, OpenRecord } from "../storage/row-record.ts";
import type { RowProjection, WantedFamily } from "./row-projection.ts";

/** Of a family's length, before its columns. */
const LENGTH_BYTES = 4;

/**
 * Appends the row with its wanted cells, possibly none; whether it has any. With `keysOnly` they are
 * looked for and left out.
 *
 * @param key the row's key, `bytes` its record
 */
export function projectRow(
  writer: ByteWriter,
  key: Buffer,
  bytes: Buffer,
  projection: RowProjection,
): boolean {
  const record = openKnownRecord(key, bytes, projection);
  return uncorrupted(key, () => {
    beginRow(writer, key, record.version);
    const start = writer.length;
    if (!projection.keysOnly) copyFamilies(writer, record, projection);
    const found = projection.keysOnly ? hasWanted(record, projection) : writer.length > start;
    endRow(writer);
    return found;
  });
}

/** Whether the record holds a wanted cell. */
export function hasWantedCell(key: Buffer, bytes: Buffer, projection: RowProjection): boolean {
  const record = openKnownRecord(key, bytes, projection);
  return uncorrupted(key, () => hasWanted(record, projection));
}

function openKnownRecord(key: Buffer, bytes: Buffer, projection: RowProjection): OpenRecord {
  const record = openRowRecord(key, bytes);
  for (const { number } of record.families) {
    if (projection.isKnown(number)) continue;
    throw new CorruptRecordError(key, `the schema has no family ${number}`);
  }
  return record;
}

function copyFamilies(writer: ByteWriter, record: OpenRecord, projection: RowProjection): void {
  const { families, allVersions } = projection;
  for (let place = 0; place < families.length; place++) {
    const wanted = families[place] as WantedFamily;
    const span = spanOf(record, wanted);
    if (span === undefined) continue;
    if (allVersions && wanted.qualifiers === null) {
      beginFamily(writer, place, span.end - span.start);
      writer.slice(record.bytes, span.start, span.end);
    } else {
      copyColumns(writer, place, new WantedColumns(record.bytes, span, wanted, projection));
    }
  }
}

/** Copies neighbouring columns that are wanted whole in one step. */
function copyColumns(writer: ByteWriter, place: number, columns: WantedColumns): void {
  const before = writer.length;
  beginFamily(writer, place, 0);
  const start = writer.length;
  let runStart = 0;
  let runEnd = 0;
  while (columns.next()) {
    if (columns.isWhole && columns.start === runEnd) {
      runEnd = columns.end;
      continue;
    }
    writer.slice(columns.bytes, runStart, runEnd);
    runStart = columns.start;
    runEnd = columns.isWhole ? columns.end : columns.start;
    if (!columns.isWhole) copyCut(writer, columns);
  }
  writer.slice(columns.bytes, runStart, runEnd);
  const length = writer.length - start;
  if (length === 0) writer.truncate(before);
  else writer.patchU32(start - LENGTH_BYTES, length);
}

/** Copies a column with some of its cells. */
function copyCut(writer: ByteWriter, columns: WantedColumns): void {
  writer.slice(columns.bytes, columns.start, columns.qualifierEnd);
  writer.varint(columns.keptEnd - columns.keptStart);
  writer.slice(columns.bytes, columns.keptStart, columns.keptEnd);
}

function hasWanted(record: OpenRecord, projection: RowProjection): boolean {
  return projection.families.some((wanted) => {
    const span = spanOf(record, wanted);
    if (span === undefined) return false;
    if (projection.allVersions && wanted.qualifiers === null) return true;
    return new WantedColumns(record.bytes, span, wanted, projection).next();
  });
}

function spanOf(record: OpenRecord, wanted: WantedFamily): FamilySpan | undefined {
  return record.families.find(({ number }) => number === wanted.number);
}

/** Walks the columns of one family that have a wanted cell. The fields tell of the current one. */
class WantedColumns {
  readonly bytes: Buffer;
  /** The column is [start, end), its qualifier ends at `qualifierEnd`. */
  start = 0;
  qualifierEnd = 0;
  end = 0;
  /** The wanted cells are [keptStart, keptEnd), consecutive and not empty. */
  keptStart = 0;
  keptEnd = 0;
  isWhole = false;
  readonly #reader: ByteReader;
  readonly #familyEnd: number;
  readonly #qualifiers: readonly Buffer[] | null;
  readonly #projection: RowProjection;
  #qualifier = 0;

  constructor(bytes: Buffer, span: FamilySpan, wanted: WantedFamily, projection: RowProjection) {
    this.bytes = bytes;
    this.#reader = new ByteReader(bytes, span.start);
    this.#familyEnd = span.end;
    this.#qualifiers = wanted.qualifiers;
    this.#projection = projection;
  }

  next(): boolean {
    const reader = this.#reader;
    while (reader.position < this.#familyEnd) {
      this.start = reader.position;
      const qualifierLength = reader.varint();
      this.qualifierEnd = reader.endOf(qualifierLength);
      reader.skip(qualifierLength);
      const cellsLength = reader.varint();
      const cellsStart = reader.position;
      this.end = reader.endOf(cellsLength);
      if (this.end > this.#familyEnd) reader.fail("a column passes the end of its family");
      const wanted = this.#isWanted(this.qualifierEnd - qualifierLength) && this.#keep(cellsStart);
      reader.skip(this.end - reader.position);
      if (!wanted) continue;
      this.isWhole = this.keptStart === cellsStart && this.keptEnd === this.end;
      return true;
    }
    return false;
  }

  /** Columns and wanted qualifiers both ascend: one walk over both. */
  #isWanted(qualifierStart: number): boolean {
    if (this.#qualifiers === null) return true;
    for (;;) {
      const wanted = this.#qualifiers[this.#qualifier];
      if (wanted === undefined) return false;
      const order = this.bytes.compare(wanted, 0, wanted.length, qualifierStart, this.qualifierEnd);
      if (order <= 0) return order === 0;
      this.#qualifier++;
    }
  }

  /** Finds the wanted cells of the column, which are consecutive; false: none. */
  #keep(cellsStart: number): boolean {
    const { versions, timestamp } = this.#projection;
    const reader = this.#reader;
    this.keptStart = cellsStart;
    this.keptEnd = this.end;
    if (timestamp !== null) {
      while (reader.position < this.end) {
        this.keptStart = reader.position;
        const found = skipCell(reader);
        this.keptEnd = reader.position;
        if (found <= timestamp) return found === timestamp && this.#endsInColumn();
      }
      return false;
    }
    if (versions !== null) {
      for (let kept = 0; kept < versions && reader.position < this.end; kept++) skipCell(reader);
      this.keptEnd = reader.position;
    }
    return this.#endsInColumn();
  }

  #endsInColumn(): boolean {
    if (this.keptEnd > this.end) this.#reader.fail("a cell passes the end of its column");
    return true;
  }
}
