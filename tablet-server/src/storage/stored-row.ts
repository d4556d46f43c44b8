/**
 * A row as a tablet stores it: families by number, columns in byte order, versions newest first.
 * Immutable; the buffers are views into the record that it was decoded from.
 *
 * S1. Families ascend by number, columns by qualifier bytes, cells descend by timestamp; none twice.
 * S2. No family, column or row is empty: a row without a cell is no row.
 */
import type { Version } from "@stele/shared/ids.ts";
import type { ColumnCells } from "@stele/shared/packed-columns.ts";

export interface StoredFamily {
  /** As the schema numbers it: 1..65535. */
  readonly number: number;
  readonly columns: readonly ColumnCells[];
}

export interface StoredRow {
  readonly version: Version;
  readonly families: readonly StoredFamily[];
}

/** The column's cells, or null: the row has no such column. */
export function findColumn(
  row: StoredRow | null,
  family: number,
  qualifier: Buffer,
): ColumnCells | null {
  const found = row?.families.find(({ number }) => number === family);
  return found === undefined ? null : columnNamed(found.columns, qualifier);
}

/** Binary search by qualifier. */
export function columnNamed(
  columns: readonly ColumnCells[],
  qualifier: Buffer,
): ColumnCells | null {
  let low = 0;
  let high = columns.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const column = columns[middle] as ColumnCells;
    const order = Buffer.compare(column.qualifier, qualifier);
    if (order === 0) return column;
    if (order < 0) low = middle + 1;
    else high = middle;
  }
  return null;
}
