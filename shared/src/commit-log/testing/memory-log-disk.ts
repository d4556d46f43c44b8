/**
 * A disk in memory for the log's directory, with the faults of real ones, drawn from a seed: for
 * tests and for the simulator. One process at a time uses it.
 *
 * M1. A power loss keeps what was synced. Of what was not, it keeps any subset of 512-byte sectors or
 *     4 KiB pages, and of each name change (create, rename, remove) any that no fsync of the directory
 *     covers.
 * M2. A failed sync marks its pages clean: they stay readable, later syncs do not write them, and a
 *     power loss drops them. So do Linux's file systems (Rebello et al., ATC'20).
 * M3. The end of the process keeps everything readable, synced or not.
 * M4. Calls of a process that has ended never settle, and do nothing.
 */
import { assert } from "../../assert.ts";
import { delay } from "../../clock.ts";
import type { Clock } from "../../clock.ts";
import type { Random } from "../../random.ts";
import { SECTOR_BYTES } from "./memory-file.ts";
import { DiskError, MemoryFiles } from "./memory-files.ts";
import { MemoryLogDirectory } from "./memory-log-directory.ts";

/** One thing that a call does to the disk; a crash falls between two of them. */
export type DiskStep = "read" | "write" | "sync" | "create" | "rename" | "remove" | "sync-names";

/** Called before each step: here a test or simulation ends process or power, or throws an error. */
export type BeforeStep = (step: DiskStep, name: string) => void;

/** Faults that took effect. */
export interface LogDiskCounters {
  /** 512-byte sectors that were written, not synced, and gone after a power loss. */
  lostSectors: number;
  /** Creations, renames and removals that a power loss undid. */
  lostNames: number;
  failedSyncs: number;
  /** Steps other than syncs that failed with EIO. */
  failedSteps: number;
  /** Writes that failed with ENOSPC. */
  fullWrites: number;
  stalls: number;
  flippedBits: number;
  misdirectedSectors: number;
}

export interface MemoryLogDiskOptions {
  readonly random: Random;
  /** Together with `stepMs`: how long a step takes. Without a clock it takes a microtask. */
  readonly clock?: Clock;
  /** Drawn for each step; a stall is a long one. */
  readonly stepMs?: (step: DiskStep) => number;
  /** The first value of the disk's `beforeStep`. */
  readonly beforeStep?: BeforeStep;
}

/** What is to happen at the nth next step of this kind. */
interface StepPoint {
  readonly step: DiskStep;
  countdown: number;
  /** Null: it fails. */
  readonly act: (() => void) | null;
}

export class MemoryLogDisk {
  beforeStep: BeforeStep | null;
  readonly counters: LogDiskCounters = {
    lostSectors: 0,
    lostNames: 0,
    failedSyncs: 0,
    failedSteps: 0,
    fullWrites: 0,
    stalls: 0,
    flippedBits: 0,
    misdirectedSectors: 0,
  };
  readonly #options: MemoryLogDiskOptions;
  readonly #files = new MemoryFiles();
  /** The directory of the running process. */
  #open: MemoryLogDirectory | null = null;
  #points: StepPoint[] = [];
  #stallMs = 0;

  constructor(options: MemoryLogDiskOptions) {
    this.#options = options;
    this.beforeStep = options.beforeStep ?? null;
  }

  /** For a new process; the one before it ends. */
  openDirectory(): MemoryLogDirectory {
    const directory = new MemoryLogDirectory(this.#files, (step, name, act) =>
      this.#step(directory, step, name, act),
    );
    this.#open = directory;
    return directory;
  }

  /** M3, M4. Forgets what was to happen at later steps. */
  endProcess(): void {
    this.#open = null;
    this.#points = [];
    this.#stallMs = 0;
  }

  /** M1, M4. */
  losePower(): void {
    this.endProcess();
    const lost = this.#files.losePower(this.#options.random);
    this.counters.lostSectors += lost.sectors;
    this.counters.lostNames += lost.names;
  }

  /** The `nth` step of this kind fails with EIO, unless `endProcess` comes first; 1 is the next. */
  failStep(step: DiskStep, nth = 1): void {
    this.#points.push({ step, countdown: nth, act: null });
  }

