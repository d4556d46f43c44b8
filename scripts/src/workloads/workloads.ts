/**
 * All that clients do to a store in a run, and what comes of it. The store may be a simulated cluster, real processes
 * or a table in memory: it is seen through `StoreClient` alone.
 *
 * A1. `setUp`, then `step` by any number of callers at the same time, then, when all of them have ended, `finish`, then
 *     `problems`.
 * A2. Calls settle (`StoreClient` K1), so every step does. None rejects.
 * A3. Given the same random numbers, clock and answers, the same is done.
 */
import { must } from "@stele/shared/assert.ts";
import type { Clock } from "@stele/shared/clock.ts";
import type { Random } from "@stele/shared/random.ts";
import type { RecordedOperation } from "../check/history/row-operation.ts";
import { APPEND_PREFIX, Appends } from "./appends.ts";
import { BATCH_PREFIX, Batches } from "./batches.ts";
import { Closing } from "./closing.ts";
import type { ClosingParts } from "./closing.ts";
import { COUNTER_PREFIX, Counters } from "./counters.ts";
import { hotKey } from "./hot-rows.ts";
import { judgeHistory } from "./judge-history.ts";
import { LinkedNodes, NODE_PREFIX } from "./linked-nodes.ts";
import { LOCK_PREFIX, Locks } from "./locks.ts";
import { NamedTables } from "./named-tables.ts";
import { RecordedTable } from "./recorded-table.ts";
import { REGISTER_PREFIX, Registers } from "./registers.ts";
import type { RowWorkloadParts } from "./registers.ts";
import { SCAN_PREFIX, Scans } from "./scans.ts";
import { drawWorkload, drawWorkloadPlan } from "./workload-plan.ts";
import type { WorkloadName, WorkloadPlan } from "./workload-plan.ts";
import type { Caller, Mark, Workload, WorkloadProblem } from "./workload.ts";

export interface WorkloadsParts {
  /** Orders all callers, and measures pauses. */
  readonly clock: Clock;
  readonly random: Random;
  /** How long a call may take at most. */
  readonly patienceMs: number;
  readonly mark: Mark;
  /** Drawn if it is not given. */
  readonly plan?: WorkloadPlan;
}

const SET_UP_WITHIN_MS = 60_000;
/** Few, so that whoever wants one finds it taken. */
const LOCKS = 2;
/** A key may not be empty. */
const LOWEST_KEY = "\x00";

export class Workloads {
  readonly plan: WorkloadPlan;
  readonly #parts: WorkloadsParts;
  readonly #tables: readonly RecordedTable[];
  readonly #workloads: Readonly<Record<WorkloadName, Workload>>;
  readonly #found: WorkloadProblem[] = [];

  constructor(parts: WorkloadsParts) {
    const { random, mark, patienceMs } = parts;
    this.#parts = parts;
    this.plan = parts.plan ?? drawWorkloadPlan(random);
    const { names, rows, tables } = this.plan;
    this.#tables = Array.from({ length: tables }, (_, at) => {
      return new RecordedTable({ ...parts, name: `rows-${at}`, splitKeys: this.#splitKeys() });
    });
    let dealt = 0;
    const next = (): RowWorkloadParts => {
      const table = must(this.#tables[dealt++ % tables], "a table for every workload");
      return { table, rows, random, mark };
    };
    this.#workloads = {
      registers: new Registers(next()),
      counters: new Counters(next()),
      appends: new Appends(next()),
      batches: new Batches(next()),
      locks: new Locks({ ...next(), rows: LOCKS }),
      scans: new Scans(next()),
      linkedNodes: new LinkedNodes(next()),
      namedTables: new NamedTables({ names, random, patienceMs, mark }),
    };
  }

  /** Creates the tables of the workloads on rows. */
  async setUp(callers: readonly Caller[]): Promise<void> {
    const { clock, patienceMs } = this.#parts;
    const deadlineMs = clock.monotonicMs() + SET_UP_WITHIN_MS;
    const closing = new Closing({ clock, callers, deadlineMs });
    for (const { name, splitKeys } of this.#tables) {
      await closing.until(`the creation of ${name}`, async ({ client }) => {
        const call = { splitKeys, patienceMs, request: `create-${name}` };
        const answer = await client.createTable(name, call);
        return answer.kind === "done" ? answer : null;
      });
    }
    this.#found.push(...closing.problems);
  }

  /** One operation. */
  step(caller: Caller): Promise<void> {
    return this.#workloads[drawWorkload(this.#parts.random, this.plan)].step(caller);
  }

  /** The same, of locks alone: callers that do nothing else meet each other there all the time. */
  contend(caller: Caller): Promise<void> {
    return this.#workloads.locks.step(caller);
  }

  /** Ends what is open and reads everything back. REQUIRES: no step is under way. */
  async finish(ending: Omit<ClosingParts, "clock">): Promise<void> {
    const closing = new Closing({ ...ending, clock: this.#parts.clock });
    for (const workload of Object.values(this.#workloads)) await workload.finish(closing);
    for (const table of this.#tables) {
      for (const reverse of [false, true]) {
        await closing.rowsOf(table, { start: null, end: null, reverse });
      }
      table.finish();
    }
    this.#found.push(...closing.problems);
  }

  /** All that is found wrong; costs as much as everything before. REQUIRES: finished. */
  problems(): readonly WorkloadProblem[] {
    return [
      ...this.#found,
      ...this.#tables.flatMap(({ problems }) => problems),
      ...Object.values(this.#workloads).flatMap((workload) => workload.problems()),
      ...this.#tables.flatMap(({ name, history }) => judgeHistory(name, history)),
    ];
  }

  /** What was drawn, by name. */
  get options(): Readonly<Record<string, number>> {
    const { weights, ...sizes } = this.plan;
    return { ...sizes, ...weights };
  }

  /** A row of every first tablet of every table: where each begins. */
  get firstRows(): readonly { readonly table: string; readonly key: string }[] {
    return this.#tables.flatMap(({ name, splitKeys }) => {
      return [LOWEST_KEY, ...splitKeys].map((key) => ({ table: name, key }));
    });
  }

  /** By table; to be kept beside a failure. */
  get histories(): ReadonlyMap<string, readonly RecordedOperation[]> {
    return new Map(this.#tables.map(({ name, history }) => [name, history]));
  }

  /** Among the keys that the workloads begin with: first where scans and batches cross them. */
  #splitKeys(): string[] {
    const { random } = this.#parts;
    const { rows, tablets } = this.plan;
    const prefixes = [
      SCAN_PREFIX,
      BATCH_PREFIX,
      APPEND_PREFIX,
      COUNTER_PREFIX,
      REGISTER_PREFIX,
      LOCK_PREFIX,
      NODE_PREFIX,
    ];
    const keys = new Set<string>();
    for (let bound = 0; bound < tablets - 1; bound++) {
      const prefix = prefixes[bound < 2 ? bound : random.below(prefixes.length)] ?? SCAN_PREFIX;
      keys.add(hotKey(prefix, random.below(rows)));
    }
    return [...keys].sort();
  }
}
