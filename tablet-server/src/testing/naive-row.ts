/**
 * A second, naive implementation of rows, straight from docs/REST_API.md, for property tests: a map from
 * (family name, qualifier) to a map from timestamp to cell, searched from end to end each time.
 */
import type { Version } from "@stele/shared/ids.ts";
import type { Mutation, WriteResult } from "@stele/shared/row-operations.ts";
import type { Cell } from "@stele/shared/row.ts";
import type { TableSchema } from "@stele/shared/tablet-descriptor.ts";
import type { StoredRow } from "../storage/stored-row.ts";

export class NaiveRow {
  cells: Cell[] = [];
  /** Whether some mutation counted as a change. */
  changed = false;
  readonly computed: { column: Cell; value: Buffer; int64: boolean }[] = [];
  readonly #schema: TableSchema;

  constructor(schema: TableSchema, row: StoredRow | null) {
    this.#schema = schema;
    this.cells = naiveCells(schema, row);
  }

  /** Throws the error code of a refusal. */
  run(mutation: Mutation, version: Version): void {
    if (mutation.kind === "delete-row") return this.#remove(() => true);
    if (mutation.kind === "delete-family") {
      return this.#remove((cell) => cell.family === mutation.family);
    }
    const { column } = mutation;
    const inColumn = (cell: Cell) =>
      cell.family === column.family && cell.qualifier.equals(column.qualifier);
    if (mutation.kind === "delete-column") {
      const { from, to } = mutation;
      return this.#remove(
        (cell) =>
          inColumn(cell) && cell.timestamp >= (from ?? 0) && cell.timestamp < (to ?? Infinity),
      );
    }
    const newest = this.#newest(inColumn);
    const cell = { ...column, ...naiveValue(mutation, newest) };
    const latest = Math.min((newest?.timestamp ?? -1) + 1, Number.MAX_SAFE_INTEGER);
    const timestamp = (mutation.timestamp ?? Math.max(version, latest)) as Version;
    this.cells = this.cells.filter((old) => !(inColumn(old) && old.timestamp === timestamp));
    this.cells.push({ ...cell, timestamp });
    const { rule } = this.#schema.families.find(({ name }) => name === column.family)!;
    const kept = this.cells
      .filter(inColumn)
      .sort((a, b) => b.timestamp - a.timestamp)
      .slice(0, rule.maxVersions ?? Infinity);
    this.cells = [...this.cells.filter((old) => !inColumn(old)), ...kept];
    this.changed = true;
    if (mutation.kind !== "set") this.#compute(cell);
  }

  #compute(cell: Omit<Cell, "timestamp">): void {
    const found = this.computed.find(
      ({ column }) => column.family === cell.family && column.qualifier.equals(cell.qualifier),
    );
    const value = { value: cell.value, int64: cell.int64 };
    if (found === undefined) this.computed.push({ column: cell as Cell, ...value });
    else Object.assign(found, value);
  }

  #newest(inColumn: (cell: Cell) => boolean): Cell | null {
    return this.cells
      .filter(inColumn)
      .reduce<Cell | null>(
        (best, cell) => (best === null || cell.timestamp > best.timestamp ? cell : best),
        null,
      );
  }

  #remove(gone: (cell: Cell) => boolean): void {
    const left = this.cells.filter((cell) => !gone(cell));
    if (left.length < this.cells.length) this.changed = true;
    this.cells = left;
  }
}

/** The row's cells with names, in the order of W1 in `row.ts`. */
export function naiveCells(schema: TableSchema, row: StoredRow | null): Cell[] {
  const cells: Cell[] = [];
  for (const { number, columns } of row?.families ?? []) {
    const family = schema.families.find((one) => one.number === number)!.name;
    for (const { qualifier, cells: versions } of columns) {
      for (const cell of versions) cells.push({ family, qualifier, ...cell });
    }
  }
  return inRowOrder(cells);
}

export function inRowOrder(cells: readonly Cell[]): Cell[] {
  return [...cells].sort(
    (a, b) =>
      Buffer.compare(Buffer.from(a.family), Buffer.from(b.family)) ||
      Buffer.compare(a.qualifier, b.qualifier) ||
      b.timestamp - a.timestamp,
  );
}

/** Comparable form of what increments and appends computed. */
export function naiveComputed(computed: WriteResult["computed"]): unknown {
  return computed.map(({ column, value, int64 }) => ({
    column: `${column.family}:${column.qualifier.toString("hex")}`,
    value: value.toString("hex"),
    int64,
  }));
}

function naiveValue(
  mutation: Mutation & { kind: "set" | "increment" | "append" },
  newest: Cell | null,
): { value: Buffer; int64: boolean } {
  if (mutation.kind === "set") return { value: mutation.value, int64: mutation.int64 };
  const old = newest?.value ?? null;
  if (mutation.kind === "append") {
    return { value: Buffer.concat([old ?? Buffer.of(), mutation.value]), int64: false };
  }
  if (old !== null && old.length !== 8) throw new Error("NOT_A_NUMBER");
  const sum = (old?.readBigInt64BE(0) ?? 0n) + mutation.amount;
  if (sum >= 2n ** 63n || sum < -(2n ** 63n)) throw new Error("INT64_OVERFLOW");
  const value = Buffer.alloc(8);
  value.writeBigInt64BE(sum);
  return { value, int64: true };
}
