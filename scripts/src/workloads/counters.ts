/**
 * Counters that are incremented by one: in one column plainly, so that each unknown increment is one or none in the
 * end, in the other under Idempotency-Keys until each is known to have counted once.
 */
import type { Random } from "@stele/shared/random.ts";
import type { Closing } from "./closing.ts";
import { HotRows } from "./hot-rows.ts";
import type { HotRow } from "./hot-rows.ts";
import { KeyedWrites } from "./keyed-writes.ts";
import type { Tally } from "./keyed-writes.ts";
import type { RecordedTable } from "./recorded-table.ts";
import type { RowWorkloadParts } from "./registers.ts";
import type { Caller, Workload, WorkloadProblem } from "./workload.ts";
import { COLUMNS, increment, write } from "./writes.ts";

export const COUNTER_PREFIX = "c";

export class Counters implements Workload {
  readonly #table: RecordedTable;
  readonly #random: Random;
  readonly #rows: HotRows;
  readonly #keyed: KeyedWrites;
  readonly #plain = new Map<string, Tally>();
  readonly #problems: WorkloadProblem[] = [];

  constructor({ table, rows: count, random, mark }: RowWorkloadParts) {
    this.#table = table;
    this.#random = random;
    this.#rows = new HotRows({ prefix: COUNTER_PREFIX, count, random, mark });
    this.#keyed = new KeyedWrites({ table, rows: this.#rows, random, mark });
  }

  async step(caller: Caller): Promise<void> {
    const choice = this.#random.below(10);
    if (choice > 6 && (await this.#keyed.again(caller))) return;
    const row = choice < 2 ? null : this.#rows.take();
    if (row === null) {
      await this.#get(caller, this.#rows.any().key);
    } else if (choice < 5) {
      await this.#increment(caller, row);
    } else {
      await this.#keyed.send(caller, row, write(row.key, [increment(COLUMNS.keyedSum)]));
    }
  }

  async finish(closing: Closing): Promise<void> {
    await this.#keyed.finish(closing);
    for (const { key } of this.#rows.all) {
      const what = `the last read of counter ${JSON.stringify(key)}`;
      const answer = await closing.until(what, async (caller) => {
        const got = await this.#get(caller, key);
        return got?.kind === "read" ? got : null;
      });
      if (answer === null) continue;
      const sums = answer.row?.columns ?? new Map<string, string>();
      this.#judge(key, COLUMNS.sum, this.#tallyOf(key), sums);
      this.#judge(key, COLUMNS.keyedSum, this.#keyed.tallyOf(key), sums);
    }
  }

  problems(): readonly WorkloadProblem[] {
    return this.#problems;
  }

  #get(caller: Caller, key: string): ReturnType<RecordedTable["get"]> {
    return this.#table.get(caller, { kind: "get", key, columns: null });
  }

  async #increment(caller: Caller, row: HotRow): Promise<void> {
    const tally = this.#tallyOf(row.key);
    const operation = write(row.key, [increment(COLUMNS.sum)]);
    const answer = await this.#rows.settledBy(row, this.#table.write(caller, operation, null));
    if (answer === null) tally.open++;
    if (answer?.kind === "written") tally.written++;
  }

  #tallyOf(key: string): Tally {
    let tally = this.#plain.get(key);
    if (tally === undefined) this.#plain.set(key, (tally = { written: 0, open: 0 }));
    return tally;
  }

  #judge(
    key: string,
    column: string,
    { written, open }: Tally,
    sums: ReadonlyMap<string, string>,
  ): void {
    const sum = Number(/"(-?\d+)"/.exec(sums.get(column) ?? "")?.[1] ?? 0);
    if (sum >= written && sum <= written + open) return;
    const counted = open === 0 ? `${written}` : `${written} to ${written + open}`;
    const detail = `${column} of ${JSON.stringify(key)} is ${sum}; increments that counted: ${counted}`;
    this.#problems.push({ checker: "exactly once", detail });
  }
}