  /**
   * Calls `act` right before the `nth` step of this kind, unless `endProcess` comes first; 1 is the
   * next. If `act` ends process or power, the step is not taken.
   */
  atNthStep(step: DiskStep, nth: number, act: () => void): void {
    this.#points.push({ step, countdown: nth, act });
  }

  /** The next step takes this much longer. REQUIRES: a clock and `stepMs`. */
  stallNext(durationMs: number): void {
    assert(this.#options.stepMs !== undefined, "a disk without a clock does not stall");
    this.#stallMs = Math.max(this.#stallMs, durationMs);
  }

  /** Writes that would make the files larger than this in total fail with ENOSPC, part way. */
  limitCapacity(bytes: number): void {
    this.#files.capacityBytes = bytes;
  }

  /** Of all files together, as the process sees them. */
  get usedBytes(): number {
    return this.#files.usedBytes();
  }

  /** Rot and stray writes: the file's bytes, changed in place, durably. */
  damage(name: string, change: (bytes: Buffer) => void): void {
    this.#files.get(name).damage(change);
  }

  flipBit(name: string, offset: number, bit = 0): void {
    this.damage(name, (bytes) => {
      assert(offset < bytes.length, () => `${name} has no byte ${offset}`);
      bytes[offset] = (bytes[offset] ?? 0) ^ (1 << bit);
    });
    this.counters.flippedBits++;
  }

  /** Writes the file's 512-byte sector `from` over its sector `to`, as a disk does that goes astray. */
  misdirectSector(name: string, from: number, to: number): void {
    this.damage(name, (bytes) => {
      const sectors = Math.ceil(bytes.length / SECTOR_BYTES);
      assert(from < sectors && to < sectors, () => `${name} has ${sectors} sectors`);
      bytes.copyWithin(to * SECTOR_BYTES, from * SECTOR_BYTES, (from + 1) * SECTOR_BYTES);
    });
    this.counters.misdirectedSectors++;
  }

  /** Durably, as if someone had deleted it behind the log's back. */
  loseFile(name: string): void {
    this.#files.remove(name);
    this.#files.syncNames();
  }

  /** Durably; replaces a file of this name. */
  placeFile(name: string, bytes: Buffer): void {
    this.#files.create(name);
    this.#files.get(name).write(0, bytes);
    this.#files.get(name).sync();
    this.#files.syncNames();
  }

  fileNames(): string[] {
    return this.#files.list().sort();
  }

  fileBytes(name: string): Buffer {
    return this.#files.get(name).read(0, Number.POSITIVE_INFINITY);
  }

  async #step<T>(
    caller: MemoryLogDirectory,
    step: DiskStep,
    name: string,
    act: () => T,
  ): Promise<T> {
    await this.#takeTime(caller, step);
    if (caller === this.#open) this.beforeStep?.(step, name);
    const fails = caller === this.#open && this.#reachPoints(step);
    if (caller !== this.#open) return await neverAnswered();
    if (fails) this.#fail(step, name);
    try {
      return act();
    } catch (error) {
      if (error instanceof DiskError && error.code === "ENOSPC") this.counters.fullWrites++;
      throw error;
    }
  }

  async #takeTime(caller: MemoryLogDirectory, step: DiskStep): Promise<void> {
    const { clock, stepMs } = this.#options;
    if (clock === undefined || stepMs === undefined) return await Promise.resolve();
    const stallMs = caller === this.#open ? this.#stallMs : 0;
    if (stallMs > 0) {
      this.#stallMs = 0;
      this.counters.stalls++;
    }
    await delay(clock, stepMs(step) + stallMs);
  }

  /** Whether the step fails. */
  #reachPoints(step: DiskStep): boolean {
    if (this.#points.length === 0) return false;
    const reached = this.#points.filter((point) => point.step === step && --point.countdown === 0);
    this.#points = this.#points.filter(({ countdown }) => countdown > 0);
    for (const { act } of reached) act?.();
    return reached.some(({ act }) => act === null);
  }

  #fail(step: DiskStep, name: string): never {
    if (step === "sync") {
      this.#files.get(name).failSync();
      this.counters.failedSyncs++;
    } else {
      this.counters.failedSteps++;
    }
    throw new DiskError("EIO", name);
  }
}

/** One for each call: what waits for one that all share would be kept in memory for good. */
function neverAnswered(): Promise<never> {
  return new Promise(() => undefined);
}
