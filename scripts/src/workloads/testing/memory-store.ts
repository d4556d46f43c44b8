/**
 * Tables in memory under clients that wait, give up and are refused at random: what workloads are tried on. Without a
 * fault it keeps every promise of `StoreClient`; with one it breaks a promise now and then.
 */
import { delay } from "@stele/shared/clock.ts";
import type { Clock } from "@stele/shared/clock.ts";
import type { Random } from "@stele/shared/random.ts";
import type {
  FailedOutcome,
  GetOperation,
  ScannedOutcome,
  ScanOperation,
  WriteOperation,
} from "../../check/history/row-operation.ts";
import type {
  CallPatience,
  GetManyOperation,
  ReadAnswer,
  ScanCall,
  StoreClient,
  TableAnswer,
  WriteAnswer,
} from "../store-client.ts";
import { MemoryRows } from "./memory-rows.ts";

export type PlantedFault =
  | "lost write"
  | "stale read"
  | "doubled increment"
  | "stale read of several"
  | "rows swapped in an answer"
  | "row missing from a scan"
  | "rows revived after a drop"
  | "batch order swapped"
  | "key executed twice"
  | "keyed delete executed twice"
  | "dropped table served"
  | "server failed";

export interface MemoryStoreParts {
  readonly clock: Clock;
  readonly random: Random;
  /** Of so many calls, one has an unknown outcome; 0: none. */
  readonly unknownOneIn: number;
  /** Null: honest. */
  readonly fault: PlantedFault | null;
}

const WAY_MS = 6;
const REFUSED_ONE_IN = 25;
const CHUNK_ROWS = 3;
/** What is planted happens each so many times that it could. */
const FAULT_EVERY = 6;

const THROTTLED: FailedOutcome = { kind: "failed", code: "THROTTLED", version: null };
const FAILED: FailedOutcome = { kind: "failed", code: "INTERNAL", version: null };
const NO_TABLE: FailedOutcome = { kind: "failed", code: "TABLE_NOT_FOUND", version: null };

export class MemoryStore implements StoreClient {
  readonly #parts: MemoryStoreParts;
  readonly #tables = new Map<string, MemoryRows>();
  readonly #dropped = new Map<string, MemoryRows>();
  /** Requests about tables that were done. */
  readonly #done = new Set<string>();
  #chances = 0;

  constructor(parts: MemoryStoreParts) {
    this.#parts = parts;
  }

  get(table: string, { key, columns }: GetOperation, call: CallPatience): Promise<ReadAnswer> {
    return this.#call(call, THROTTLED, () => {
      const rows = this.#served(table);
      if (rows === undefined) return NO_TABLE;
      if (this.#strikes("server failed")) return FAILED;
      return rows.get(key, columns, this.#strikes("stale read") ? "before" : "now");
    });
  }

