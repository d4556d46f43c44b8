/**
 * Rows as locks: taken where there is no row, given back by deleting it, by whoever comes. What decides over a write
 * goes to and fro all the time, so that an attempt that comes too late is evaluated otherwise than the one that was
 * answered. The linearizability checker judges.
 */
import type { Random } from "@stele/shared/random.ts";
import type { WriteOperation } from "../check/history/row-operation.ts";
import type { Closing } from "./closing.ts";
import { HotRows } from "./hot-rows.ts";
import { KeyedWrites } from "./keyed-writes.ts";
import { isRefusal } from "./recorded-table.ts";
import type { RecordedTable } from "./recorded-table.ts";
import type { RowWorkloadParts } from "./registers.ts";
import type { Caller, Mark, Workload, WorkloadProblem } from "./workload.ts";
import { COLUMNS, DELETE_ROW, NO_ROW, set, UniqueValues, write } from "./writes.ts";

export const LOCK_PREFIX = "l";

export class Locks implements Workload {
  readonly #table: RecordedTable;
  readonly #random: Random;
  readonly #mark: Mark;
  readonly #rows: HotRows;
  readonly #keyed: KeyedWrites;
  readonly #holders = new UniqueValues(LOCK_PREFIX);
  /** By key: who took it last, as far as is known, and the version of the row since. */
  readonly #held = new Map<string, { readonly holder: string; readonly version: number }>();

  constructor({ table, rows: count, random, mark }: RowWorkloadParts) {
    this.#table = table;
    this.#random = random;
    this.#mark = mark;
    this.#rows = new HotRows({ prefix: LOCK_PREFIX, count, random, mark });
    this.#keyed = new KeyedWrites({ table, rows: this.#rows, random, mark });
  }

  async step(caller: Caller): Promise<void> {
    const choice = this.#random.below(10);
    if (choice === 0 && (await this.#keyed.again(caller))) return;
    const row = choice < 3 ? null : this.#rows.take();
    if (row === null) {
      await this.#look(caller);
      return;
    }
    if (choice > 6) {
      const release = this.#release(row.key);
      const isKeyed = release.test === null && this.#random.below(2) === 0;
      if (isKeyed) await this.#keyed.send(caller, row, release);
      else await this.#rows.settledBy(row, this.#table.write(caller, release, null));
      return;
    }
    const holder = this.#holders.next();
    const operation = write(row.key, [set(holder)], NO_ROW);
    const answer =
      this.#random.below(4) === 0
        ? await this.#keyed.send(caller, row, operation)
        : await this.#rows.settledBy(row, this.#table.write(caller, operation, null));
    if (answer?.kind === "written" && answer.version !== null) {
      this.#held.set(row.key, { holder, version: answer.version });
    }
    if (isRefusal(answer)) this.#mark("lock was held");
  }

  finish(closing: Closing): Promise<void> {
    return this.#keyed.finish(closing);
  }

  problems(): readonly WorkloadProblem[] {
    return [];
  }

  /** At one lock, or at several at once. */
  async #look(caller: Caller): Promise<void> {
    if (this.#random.below(3) === 0) {
      await this.#table.getMany(caller, { keys: this.#rows.anyKeys(2), columns: null });
      return;
    }
    const { key } = this.#rows.any();
    await this.#table.get(caller, { kind: "get", key, columns: null });
  }

  /**
   * By force, or only from whom it is believed to be held. What is deleted by its version is deleted once: a second
   * time is refused, which shows.
   */
  #release(key: string): WriteOperation {
    const held = this.#held.get(key);
    const choice = this.#random.below(4);
    if (held === undefined || choice === 0) return write(key, [DELETE_ROW]);
    const { holder, version } = held;
    if (choice < 3) return write(key, [DELETE_ROW], { kind: "version", version });
    // The row goes with its only column.
    const release = write(key, [{ kind: "delete", column: COLUMNS.value }]);
    return { ...release, test: { column: COLUMNS.value, equals: holder } };
  }
}
