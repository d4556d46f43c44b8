/**
 * A table in memory with the semantics of docs/REST_API.md: what a tablet does to one row, and ordered
 * scans. A compact model for tests of the edge; shares no code with the tablet server.
 */
import { DatabaseError } from "@stele/shared/errors.ts";
import type { ErrorCode } from "@stele/shared/errors.ts";
import { tableId, version as toVersion } from "@stele/shared/ids.ts";
import type { TableId, Version } from "@stele/shared/ids.ts";
import { compareRowKeys, rowKeyText } from "@stele/shared/row-key.ts";
import type {
  Column,
  Conditions,
  Mutation,
  Predicate,
  Projection,
  RowWrite,
  WriteResult,
} from "@stele/shared/row-operations.ts";
import { containsKey } from "@stele/shared/row-range.ts";
import type { RowRange } from "@stele/shared/row-range.ts";
import type { Cell, Row } from "@stele/shared/row.ts";

export class MemoryTable {
  readonly id: TableId;
  readonly splitKeys: readonly Buffer[];
  readonly #families: ReadonlyMap<string, number | null>;
  readonly #wallMicros: () => number;
  readonly #rows = new Map<string, Row>();
  readonly #results = new Map<string, { fingerprint: Buffer; result: WriteResult }>();
  #highest = toVersion(0);

  /** `families`: name to `maxVersions`. */
  constructor(options: {
    readonly id: number;
    readonly splitKeys: readonly Buffer[];
    readonly families: ReadonlyMap<string, number | null>;
    readonly wallMicros: () => number;
  }) {
    this.id = tableId(options.id);
    this.splitKeys = options.splitKeys;
    this.#families = options.families;
    this.#wallMicros = options.wallMicros;
  }

  get session(): Version {
    return this.#highest;
  }

  read(key: Buffer, projection: Projection): Row | null {
    for (const { family } of projection.columns ?? []) this.#checkFamily(family);
    const row = this.#rows.get(rowKeyText(key));
    return row === undefined ? null : projected(row, projection);
  }

  /** Rows of the range with a cell left by the projection, in order. */
  scan(range: RowRange, projection: Projection): Row[] {
    for (const { family } of projection.columns ?? []) this.#checkFamily(family);
    return [...this.#rows.values()]
      .filter((row) => containsKey(range, row.key))
      .filter((row) => projected(row, { ...projection, keysOnly: false }).cells.length > 0)
      .sort((a, b) => compareRowKeys(a.key, b.key))
      .map((row) => projected(row, projection));
  }

  write(write: RowWrite): WriteResult {
    const scope = `${write.idempotency?.key} ${rowKeyText(write.key)}`;
    const stored = write.idempotency === null ? undefined : this.#results.get(scope);
    if (stored !== undefined) {
      if (!stored.fingerprint.equals(write.idempotency?.fingerprint ?? Buffer.alloc(0))) {
        throw failure("IDEMPOTENCY_MISMATCH", "the key was used for another request");
      }
      return { ...stored.result, replayed: true };
    }
    const before = this.#rows.get(rowKeyText(write.key)) ?? null;
    judge(write.conditions, before);
    const matched = write.predicate === null || holds(write.predicate, before);
    const mutations = matched ? write.mutations : write.otherwise;
    const result = this.#apply(write.key, before, mutations, matched);
    if (write.idempotency !== null && mutations.length > 0) {
      this.#results.set(scope, { fingerprint: write.idempotency.fingerprint, result });
    }
    return result;
  }

  #apply(
    key: Buffer,
    before: Row | null,
    mutations: readonly Mutation[],
    matched: boolean,
  ): WriteResult {
    for (const mutation of mutations) this.#checkMutation(mutation);
    if (mutations.length === 0) {
      return outcome({ version: before?.version ?? null, matched, createdRow: false });
    }
    const version = toVersion(Math.max(this.#wallMicros(), this.#highest + 1));
    const evaluation = new RowEvaluation(before?.cells ?? [], version);
    for (const mutation of mutations) evaluation.apply(mutation);
    this.#highest = version;
    const cells = evaluation.cells.filter((cell, index, all) => this.#isKept(cell, index, all));
    if (cells.length === 0) this.#rows.delete(rowKeyText(key));
    else this.#rows.set(rowKeyText(key), { key, version, cells });
    return {
      ...outcome({ version: cells.length === 0 ? null : version, matched, createdRow: !before }),
      createdColumn: evaluation.createdColumn,
      computed: [...evaluation.computed.values()],
    };
  }

  #isKept(cell: Cell, index: number, all: readonly Cell[]): boolean {
    const maxVersions = this.#families.get(cell.family) ?? null;
    const newer = all.slice(0, index).filter((other) => isOf(other, cell)).length;
    return maxVersions === null || newer < maxVersions;
  }

  #checkMutation(mutation: Mutation): void {
    if (mutation.kind === "delete-family") this.#checkFamily(mutation.family);
    else if (mutation.kind !== "delete-row") this.#checkFamily(mutation.column.family);
  }

  #checkFamily(family: string): void {
    if (this.#families.has(family)) return;
    throw failure("FAMILY_NOT_FOUND", `there is no column family ${family}`);
  }
}

/** The cells of one row while a list of mutations is applied. */
class RowEvaluation {
  readonly computed = new Map<string, WriteResult["computed"][number]>();
  createdColumn = false;
  cells: Cell[];
  readonly #version: Version;

  constructor(cells: readonly Cell[], version: Version) {
    this.cells = [...cells];
    this.#version = version;
  }

