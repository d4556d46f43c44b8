/** Rows to which unique words are appended: their order, and that each is there once, is the checker's to judge. */
import type { Random } from "@stele/shared/random.ts";
import type { RowMutation } from "../check/history/row-operation.ts";
import type { Closing } from "./closing.ts";
import { HotRows } from "./hot-rows.ts";
import type { HotRow } from "./hot-rows.ts";
import { KeyedWrites } from "./keyed-writes.ts";
import { largeText } from "./large-values.ts";
import type { RecordedTable } from "./recorded-table.ts";
import type { RowWorkloadParts } from "./registers.ts";
import type { Caller, Workload, WorkloadProblem } from "./workload.ts";
import { COLUMNS, write } from "./writes.ts";

export const APPEND_PREFIX = "a";

/** Then a row is long enough, and another takes its place. */
const APPENDS_A_ROW = 40;
const LONG_ONE_IN = 30;
const LONG_BYTES = 1024;

export class Appends implements Workload {
  readonly #table: RecordedTable;
  readonly #random: Random;
  readonly #rows: HotRows;
  readonly #keyed: KeyedWrites;
  readonly #appended = new Map<string, number>();
  #words = 0;

  constructor({ table, rows: count, random, mark }: RowWorkloadParts) {
    this.#table = table;
    this.#random = random;
    this.#rows = new HotRows({ prefix: APPEND_PREFIX, count, random, mark });
    this.#keyed = new KeyedWrites({ table, rows: this.#rows, random, mark });
  }

  async step(caller: Caller): Promise<void> {
    const choice = this.#random.below(8);
    if (choice === 0 && (await this.#keyed.again(caller))) return;
    const row = choice < 3 ? null : this.#rows.take();
    if (row === null) {
      const { key } = this.#rows.any();
      await this.#table.get(caller, { kind: "get", key, columns: null });
      return;
    }
    const operation = write(row.key, [this.#append(row)]);
    if (choice === 3) {
      await this.#keyed.send(caller, row, operation);
      return;
    }
    await this.#rows.settledBy(row, this.#table.write(caller, operation, null));
  }

  finish(closing: Closing): Promise<void> {
    return this.#keyed.finish(closing);
  }

  problems(): readonly WorkloadProblem[] {
    return [];
  }

  #append(row: HotRow): RowMutation {
    const appended = (this.#appended.get(row.key) ?? 0) + 1;
    this.#appended.set(row.key, appended);
    if (appended >= APPENDS_A_ROW) this.#rows.retire(row);
    const isLong = this.#random.below(LONG_ONE_IN) === 0;
    const word = isLong ? `${this.#words++}${largeText(this.#random, LONG_BYTES)}` : this.#words++;
    return { kind: "append", column: COLUMNS.log, value: JSON.stringify(`${word},`) };
  }
}
