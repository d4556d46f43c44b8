/**
 * One incarnation of the twin: memtable, immutable memtable and logs over simulated files.
 *
 * E1. `files.tables` is the tree after some number of whole batches; the memtables hold the rest.
 * E2. A log is deleted in the same step that makes its batches part of the tables.
 * E3. Once `crash` returned, nothing settles and `files` is left alone: what had not been carried out has no effect.
 * E4. When a flush failed, no batch is taken any more; flush requests still resolve.
 * E5. An operation that takes time is carried out at its beginning or at its end, and answered at its end. Reads
 *     overtake each other and batches; batches come one by one, as `StoreEngine` wants them.
 */
import { must } from "../../assert.ts";
import type { Clock } from "../../clock.ts";
import type { Random } from "../../random.ts";
import { StoreClosedError } from "../checkpoint-store.ts";
import type {
  StoreIterator,
  StoreOperation,
  StoreRange,
  StoreSnapshot,
} from "../checkpoint-store.ts";
import { MemoryIterator } from "./memory-iterator.ts";
import type { OrderedTree } from "./ordered-tree.ts";
import type { StoreEngine } from "../store-engine.ts";
import type { StoreLatency } from "./store-latency.ts";

/** Faults that took effect. */
export interface StoreDiskCounters {
  /** Flush requests that resolved without a flush. */
  silentFlushes: number;
  failedFlushes: number;
  stalledFlushes: number;
  /** Memtables with batches that a crash took. */
  lostMemtables: number;
  flippedBits: number;
  /** Of logs that were not deleted; they leave a hole. */
  droppedBatches: number;
}

/** What the next flush is in for. */
export interface FlushFate {
  stallMs: number;
  error: Error | null;
}

export interface MemoryEngineSettings {
  readonly clock: Clock;
  readonly random: Random;
  readonly writeBufferBytes: number;
  readonly silentFlushPercent: number;
  readonly flushMsMax: number;
  /** Of every operation but flushes. */
  readonly latency: StoreLatency;
  readonly counters: StoreDiskCounters;
}

/** One log of the store; its batches matter only to a store that trusts its logs. */
export interface MemoryLog {
  readonly number: number;
  readonly batches: (readonly StoreOperation[])[];
}

/** What is in the simulated directory. */
export interface MemoryFiles {
  tables: OrderedTree;
  /** Oldest first; the last is being written. */
  logs: MemoryLog[];
  nextLog: number;
}

/** A memtable that is being flushed. */
interface Immutable {
  tree: OrderedTree;
  readonly log: number;
  readonly flushed: Promise<void>;
}

export class MemoryEngine implements StoreEngine {
  /** Time as this incarnation sees it: none after its crash. */
  readonly clock: Clock;
  readonly nextFlush: FlushFate = { stallMs: 0, error: null };
  readonly #files: MemoryFiles;
  readonly #settings: MemoryEngineSettings;
  #tree: OrderedTree;
  #memtableBytes = 0;
  #immutable: Immutable | null = null;
  #writeError: Error | null = null;
  #flushFailed = false;
  /** What begins before it waits for it. */
  #haltedUntilMs = 0;
  /** Begun and not answered. */
  #underWay = 0;
  /** Told when nothing is under way. */
  #idle: (() => void) | null = null;
  #state: "open" | "closed" | "crashed" = "open";

