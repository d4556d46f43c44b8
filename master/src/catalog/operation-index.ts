/**
 * Running and recently finished operations: by id, a tablet's running replacement, and table calls by the
 * key of their request.
 *
 * X1. At most one replacement runs for a tablet.
 * X2. Finished table calls are forgotten by a rule that looks at rows alone, so that every master, also a
 *     freshly restored one, forgets the same ones at the same command.
 */
import { assert } from "@stele/shared/assert.ts";
import type { TableId, TabletId } from "@stele/shared/ids.ts";
import type { OperationId, OperationRow, ReplacementRow, TableOperationRow } from "./rows.ts";

export class OperationIndex {
  readonly #rows = new Map<OperationId, OperationRow>();
  readonly #replacements = new Map<TabletId, ReplacementRow>();
  readonly #requests = new Map<string, OperationId>();
  /** The unfinished call about a table: create or drop. */
  readonly #running = new Map<TableId, TableOperationRow>();
  /** Finished table calls, ascending. */
  readonly #finished: OperationId[] = [];

  get(id: OperationId): OperationRow | undefined {
    return this.#rows.get(id);
  }

  all(): Iterable<OperationRow> {
    return this.#rows.values();
  }

  replacements(): Iterable<ReplacementRow> {
    return this.#replacements.values();
  }

  replacementOf(tablet: TabletId): ReplacementRow | undefined {
    return this.#replacements.get(tablet);
  }

  /** The call of this kind about this table name that came with the key. */
  requested(
    kind: TableOperationRow["kind"],
    tableName: string,
    key: string,
  ): TableOperationRow | undefined {
    const id = this.#requests.get(requestName(kind, tableName, key));
    const row = id === undefined ? undefined : this.#rows.get(id);
    return row === undefined || row.kind === "replace-replica" ? undefined : row;
  }

  /** The unfinished call of this kind about the table; there is at most one. */
  runningCall(kind: TableOperationRow["kind"], table: TableId): TableOperationRow | undefined {
    const row = this.#running.get(table);
    return row?.kind === kind ? row : undefined;
  }

  /** Finished table calls beyond the newest `keep`, or begun before `micros`; at most `limit`. */
  forgettable(micros: number, keep: number, limit: number): OperationId[] {
    const found: OperationId[] = [];
    for (const [at, id] of this.#finished.entries()) {
      if (found.length === limit) break;
      const row = this.#rows.get(id);
      const excess = this.#finished.length - at > keep;
      if (!excess && row !== undefined && row.startedAtMicros >= micros) break;
      found.push(id);
    }
    return found;
  }

  /** Sets or removes a row; gives the one before. */
  change(id: OperationId, row: OperationRow | undefined): OperationRow | undefined {
    const before = this.#rows.get(id);
    if (before !== undefined) this.#leave(before);
    if (row === undefined) this.#rows.delete(id);
    else this.#enter(row);
    return before;
  }

  #enter(row: OperationRow): void {
    this.#rows.set(row.operationId, row);
    if (row.kind === "replace-replica") {
      assert(!this.#replacements.has(row.tabletId), () => `X1: two replacements: ${row.tabletId}`);
      this.#replacements.set(row.tabletId, row);
      return;
    }
    if (row.outcome === "running") this.#running.set(row.tableId, row);
    else this.#finished.splice(this.#place(row.operationId), 0, row.operationId);
    if (row.request === null) return;
    this.#requests.set(requestName(row.kind, row.tableName, row.request.key), row.operationId);
  }

  #leave(row: OperationRow): void {
    if (row.kind === "replace-replica") {
      this.#replacements.delete(row.tabletId);
      return;
    }
    if (row.outcome === "running") this.#running.delete(row.tableId);
    else this.#finished.splice(this.#place(row.operationId), 1);
    if (row.request === null) return;
    const name = requestName(row.kind, row.tableName, row.request.key);
    if (this.#requests.get(name) === row.operationId) this.#requests.delete(name);
  }

  /** Where the id is, or would go, in the ascending list. */
  #place(id: OperationId): number {
    let low = 0;
    let high = this.#finished.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#finished[middle] ?? 0) < id) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

const requestName = (kind: string, tableName: string, key: string): string =>
  `${kind} ${tableName} ${key}`;
