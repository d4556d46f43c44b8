/**
 * A region into which rows are inserted and from which they are deleted while it is scanned: as a whole, in parts
 * that begin and end at rows or between them, forward and in reverse, for rows or for keys alone. `scan-coverage.ts` judges what scans leave out,
 * the linearizability checker what they show.
 */
import type { Random } from "@stele/shared/random.ts";
import type { ScanOperation } from "../check/history/row-operation.ts";
import { HotRows } from "./hot-rows.ts";
import type { RecordedTable } from "./recorded-table.ts";
import type { RowWorkloadParts } from "./registers.ts";
import type { Caller, Workload, WorkloadProblem } from "./workload.ts";
import { COLUMNS, DELETE_ROW, load, NO_ROW, set, UniqueValues, write } from "./writes.ts";

export const SCAN_PREFIX = "s";

/** All keys that begin with the prefix and a slash. */
const REGION = { start: `${SCAN_PREFIX}/`, end: `${SCAN_PREFIX}0` };
/** There are as many rows as in other workloads times this. */
const MORE_ROWS = 4;

export class Scans implements Workload {
  readonly #table: RecordedTable;
  readonly #random: Random;
  readonly #rows: HotRows;
  readonly #values = new UniqueValues(SCAN_PREFIX);

  constructor({ table, rows, random, mark }: RowWorkloadParts) {
    this.#table = table;
    this.#random = random;
    this.#rows = new HotRows({ prefix: SCAN_PREFIX, count: rows * MORE_ROWS, random, mark });
  }

  async step(caller: Caller): Promise<void> {
    const choice = this.#random.below(10);
    const row = choice < 4 ? null : this.#rows.take();
    if (row === null) {
      const shows = this.#random.below(4) === 0 ? "keys" : "columns";
      await this.#table.scan(caller, this.#scan(), shows);
      return;
    }
    const { key } = row;
    const mutations = choice < 7 ? [DELETE_ROW] : [set(this.#values.next())];
    if (choice === 8 && this.#random.below(4) === 0) mutations.unshift(load(this.#random));
    const operation = choice === 9 ? write(key, mutations, NO_ROW) : write(key, mutations);
    const answer = await this.#table.write(caller, operation, null);
    this.#rows.settle(row, { writes: 1, unknown: answer === null ? 1 : 0 });
  }

  finish(): Promise<void> {
    return Promise.resolve();
  }

  problems(): readonly WorkloadProblem[] {
    return [];
  }

  #scan(): ScanOperation {
    const choice = this.#random.below(8);
    const columns = this.#random.below(8) === 0 ? [COLUMNS.value] : null;
    const reverse = this.#random.below(2) === 0;
    const shape = { kind: "scan", reverse, columns } as const;
    if (choice === 0) return { ...shape, start: null, end: null };
    if (choice === 1) return { ...shape, start: this.#rows.any().key, end: null };
    if (choice < 4) return { ...shape, ...REGION };
    const [start = "", end = ""] = [this.#rows.any().key, this.#rows.any().key].sort();
    // A key right behind a row's own takes the row along.
    return { ...shape, start, end: this.#random.below(2) === 0 ? end : `${end}\x00` };
  }
}