  constructor(files: MemoryFiles, settings: MemoryEngineSettings) {
    this.#files = files;
    this.#settings = settings;
    this.#tree = files.tables;
    const { clock } = settings;
    this.clock = {
      monotonicMs: () => clock.monotonicMs(),
      wallMicros: () => clock.wallMicros(),
      after: (delayMs, callback) => clock.after(delayMs, () => this.#unlessCrashed(callback)),
      soon: (callback) => clock.soon(() => this.#unlessCrashed(callback)),
    };
    this.#beginLog();
  }

  get isClosed(): boolean {
    return this.#state === "closed";
  }

  /** What reads see now. */
  get contents(): OrderedTree {
    return this.#tree;
  }

  getMany(keys: readonly Buffer[]): Promise<(Buffer | undefined)[]> {
    return this.#later(() => keys.map((key) => this.#tree.get(key)));
  }

  iterate(range: StoreRange): StoreIterator {
    return new MemoryIterator(this.#tree, range, (read) => this.#later(read));
  }

  snapshot(): StoreSnapshot {
    const tree = this.#tree;
    let isOpen = true;
    return {
      iterate: (range) => {
        if (!isOpen) throw new StoreClosedError("the snapshot is closed");
        return new MemoryIterator(tree, range, (read) => this.#later(read));
      },
      close: () => {
        isOpen = false;
        return this.#later(() => undefined);
      },
    };
  }

  async writeBatch(batch: readonly StoreOperation[]): Promise<void> {
    if (this.#memtableBytes > this.#settings.writeBufferBytes) await this.#turnMemtable();
    await this.#later(() => {
      if (this.#writeError !== null) throw this.#writeError;
      const copy = batch.map(copyOf);
      this.#tree = applied(this.#tree, copy);
      this.#activeLog().batches.push(copy);
      for (const operation of copy) this.#memtableBytes += bytesOf(operation);
    });
  }

  approximateBytes(start: Buffer, end: Buffer): Promise<number> {
    return this.#later(() => this.#files.tables.bytesIn(start, end));
  }

  listLogs(): Promise<readonly number[]> {
    return this.#later(() => this.#files.logs.map((log) => log.number));
  }

  async flush(): Promise<void> {
    const { random, silentFlushPercent, counters } = this.#settings;
    if (random.below(100) < silentFlushPercent) {
      counters.silentFlushes++;
      return this.#later(() => undefined);
    }
    if (this.#flushFailed) return this.#later(() => undefined);
    await this.#turnMemtable();
    await this.#immutable?.flushed;
  }

  async close(): Promise<void> {
    if (this.#underWay > 0) await new Promise<void>((resolve) => (this.#idle = resolve));
    await this.#later(() => {
      this.#state = "closed";
    });
  }

  crash(): void {
    const { random, counters } = this.#settings;
    const immutable = this.#state === "open" ? this.#immutable : null;
    if (this.#state === "open" && this.#memtableBytes > 0) counters.lostMemtables++;
    this.#state = "crashed";
    if (immutable === null) return;
    if (!this.#flushFailed && random.below(2) === 0) this.#keep(immutable);
    else counters.lostMemtables++;
  }

  failWrites(error: Error): void {
    this.#writeError = error;
  }

  /** What begins within so long takes until its end, and then its own time. Flushes go on. */
  halt(durationMs: number): void {
    this.#haltedUntilMs = Math.max(this.#haltedUntilMs, this.clock.monotonicMs() + durationMs);
  }

  /** Damage to a table is seen wherever `value` itself, not a newer one, is what `key` holds. */
  replaceValue(key: Buffer, value: Buffer, replacement: Buffer): void {
    const replaced = (tree: OrderedTree): OrderedTree =>
      tree.get(key) === value ? applied(tree, [{ type: "put", key, value: replacement }]) : tree;
    this.#tree = replaced(this.#tree);
    this.#files.tables = replaced(this.#files.tables);
    if (this.#immutable !== null) this.#immutable.tree = replaced(this.#immutable.tree);
  }

  /** Waits for the flush in progress, as LevelDB makes its writers wait, and starts the next. */
  async #turnMemtable(): Promise<void> {
    while (this.#immutable !== null && !this.#flushFailed) await this.#immutable.flushed;
    if (this.#flushFailed) return;
    const flushed = Promise.withResolvers<void>();
    const { number } = this.#activeLog();
    const immutable: Immutable = { tree: this.#tree, log: number, flushed: flushed.promise };
    this.#immutable = immutable;
    this.#memtableBytes = 0;
    this.#beginLog();
    const { random, flushMsMax } = this.#settings;
    this.clock.after(1 + random.below(flushMsMax) + this.#takeStall(), () => {
      if (this.#state === "closed") return;
      if (this.nextFlush.error !== null) this.#failFlush(this.nextFlush.error);
      else this.#keep(immutable);
      flushed.resolve();
    });
  }

  #takeStall(): number {
    const { stallMs } = this.nextFlush;
    if (stallMs > 0) this.#settings.counters.stalledFlushes++;
    this.nextFlush.stallMs = 0;
    return stallMs;
  }

  /** E4: as LevelDB does, which remembers an error of its background work for good. */
  #failFlush(error: Error): void {
    this.#settings.counters.failedFlushes++;
    this.#flushFailed = true;
    this.#writeError = error;
  }

  #keep({ tree, log }: Immutable): void {
    this.#immutable = null;
    this.#files.tables = tree;
    this.#files.logs = this.#files.logs.filter((each) => each.number > log);
  }

  #beginLog(): void {
    this.#files.logs.push({ number: this.#files.nextLog++, batches: [] });
  }

  #activeLog(): MemoryLog {
    return must(this.#files.logs.at(-1), "an open store has a log");
  }

  #unlessCrashed(callback: () => void): void {
    if (this.#state !== "crashed") callback();
  }

  /** Carries `act` out and answers in a later turn (E5); never, if the process crashed before (E3). */
  #later<T>(act: () => T): Promise<T> {
    const { latency } = this.#settings;
    const haltMs = Math.max(0, this.#haltedUntilMs - this.clock.monotonicMs());
    const durationMs = haltMs + latency.nextMs();
    const isEarly = durationMs > 0 && latency.nextIsEarly() && this.#state === "open";
    this.#underWay++;
    return new Promise((resolve, reject) => {
      const outcome = isEarly ? this.#outcomeOf(act, resolve, reject) : null;
      const answer = (): void => {
        const settle = outcome ?? this.#outcomeOf(act, resolve, reject);
        if (--this.#underWay === 0) this.#idle?.();
        settle();
      };
      if (durationMs > 0) this.clock.after(durationMs, answer);
      else this.clock.soon(answer);
    });
  }

  /** How the operation, carried out now, is to be answered. */
  #outcomeOf<T>(
    act: () => T,
    resolve: (value: T) => void,
    reject: (error: Error) => void,
  ): () => void {
    try {
      if (this.#state === "closed") throw new StoreClosedError("the store is closed");
      const value = act();
      return () => resolve(value);
    } catch (error) {
      return () => reject(error as Error);
    }
  }
}

/** The version of `tree` after one batch; keeps its buffers. */
export function applied(tree: OrderedTree, batch: readonly StoreOperation[]): OrderedTree {
  const edit = tree.edit();
  for (const operation of batch) {
    if (operation.type === "put") edit.put(operation.key, operation.value);
    else edit.delete(operation.key);
  }
  return edit.finish();
}

function bytesOf(operation: StoreOperation): number {
  return operation.key.length + (operation.type === "put" ? operation.value.length : 0);
}

function copyOf(operation: StoreOperation): StoreOperation {
  const key = Buffer.from(operation.key);
  if (operation.type === "del") return { type: "del", key };
  return { type: "put", key, value: Buffer.from(operation.value) };
}
