/**
 * The checkpoint store's twin in memory, for simulations and tests: LevelDB's weaknesses without
 * LevelDB. It stands below the proof, so that `ProvenStore` and its proof run unchanged above it.
 *
 * `MemoryStoreDisk` is what a crash leaves behind; `open` starts an incarnation on it, `crash` ends
 * it. Batches go to a memtable; after `writeBufferBytes` the memtable turns immutable, a new log
 * begins, and a while later the immutable one becomes the flushed tables and its log is deleted.
 *
 * M1. A crash keeps the flushed tables, perhaps with the immutable memtable: a prefix of the batches.
 * M2. A flush request may resolve without having flushed anything.
 * M3. After `crash`, no promise of the incarnation settles.
 * M4. With `ownLog: "trusted"` the log's batches are replayed over the tables when opened, and a crash
 *     drops some from its middle: what LevelDB would do if its log files were not deleted.
 */
import { assert, must } from "../assert.ts";
import type { Clock } from "../clock.ts";
import type { Random } from "../random.ts";
import { StoreClosedError, StoreRefusedError } from "./checkpoint-store.ts";
import type {
  CheckpointStore,
  StoreEntry,
  StoreIterator,
  StoreOperation,
  StoreRange,
  StoreSnapshot,
} from "./checkpoint-store.ts";
import { OrderedTree } from "./ordered-tree.ts";
import type { FlushProof } from "./proven-flush.ts";
import { ProvenStore } from "./proven-store.ts";
import type { StoreEngine } from "./store-engine.ts";

export interface MemoryStoreOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Default 64 KiB. */
  readonly writeBufferBytes?: number | undefined;
  /** Of a hundred flush requests, so many do nothing. Default 30. */
  readonly silentFlushPercent?: number | undefined;
  /** A flush takes 1 to so many ms. Default 20. */
  readonly flushMsMax?: number | undefined;
  /** Default "deleted", as the real store does. */
  readonly ownLog?: "deleted" | "trusted" | undefined;
  /** Told of every proven checkpoint. */
  readonly onProof?: ((proof: FlushProof) => void) | undefined;
}

interface Settings {
  readonly clock: Clock;
  readonly random: Random;
  readonly writeBufferBytes: number;
  readonly silentFlushPercent: number;
  readonly flushMsMax: number;
}

/** One log of the store; its batches matter only if logs are trusted. */
interface Log {
  readonly number: number;
  batches: (readonly StoreOperation[])[];
}

/** What is in the simulated directory. */
interface Files {
  tables: OrderedTree;
  /** Oldest first; the last is being written. */
  logs: Log[];
  nextLog: number;
}

/** Survives crashes, as a directory does. */
export class MemoryStoreDisk {
  readonly #settings: Settings;
  readonly #ownLog: "deleted" | "trusted";
  readonly #onProof: ((proof: FlushProof) => void) | undefined;
  readonly #files: Files = { tables: new OrderedTree(), logs: [], nextLog: 1 };
  #engine: MemoryEngine | null = null;
  #damage: string | null = null;

  constructor(options: MemoryStoreOptions) {
    const { clock, random, ownLog = "deleted", onProof } = options;
    const { writeBufferBytes = 64 * 1024, silentFlushPercent = 30, flushMsMax = 20 } = options;
    this.#settings = { clock, random, writeBufferBytes, silentFlushPercent, flushMsMax };
    this.#ownLog = ownLog;
    this.#onProof = onProof;
  }