  apply(mutation: Mutation): void {
    switch (mutation.kind) {
      case "set":
        this.#set(mutation.column, mutation.value, mutation);
        return;
      case "delete-column":
        this.cells = this.cells.filter(
          (cell) =>
            !isOf(cell, mutation.column) ||
            cell.timestamp < (mutation.from ?? 0) ||
            cell.timestamp >= (mutation.to ?? Infinity),
        );
        return;
      case "delete-family":
        this.cells = this.cells.filter((cell) => cell.family !== mutation.family);
        return;
      case "delete-row":
        this.cells = [];
        return;
      case "increment":
        this.#increment(mutation.column, mutation.amount, mutation.timestamp);
        return;
      case "append": {
        const value = Buffer.concat([
          this.#newest(mutation.column)?.value ?? EMPTY,
          mutation.value,
        ]);
        this.#set(mutation.column, value, { int64: false, timestamp: mutation.timestamp });
        this.#report(mutation.column, value, false);
      }
    }
  }

  #increment(column: Column, amount: bigint, timestamp: Version | null): void {
    const before = this.#newest(column)?.value;
    if (before !== undefined && before.length !== 8) {
      throw failure("NOT_A_NUMBER", "the cell does not have 8 bytes");
    }
    const sum = (before?.readBigInt64BE() ?? 0n) + amount;
    if (BigInt.asIntN(64, sum) !== sum) throw failure("INT64_OVERFLOW", "the sum is too large");
    const value = Buffer.alloc(8);
    value.writeBigInt64BE(sum);
    this.#set(column, value, { int64: true, timestamp });
    this.#report(column, value, true);
  }

  #set(
    column: Column,
    value: Buffer,
    { int64, timestamp }: { readonly int64: boolean; readonly timestamp: Version | null },
  ): void {
    const newest = this.#newest(column);
    if (newest === undefined) this.createdColumn = true;
    const time =
      timestamp ??
      (newest !== undefined && newest.timestamp > this.#version
        ? toVersion(newest.timestamp + 1)
        : this.#version);
    this.cells = this.cells.filter((cell) => !isOf(cell, column) || cell.timestamp !== time);
    this.cells.push({ ...column, timestamp: time, value, int64 });
    this.cells.sort(compareCells);
  }

  #report(column: Column, value: Buffer, int64: boolean): void {
    this.computed.set(`${column.family}:${rowKeyText(column.qualifier)}`, { column, value, int64 });
  }

  #newest(column: Column): Cell | undefined {
    return this.cells.find((cell) => isOf(cell, column));
  }
}

const EMPTY = Buffer.alloc(0);

function judge({ ifMatch, ifNoneMatch, absent }: Conditions, row: Row | null): void {
  const version = row?.version ?? null;
  const isNamed = (condition: "any" | readonly Version[]) =>
    version !== null && (condition === "any" || condition.includes(version));
  if (ifMatch !== null && !isNamed(ifMatch)) throw conditionFailure("VERSION_MISMATCH", version);
  if (ifNoneMatch !== null && isNamed(ifNoneMatch)) {
    throw conditionFailure("VERSION_MISMATCH", version);
  }
  if (absent && version !== null) throw conditionFailure("ROW_EXISTS", version);
}

function holds(predicate: Predicate, row: Row | null): boolean {
  const newest = (column: Column) => row?.cells.find((cell) => isOf(cell, column));
  switch (predicate.kind) {
    case "column-equals":
      return newest(predicate.column)?.value.equals(predicate.value) ?? false;
    case "column-exists":
      return (newest(predicate.column) !== undefined) === predicate.exists;
    case "row-exists":
      return (row !== null) === predicate.exists;
    case "row-version":
      return row?.version === predicate.version;
    case "all":
      return predicate.of.every((each) => holds(each, row));
    case "any":
      return predicate.of.some((each) => holds(each, row));
    case "not":
      return !holds(predicate.of, row);
  }
}

function projected(row: Row, projection: Projection): Row {
  if (projection.keysOnly) return { ...row, cells: [] };
  const { columns, versions, timestamp } = projection;
  const selected = row.cells
    .filter((cell) => timestamp === null || cell.timestamp === timestamp)
    .filter((cell) => columns === null || columns.some((column) => isSelected(cell, column)));
  const cells = selected.filter((cell, index) => {
    const newer = selected.slice(0, index).filter((other) => isOf(other, cell)).length;
    return versions === null || newer < versions;
  });
  return { ...row, cells };
}

function isSelected(
  cell: Cell,
  { family, qualifier }: { readonly family: string; readonly qualifier: Buffer | null },
): boolean {
  return cell.family === family && (qualifier === null || cell.qualifier.equals(qualifier));
}

function isOf(cell: Cell, column: Column): boolean {
  return cell.family === column.family && cell.qualifier.equals(column.qualifier);
}

function compareCells(a: Cell, b: Cell): number {
  if (a.family !== b.family) return a.family < b.family ? -1 : 1;
  return Buffer.compare(a.qualifier, b.qualifier) || b.timestamp - a.timestamp;
}

function outcome(result: Pick<WriteResult, "version" | "matched" | "createdRow">): WriteResult {
  return { ...result, createdColumn: false, computed: [], replayed: false };
}

function conditionFailure(code: ErrorCode, version: Version | null): DatabaseError {
  return new DatabaseError({ code, detail: "a condition failed", version, applied: "no" });
}

function failure(code: ErrorCode, detail: string): DatabaseError {
  return new DatabaseError({ code, detail, applied: "no" });
}
