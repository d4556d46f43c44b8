/**
 * Rows as registers: replaced, inserted, deleted and compared-and-set, by version and by value, some of it under
 * Idempotency-Keys. No two writes write the same value. The linearizability checker judges.
 */
import type { Random } from "@stele/shared/random.ts";
import type { Expected, WriteOperation } from "../check/history/row-operation.ts";
import type { Closing } from "./closing.ts";
import { HotRows } from "./hot-rows.ts";
import { KeyedWrites } from "./keyed-writes.ts";
import type { RecordedTable } from "./recorded-table.ts";
import type { WriteAnswer } from "./store-client.ts";
import type { Caller, Mark, Workload, WorkloadProblem } from "./workload.ts";
import { COLUMNS, DELETE_ROW, load, NO_ROW, set, UniqueValues, write } from "./writes.ts";

interface Seen {
  readonly version: number;
  readonly value: string | null;
}

export interface RowWorkloadParts {
  readonly table: RecordedTable;
  readonly rows: number;
  readonly random: Random;
  readonly mark: Mark;
}

export const REGISTER_PREFIX = "r";

const LOAD_ONE_IN = 10;

export class Registers implements Workload {
  readonly #table: RecordedTable;
  readonly #random: Random;
  readonly #mark: Mark;
  readonly #rows: HotRows;
  readonly #keyed: KeyedWrites;
  readonly #values = new UniqueValues(REGISTER_PREFIX);
  /** By caller and key: what one saw last, others may have changed since. Null: there was no row. */
  readonly #seen = new Map<string, Seen | null>();

  constructor({ table, rows: count, random, mark }: RowWorkloadParts) {
    this.#table = table;
    this.#random = random;
    this.#mark = mark;
    this.#rows = new HotRows({ prefix: REGISTER_PREFIX, count, random, mark });
    this.#keyed = new KeyedWrites({ table, rows: this.#rows, random, mark });
  }

  async step(caller: Caller): Promise<void> {
    const choice = this.#random.below(16);
    if (choice < 5) return this.#get(caller, this.#rows.any().key);
    if (choice === 5 && (await this.#keyed.again(caller))) return;
    const row = this.#rows.take();
    if (row === null) return this.#get(caller, this.#rows.any().key);
    const operation = this.#write(caller, row.key, choice);
    const isDelete = operation.mutations.every(({ kind }) => kind === "delete-row");
    if (!isDelete && this.#random.below(4) === 0) {
      this.#note(caller, operation, await this.#keyed.send(caller, row, operation));
      return;
    }
    const answer = await this.#rows.settledBy(row, this.#table.write(caller, operation, null));
    this.#note(caller, operation, answer);
  }

  finish(closing: Closing): Promise<void> {
    return this.#keyed.finish(closing);
  }

  problems(): readonly WorkloadProblem[] {
    return [];
  }

  async #get(caller: Caller, key: string): Promise<void> {
    const columns = this.#random.below(4) === 0 ? [COLUMNS.value] : null;
    const answer = await this.#table.get(caller, { kind: "get", key, columns });
    if (answer?.kind !== "read") return;
    const { row } = answer;
    const value = row?.columns.get(COLUMNS.value) ?? null;
    this.#seen.set(`${caller.name} ${key}`, row === null ? null : { version: row.version, value });
  }

  #write({ name }: Caller, key: string, choice: number): WriteOperation {
    const mutations = [set(this.#values.next())];
    if (this.#random.below(LOAD_ONE_IN) === 0) mutations.unshift(load(this.#random));
    const seen = this.#seen.get(`${name} ${key}`) ?? null;
    if (choice < 8) return write(key, [DELETE_ROW, ...mutations]);
    if (choice === 8) return write(key, [DELETE_ROW]);
    if (seen === null || choice === 9) return write(key, mutations, NO_ROW);
    if (choice < 13) {
      const expected: Expected = { kind: "version", version: seen.version };
      return choice === 12 ? write(key, [DELETE_ROW], expected) : write(key, mutations, expected);
    }
    return { ...write(key, mutations), test: { column: COLUMNS.value, equals: seen.value } };
  }

  #note(
    { name }: Caller,
    { key, expected, test, mutations }: WriteOperation,
    answer: WriteAnswer,
  ): void {
    const isComparison = expected.kind === "version" || test !== null;
    if (answer?.kind === "written" && answer.matched) {
      if (isComparison) this.#mark("compare-and-set won");
      const last = mutations.at(-1);
      const value = last?.kind === "set" ? last.value : null;
      const { version } = answer;
      this.#seen.set(`${name} ${key}`, version === null ? null : { version, value });
      return;
    }
    const isLost = answer?.kind === "written" || answer?.kind === "failed";
    if (isComparison && isLost) this.#mark("compare-and-set lost");
  }
}