  /** Throws `StoreRefusedError` after `damage`. REQUIRES: no incarnation is open. */
  async open(): Promise<CheckpointStore> {
    assert(this.#engine === null || this.#engine.isClosed, "the store is open already");
    if (this.#damage !== null) throw new StoreRefusedError("memory", this.#damage);
    this.#replayOwnLogs();
    const engine = new MemoryEngine(this.#files, this.#settings);
    this.#engine = engine;
    return new ProvenStore({ engine, clock: this.#settings.clock, onProof: this.#onProof });
  }

  /** Ends the incarnation, if there is one, as SIGKILL and power loss do. */
  crash(): void {
    this.#engine?.crash();
    this.#engine = null;
    if (this.#ownLog === "trusted") for (const log of this.#files.logs) this.#dropPages(log);
  }

  /** Makes every later `open` refuse, until `wipe`. */
  damage(detail: string): void {
    this.#damage = detail;
  }

  /** Makes the next batch fail, as a full disk does. */
  failNextWrite(error: Error): void {
    must(this.#engine, "no incarnation is open").failNextWrite(error);
  }

  /** An empty disk. REQUIRES: no incarnation is open. */
  wipe(): void {
    assert(this.#engine === null || this.#engine.isClosed, "wiped while open");
    this.#files.tables = new OrderedTree();
    this.#files.logs = [];
    this.#damage = null;
  }

  #replayOwnLogs(): void {
    const files = this.#files;
    if (this.#ownLog === "trusted") {
      for (const { batches } of files.logs) {
        for (const batch of batches) files.tables = applied(files.tables, batch);
      }
    }
    files.logs = [];
  }

  /** Loses a run of batches, as a page of the log that never reached the disk does. */
  #dropPages(log: Log): void {
    const { random } = this.#settings;
    const from = random.below(log.batches.length + 1);
    log.batches.splice(from, random.below(4));
  }
}

/** A memtable that is being flushed. */
interface Immutable {
  readonly tree: OrderedTree;
  readonly log: number;
  readonly flushed: Promise<void>;
}

class MemoryEngine implements StoreEngine {
  readonly #files: Files;
  readonly #settings: Settings;
  #tree: OrderedTree;
  #memtableBytes = 0;
  #immutable: Immutable | null = null;
  #nextWriteError: Error | null = null;
  #state: "open" | "closed" | "crashed" = "open";

  constructor(files: Files, settings: Settings) {
    this.#files = files;
    this.#settings = settings;
    this.#tree = files.tables;
    this.#beginLog();
  }

  get isClosed(): boolean {
    return this.#state === "closed";
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
      const error = this.#nextWriteError;
      if (error !== null) throw error;
      const copy = batch.map(copyOf);
      this.#tree = applied(this.#tree, copy);
      this.#activeLog().batches.push(copy);
      for (const { key, ...rest } of copy) {
        this.#memtableBytes += key.length + (rest.type === "put" ? rest.value.length : 0);
      }
    });
  }

  approximateBytes(start: Buffer, end: Buffer): Promise<number> {
    return this.#later(() => this.#files.tables.bytesIn(start, end));
  }

  listLogs(): Promise<readonly number[]> {
    return this.#later(() => this.#files.logs.map((log) => log.number));
  }

  async flush(): Promise<void> {
    const { random, silentFlushPercent } = this.#settings;
    if (random.below(100) < silentFlushPercent) return this.#later(() => undefined);
    await this.#turnMemtable();
    await this.#immutable?.flushed;
  }

  close(): Promise<void> {
    return this.#later(() => {
      this.#state = "closed";
    });
  }

  crash(): void {
    this.#state = "crashed";
    const immutable = this.#immutable;
    if (immutable !== null && this.#settings.random.below(2) === 0) this.#keep(immutable);
  }

  failNextWrite(error: Error): void {
    this.#nextWriteError = error;
  }

  /** Waits for the flush in progress, as LevelDB makes its writers wait, and starts the next. */
  async #turnMemtable(): Promise<void> {
    while (this.#immutable !== null) await this.#immutable.flushed;
    const flushed = Promise.withResolvers<void>();
    const { number } = this.#activeLog();
    const immutable = { tree: this.#tree, log: number, flushed: flushed.promise };
    this.#immutable = immutable;
    this.#memtableBytes = 0;
    this.#beginLog();
    const { clock, random, flushMsMax } = this.#settings;
    clock.after(1 + random.below(flushMsMax), () => {
      if (this.#state !== "open") return;
      this.#keep(immutable);
      this.#immutable = null;
      flushed.resolve();
    });
  }

  #keep({ tree, log }: Immutable): void {
    this.#files.tables = tree;
    this.#files.logs = this.#files.logs.filter((each) => each.number > log);
  }

  #beginLog(): void {
    this.#files.logs.push({ number: this.#files.nextLog++, batches: [] });
  }

  #activeLog(): Log {
    return must(this.#files.logs.at(-1), "an open store has a log");
  }

  /** Runs `act` in a later turn; never, if the process crashed before (M3). */
  #later<T>(act: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#settings.clock.soon(() => {
        if (this.#state === "crashed") return;
        if (this.#state === "closed") {
          reject(new StoreClosedError("the store is closed"));
          return;
        }
        try {
          resolve(act());
        } catch (error) {
          reject(error as Error);
        }
      });
    });
  }
}

type Later = <T>(act: () => T) => Promise<T>;

class MemoryIterator implements StoreIterator {
  readonly #tree: OrderedTree;
  readonly #later: Later;
  /** What is left; null: closed. */
  #rest: StoreRange | null;
  #busy = false;

  constructor(tree: OrderedTree, range: StoreRange, later: Later) {
    this.#tree = tree;
    this.#rest = range;
    this.#later = later;
  }

  async next(count: number, byteLimit: number): Promise<readonly StoreEntry[]> {
    assert(count >= 1, "an iterator is asked for one entry or more");
    assert(!this.#busy, "an iterator serves one call at a time");
    this.#busy = true;
    try {
      return await this.#later(() => this.#take(count, byteLimit));
    } finally {
      this.#busy = false;
    }
  }

  close(): Promise<void> {
    this.#rest = null;
    return Promise.resolve();
  }

  #take(count: number, byteLimit: number): StoreEntry[] {
    const range = this.#rest;
    if (range === null) throw new StoreClosedError("the iterator is closed");
    const taken: StoreEntry[] = [];
    let bytes = 0;
    this.#tree.scan(range, (key, value) => {
      bytes += key.length + value.length;
      if (taken.length > 0 && bytes > byteLimit) return false;
      taken.push([key, value]);
      return taken.length < count;
    });
    const last = taken.at(-1)?.[0];
    if (last !== undefined) this.#rest = restAfter(range, last);
    return taken;
  }
}

function restAfter(range: StoreRange, last: Buffer): StoreRange {
  // The least key above `last` is `last` and a zero byte.
  return range.reverse
    ? { ...range, end: last }
    : { ...range, start: Buffer.concat([last, Buffer.alloc(1)]) };
}

function applied(tree: OrderedTree, batch: readonly StoreOperation[]): OrderedTree {
  const edit = tree.edit();
  for (const operation of batch) {
    if (operation.type === "put") edit.put(operation.key, operation.value);
    else edit.delete(operation.key);
  }
  return edit.finish();
}

function copyOf(operation: StoreOperation): StoreOperation {
  const key = Buffer.from(operation.key);
  if (operation.type === "del") return { type: "del", key };
  return { type: "put", key, value: Buffer.from(operation.value) };
}
