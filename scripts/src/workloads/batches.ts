/**
 * Writes of several rows in one call, also of one row twice, some of them under conditions: each its own outcome, those
 * of a row in their order. Reads of several rows in one call.
 */
import type { Random } from "@stele/shared/random.ts";
import type { Expected, WriteOperation } from "../check/history/row-operation.ts";
import { HotRows } from "./hot-rows.ts";
import type { HotRow } from "./hot-rows.ts";
import { isRefusal } from "./recorded-table.ts";
import type { RecordedTable } from "./recorded-table.ts";
import type { RowWorkloadParts } from "./registers.ts";
import type { Caller, Mark, Workload, WorkloadProblem } from "./workload.ts";
import {
  COLUMNS,
  DELETE_ROW,
  deleteFamily,
  FAMILIES,
  increment,
  load,
  NO_ROW,
  set,
  setForeign,
  UniqueValues,
  write,
} from "./writes.ts";

export const BATCH_PREFIX = "b";

const ROWS_MAX = 4;

interface Member {
  readonly row: HotRow;
  readonly operation: WriteOperation;
}

export class Batches implements Workload {
  readonly #table: RecordedTable;
  readonly #random: Random;
  readonly #mark: Mark;
  readonly #rows: HotRows;
  readonly #values = new UniqueValues(BATCH_PREFIX);
  /** By key: the version that an answer told last, others may have changed the row since. Null: there was no row. */
  readonly #seen = new Map<string, number | null>();

  constructor({ table, rows: count, random, mark }: RowWorkloadParts) {
    this.#table = table;
    this.#random = random;
    this.#mark = mark;
    this.#rows = new HotRows({ prefix: BATCH_PREFIX, count, random, mark });
  }

  async step(caller: Caller): Promise<void> {
    const members = this.#random.below(3) === 0 ? [] : this.#draw();
    if (members.length === 0) {
      await this.#read(caller);
      return;
    }
    const rows = new Set(members.map(({ row }) => row));
    if (rows.size < members.length) this.#mark("batch wrote a row twice");
    const tablets = new Set([...rows].map(({ key }) => this.#table.tabletOf(key)));
    if (tablets.size > 1) this.#mark("batch crossed a tablet bound");
    const operations = members.map(({ operation }) => operation);
    const answers = await this.#table.writeMany(caller, operations);
    members.forEach(({ row }, at) => {
      const answer = answers[at] ?? null;
      if (answer?.kind === "written") this.#seen.set(row.key, answer.version);
      else if (isRefusal(answer)) this.#mark("batch refused a row");
      this.#rows.settle(row, { writes: 1, unknown: answer === null ? 1 : 0 });
    });
  }

  finish(): Promise<void> {
    return Promise.resolve();
  }

  problems(): readonly WorkloadProblem[] {
    return [];
  }

  /** One row, or several at once. */
  async #read(caller: Caller): Promise<void> {
    const keys = this.#rows.anyKeys(1 + this.#random.below(ROWS_MAX));
    const columns = this.#random.below(4) === 0 ? [COLUMNS.value, FAMILIES.foreign] : null;
    const [key = ""] = keys;
    const answers =
      keys.length === 1
        ? [await this.#table.get(caller, { kind: "get", key, columns })]
        : await this.#table.getMany(caller, { keys, columns });
    keys.forEach((each, at) => {
      const answer = answers[at];
      if (answer?.kind === "read") this.#seen.set(each, answer.row?.version ?? null);
    });
  }

  #draw(): Member[] {
    const members: Member[] = [];
    const wanted = 1 + this.#random.below(ROWS_MAX);
    for (let drawn = 0; drawn < wanted; drawn++) {
      const writes = this.#random.below(3) === 0 ? 2 : 1;
      const row = this.#rows.take(writes);
      if (row === null) continue;
      for (let at = 0; at < writes; at++) members.push({ row, operation: this.#write(row.key) });
    }
    // The writes of one row need not stand side by side.
    const second = members[1];
    if (second !== undefined && this.#random.below(2) === 0) {
      members.splice(1, 1);
      members.push(second);
    }
    return members;
  }

  #expected(key: string): Expected {
    const version = this.#seen.get(key) ?? null;
    return version === null ? NO_ROW : { kind: "version", version };
  }

  #write(key: string): WriteOperation {
    switch (this.#random.below(18)) {
      case 0:
        return write(key, [DELETE_ROW]);
      case 4:
        return write(key, [load(this.#random), increment(COLUMNS.sum)]);
      case 5:
        return write(key, [DELETE_ROW, set(this.#values.next())]);
      case 1:
        return write(key, [{ kind: "delete", column: COLUMNS.value }]);
      case 2:
        return write(key, [set(this.#values.next()), increment(COLUMNS.sum)]);
      case 3:
        return write(key, [increment(COLUMNS.sum)]);
      case 6:
        return write(key, [set(this.#values.next())], NO_ROW);
      case 7:
        return write(key, [set(this.#values.next())], this.#expected(key));
      case 8:
        return write(key, [DELETE_ROW], this.#expected(key));
      case 9:
        return write(key, [{ kind: "append", column: COLUMNS.log, value: this.#values.next() }]);
      case 10:
        return write(key, [deleteFamily(FAMILIES.common)]);
      case 11:
        return write(key, [deleteFamily(FAMILIES.foreign), set(this.#values.next())]);
      case 12:
        return write(key, [deleteFamily(FAMILIES.common), increment(COLUMNS.sum)]);
      case 13:
      case 14:
        return write(key, [setForeign(this.#values.next())]);
      default:
        return write(key, [set(this.#values.next())]);
    }
  }
}
