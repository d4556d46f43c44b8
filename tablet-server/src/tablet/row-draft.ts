/**
 * A row being changed: the one place that knows what setting and deleting cells does. Evaluation on the
 * leader and application on every replica run the same steps on it and end with the same row.
 *
 * D1. The row it began with is never changed; what is untouched is shared with the result.
 * D2. Deletes remove what is there and leave no marker.
 * D3. Work is O(n log n) in the cells touched, in whatever order they come: cells gather in `pending` and
 *     are put in order when someone needs the order.
 */
import type { Version } from "@stele/shared/ids.ts";
import type { CellVersion, ColumnCells } from "@stele/shared/packed-columns.ts";
import { rowKeyText } from "@stele/shared/row-key.ts";
import { columnNamed } from "../storage/stored-row.ts";
import type { StoredFamily, StoredRow } from "../storage/stored-row.ts";

interface DraftColumn {
  readonly qualifier: Buffer;
  /** In order, newest first; possibly none. */
  cells: readonly CellVersion[];
  /** Set since, in the order of arrival. */
  pending: CellVersion[];
  /** Of `cells` and `pending`. */
  newest: CellVersion | null;
  /** At most so many newest cells stay; null: all. As the last `set` said. */
  keep: number | null;
}

interface DraftFamily {
  base: readonly ColumnCells[];
  /** Columns that differ from `base`, by qualifier text; a column without cells is deleted. */
  readonly touched: Map<string, DraftColumn>;
}

export class RowDraft {
  readonly #families = new Map<number, DraftFamily>();

  constructor(current: StoredRow | null) {
    for (const { number, columns } of current?.families ?? []) {
      this.#families.set(number, { base: columns, touched: new Map() });
    }
  }

  /** The column's newest cell now, or null. */
  newest(family: number, qualifier: Buffer): CellVersion | null {
    const found = this.#families.get(family);
    if (found === undefined) return null;
    const touched = found.touched.get(rowKeyText(qualifier));
    if (touched !== undefined) return touched.newest;
    return columnNamed(found.base, qualifier)?.cells[0] ?? null;
  }

  /**
   * Sets one version of a cell, replacing one of the same timestamp; then the column keeps its `keep`
   * newest cells (null: all), the new one not excepted.
   */
  set(family: number, qualifier: Buffer, cell: CellVersion, keep: number | null): void {
    const column = this.#touch(family, qualifier);
    column.pending.push(cell);
    column.keep = keep;
    if (column.newest === null || cell.timestamp >= column.newest.timestamp) column.newest = cell;
  }

  /** Deletes the column's cells with `from` <= timestamp < `to` (null: unbounded); whether there were any. */
  deleteColumn(
    family: number,
    qualifier: Buffer,
    from: Version | null,
    to: Version | null,
  ): boolean {
    if (this.newest(family, qualifier) === null) return false;
    const column = this.#touch(family, qualifier);
    settle(column);
    const first = to === null ? 0 : firstBelow(column.cells, to);
    const end = from === null ? column.cells.length : firstBelow(column.cells, from);
    if (first >= end) return false;
    column.cells = [...column.cells.slice(0, first), ...column.cells.slice(end)];
    column.newest = column.cells[0] ?? null;
    return true;
  }

  /** Whether there was a cell in it. */
  deleteFamily(family: number): boolean {
    const found = this.#families.get(family);
    if (found === undefined) return false;
    this.#families.delete(family);
    return columnsOf(found).length > 0;
  }

  /** Whether there was a cell in the row. */
  deleteAll(): boolean {
    let deleted = false;
    for (const family of this.#families.keys()) {
      if (this.deleteFamily(family)) deleted = true;
    }
    return deleted;
  }

  /** The row as it is now, under `version`; null: no cell is left. The draft is used up. */
  finish(version: Version): StoredRow | null {
    const families: StoredFamily[] = [];
    for (const [number, family] of this.#families) {
      const columns = columnsOf(family);
      if (columns.length > 0) families.push({ number, columns });
    }
    if (families.length === 0) return null;
    return { version, families: families.sort((a, b) => a.number - b.number) };
  }

  #touch(family: number, qualifier: Buffer): DraftColumn {
    let found = this.#families.get(family);
    if (found === undefined) {
      found = { base: [], touched: new Map() };
      this.#families.set(family, found);
    }
    const text = rowKeyText(qualifier);
    let column = found.touched.get(text);
    if (column === undefined) {
      const cells = columnNamed(found.base, qualifier)?.cells ?? [];
      column = { qualifier, cells, pending: [], newest: cells[0] ?? null, keep: null };
      found.touched.set(text, column);
    }
    return column;
  }
}

function columnsOf(family: DraftFamily): readonly ColumnCells[] {
  if (family.touched.size === 0) return family.base;
  const touched = [...family.touched.values()];
  for (const column of touched) settle(column);
  touched.sort((a, b) => Buffer.compare(a.qualifier, b.qualifier));
  return mergeColumns(family.base, touched);
}

/** Both ascend by qualifier; an equal one of `changed` replaces that of `base`; empty ones go. */
function mergeColumns(
  base: readonly ColumnCells[],
  changed: readonly ColumnCells[],
): ColumnCells[] {
  const merged: ColumnCells[] = [];
  let at = 0;
  for (const { qualifier, cells } of changed) {
    for (let old = base[at]; old !== undefined; old = base[++at]) {
      const order = Buffer.compare(old.qualifier, qualifier);
      if (order < 0) merged.push(old);
      else if (order > 0) break;
    }
    if (cells.length > 0) merged.push({ qualifier, cells });
  }
  for (; at < base.length; at++) merged.push(base[at] as ColumnCells);
  return merged;
}

/** The place of the first cell older than `timestamp`. */
function firstBelow(cells: readonly CellVersion[], timestamp: Version): number {
  let low = 0;
  let high = cells.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((cells[middle] as CellVersion).timestamp < timestamp) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Puts `pending` into `cells`. Keeping the newest once at the end equals keeping them after each set. */
function settle(column: DraftColumn): void {
  const { pending, cells, keep } = column;
  if (pending.length === 0) return;
  const ordered = inOrder(cells, pending);
  column.cells = keep === null ? ordered : ordered.slice(0, keep);
  column.pending = [];
}

function inOrder(cells: readonly CellVersion[], pending: CellVersion[]): CellVersion[] {
  const [only] = pending as [CellVersion];
  const newest = cells[0];
  if (pending.length === 1 && (newest === undefined || only.timestamp > newest.timestamp)) {
    return [only, ...cells];
  }
  // The sort is stable: of cells with one timestamp the last set comes first, and stays.
  const all = [...pending.reverse(), ...cells].sort((a, b) => b.timestamp - a.timestamp);
  return all.filter((cell, at) => all[at - 1]?.timestamp !== cell.timestamp);
}
