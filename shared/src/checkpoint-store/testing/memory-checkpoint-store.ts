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
import { assert, must } from "../../assert.ts";
import type { Clock } from "../../clock.ts";
import type { Random } from "../../random.ts";
import { StoreRefusedError } from "../checkpoint-store.ts";
import type { CheckpointStore, StoreEntry, StoreRange } from "../checkpoint-store.ts";
import { applied, MemoryEngine } from "./memory-engine.ts";
import type {
  MemoryEngineSettings,
  MemoryFiles,
  MemoryLog,
  StoreDiskCounters,
} from "./memory-engine.ts";
import { OrderedTree } from "./ordered-tree.ts";
import type { FlushProof } from "../proven-flush.ts";
import { ProvenStore } from "../proven-store.ts";
import { NO_LATENCY } from "./store-latency.ts";
import type { StoreLatency } from "./store-latency.ts";

export interface MemoryStoreOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Default 64 KiB. */
  readonly writeBufferBytes?: number | undefined;
  /** Of a hundred flush requests, so many do nothing. Default 30. */
  readonly silentFlushPercent?: number | undefined;
  /** A flush takes 1 to so many ms. Default 20. */
  readonly flushMsMax?: number | undefined;
  /** Of every operation but flushes. Default: none of the clock's time. */
  readonly latency?: StoreLatency | undefined;
  /** Default "deleted", as the real store does. */
  readonly ownLog?: "deleted" | "trusted" | undefined;
  /** Told of every proven checkpoint. */
  readonly onProof?: ((proof: FlushProof) => void) | undefined;
}

/** Survives crashes, as a directory does. */
export class MemoryStoreDisk {
  readonly counters: StoreDiskCounters = {
    silentFlushes: 0,
    failedFlushes: 0,
    stalledFlushes: 0,
    lostMemtables: 0,
    flippedBits: 0,
    droppedBatches: 0,
  };
  readonly #settings: MemoryEngineSettings;
  readonly #ownLog: "deleted" | "trusted";
  readonly #onProof: ((proof: FlushProof) => void) | undefined;
  readonly #files: MemoryFiles = { tables: new OrderedTree(), logs: [], nextLog: 1 };
  #engine: MemoryEngine | null = null;
  #damage: string | null = null;
  /** What flipped bits left, by key, until something else takes its place. */
  #flipped: StoreEntry[] = [];

  constructor(options: MemoryStoreOptions) {
    const { clock, random, ownLog = "deleted", onProof } = options;
    const { writeBufferBytes = 64 * 1024, silentFlushPercent = 30, flushMsMax = 20 } = options;
    const { latency = NO_LATENCY } = options;
    this.#settings = {
      clock,
      random,
      writeBufferBytes,
      silentFlushPercent,
      flushMsMax,
      latency,
      counters: this.counters,
    };
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
    return new ProvenStore({ engine, clock: engine.clock, onProof: this.#onProof });
  }

  /** Ends the incarnation, if there is one, as SIGKILL and power loss do. */
  crash(): void {
    this.#engine?.crash();
    this.#engine = null;
    if (this.#ownLog === "trusted") for (const log of this.#files.logs) this.#dropPages(log);
  }

  /** What a reader sees now; while nothing is open, what was flushed. */
  get contents(): OrderedTree {
    const engine = this.#engine;
    return engine === null || engine.isClosed ? this.#files.tables : engine.contents;
  }

  /** What a crash at this moment leaves at least. */
  get flushed(): OrderedTree {
    return this.#files.tables;
  }

  /** Whether a flipped bit can still be read, now or after a crash. */
  get isRotten(): boolean {
    if (this.#flipped.length === 0) return false;
    const { contents, flushed } = this;
    this.#flipped = this.#flipped.filter(([key, value]) => {
      return contents.get(key) === value || flushed.get(key) === value;
    });
    return this.#flipped.length > 0;
  }

  /** Makes every later `open` refuse, until `wipe`. */
  damage(detail: string): void {
    this.#damage = detail;
  }

  /** Makes every batch of this incarnation fail from now on, as a full disk does. */
  failWrites(error: Error): void {
    must(this.#engine, "no incarnation is open").failWrites(error);
  }

  /**
   * Makes this incarnation's next flush fail, and every batch from then on. No flush request tells of
   * it, as LevelDB's do not.
   */
  failNextFlush(error: Error): void {
    must(this.#engine, "no incarnation is open").nextFlush.error = error;
  }

  /** This incarnation's next flush takes this much longer; batches wait for it when they must. */
  stallNextFlush(durationMs: number): void {
    const { nextFlush } = must(this.#engine, "no incarnation is open");
    nextFlush.stallMs = Math.max(nextFlush.stallMs, durationMs);
  }

  /** Every operation of this incarnation that begins within `durationMs` waits for its end; flushes go on. */
  halt(durationMs: number): void {
    must(this.#engine, "no incarnation is open").halt(durationMs);
  }

  /** Flips one bit of one flushed value in the range; returns its key, null if there is none. */
  flipBit(range: StoreRange): Buffer | null {
    const { random } = this.#settings;
    const entries: StoreEntry[] = [];
    this.#files.tables.scan(range, (key, value) => {
      if (value.length > 0) entries.push([key, value]);
      return true;
    });
    if (entries.length === 0) return null;
    const [key, value] = must(entries[random.below(entries.length)], "in bounds");
    const flipped = Buffer.from(value);
    const at = random.below(flipped.length);
    flipped[at] = must(flipped[at], "in bounds") ^ (1 << random.below(8));
    this.counters.flippedBits++;
    this.#flipped.push([key, flipped]);
    const replace = { type: "put", key, value: flipped } as const;
    if (this.#engine === null) this.#files.tables = applied(this.#files.tables, [replace]);
    else this.#engine.replaceValue(key, value, flipped);
    return key;
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
  #dropPages(log: MemoryLog): void {
    const { random } = this.#settings;
    const from = random.below(log.batches.length + 1);
    this.counters.droppedBatches += log.batches.splice(from, random.below(4)).length;
  }
}