  async getMany(
    table: string,
    { keys, columns }: GetManyOperation,
    call: CallPatience,
  ): Promise<readonly ReadAnswer[]> {
    const refused = keys.map(() => THROTTLED);
    const answers = await this.#call<readonly ReadAnswer[]>(call, refused, () => {
      const rows = this.#served(table);
      if (rows === undefined) return keys.map(() => NO_TABLE);
      const isSwapped = new Set(keys).size > 1 && this.#strikes("rows swapped in an answer");
      return (isSwapped ? keys.toReversed() : keys).map((key) => {
        if (this.#parts.random.below(REFUSED_ONE_IN) === 0) return THROTTLED;
        const isStale = this.#strikes("stale read") || this.#strikes("stale read of several");
        return rows.get(key, columns, isStale ? "before" : "now");
      });
    });
    return answers ?? keys.map(() => null);
  }

  write(
    table: string,
    operation: WriteOperation,
    call: CallPatience & { readonly request: string | null },
  ): Promise<WriteAnswer> {
    return this.#call(call, THROTTLED, () => this.#write(table, operation, call.request));
  }

  async writeMany(
    table: string,
    operations: readonly WriteOperation[],
    call: CallPatience,
  ): Promise<readonly WriteAnswer[]> {
    const refused = operations.map(() => THROTTLED);
    const answers = await this.#call(call, refused, () => {
      const isSwapped = this.#strikes("batch order swapped");
      const places = operations.map((_, at) => at);
      const outcomes: (WriteAnswer | undefined)[] = [];
      for (const at of isSwapped ? places.reverse() : places) {
        outcomes[at] = this.#write(table, operations[at] as WriteOperation, null);
      }
      const known = this.#isLost() ? outcomes.length - 1 : outcomes.length;
      return outcomes.map((outcome, at) => (at < known ? (outcome ?? null) : null));
    });
    return answers ?? operations.map(() => null);
  }

  async scan(
    table: string,
    operation: ScanOperation,
    call: ScanCall,
  ): Promise<ScannedOutcome | FailedOutcome | null> {
    const { reverse, columns } = operation;
    const rows: ScannedOutcome["rows"][number][] = [];
    const { clock } = this.#parts;
    const endMs = clock.monotonicMs() + call.patienceMs;
    let { start, end } = operation;
    for (;;) {
      const left = { patienceMs: endMs - clock.monotonicMs() };
      const chunk = await this.#call(left, THROTTLED, () => {
        const found = this.#served(table);
        return found?.scan({ start, end, reverse, columns, limit: CHUNK_ROWS }) ?? NO_TABLE;
      });
      if (chunk?.kind !== "scanned") {
        const resume = reverse ? end : start;
        return rows.length > 0 ? { kind: "scanned", rows, resume } : chunk;
      }
      const isShort = chunk.rows.length > 1 && this.#strikes("row missing from a scan");
      for (const row of isShort ? chunk.rows.slice(1) : chunk.rows) {
        rows.push(call.shows === "keys" ? { ...row, columns: null } : row);
      }
      if (chunk.resume === null) return { kind: "scanned", rows, resume: null };
      if (reverse) end = chunk.resume;
      else start = chunk.resume;
    }
  }

  async createTable(
    table: string,
    options: CallPatience & { readonly request: string },
  ): Promise<TableAnswer> {
    return this.#tableCall(options, () => {
      if (this.#tables.has(table)) return { kind: "failed", code: "TABLE_EXISTS" };
      const before = this.#dropped.get(table);
      const isRevived = before !== undefined && this.#parts.fault === "rows revived after a drop";
      this.#tables.set(table, isRevived ? before : new MemoryRows());
      return { kind: "done" };
    });
  }

  async dropTable(
    table: string,
    call: CallPatience & { readonly request: string },
  ): Promise<TableAnswer> {
    return this.#tableCall(call, () => {
      const rows = this.#tables.get(table);
      if (rows === undefined) return { kind: "failed", code: "TABLE_NOT_FOUND" };
      this.#dropped.set(table, rows);
      this.#tables.delete(table);
      return { kind: "done" };
    });
  }

  async #tableCall(
    call: CallPatience & { readonly request: string },
    effect: () => TableAnswer,
  ): Promise<TableAnswer> {
    const refused: TableAnswer = { kind: "failed", code: "NOT_ENOUGH_SERVERS" };
    const answer = await this.#call(call, refused, () => {
      if (this.#done.has(call.request)) return { kind: "done" } as const;
      const own = effect();
      if (own.kind === "done") this.#done.add(call.request);
      return own;
    });
    return answer ?? { kind: "unknown" };
  }

  #write(table: string, operation: WriteOperation, request: string | null): WriteAnswer {
    const rows = this.#served(table);
    if (rows === undefined) return NO_TABLE;
    const isDelete = operation.mutations.every(({ kind }) => kind.startsWith("delete"));
    const isForgotten =
      request !== null &&
      (this.#strikes("key executed twice") ||
        (isDelete && this.#strikes("keyed delete executed twice")));
    const increments = operation.mutations.some(({ kind }) => kind === "increment");
    const isDoubled = increments && this.#strikes("doubled increment");
    return rows.write(operation, {
      request: isForgotten ? null : request,
      effect: isDoubled ? "twice" : this.#strikes("lost write") ? "lost" : "once",
    });
  }

  #served(table: string): MemoryRows | undefined {
    const rows = this.#tables.get(table);
    if (rows !== undefined) return rows;
    return this.#strikes("dropped table served") ? this.#dropped.get(table) : undefined;
  }

  /** Null: nobody knows, and the effect comes at its time, late, or never. */
  async #call<T>({ patienceMs }: CallPatience, refused: T, effect: () => T): Promise<T | null> {
    const { clock, random } = this.#parts;
    const [thereMs, backMs] = [random.below(WAY_MS), random.below(WAY_MS)];
    if (random.below(REFUSED_ONE_IN) === 0) return refused;
    if (this.#isLost() || thereMs + backMs > patienceMs) {
      const fate = random.below(3);
      if (fate === 0) clock.after(thereMs, effect);
      if (fate === 1) clock.after(2 * patienceMs, effect);
      await delay(clock, patienceMs);
      return null;
    }
    await delay(clock, thereMs);
    const result = effect();
    await delay(clock, backMs);
    return result;
  }

  #isLost(): boolean {
    const { random, unknownOneIn } = this.#parts;
    return unknownOneIn > 0 && random.below(unknownOneIn) === 0;
  }

  #strikes(fault: PlantedFault): boolean {
    return this.#parts.fault === fault && this.#chances++ % FAULT_EVERY === FAULT_EVERY - 1;
  }
}
