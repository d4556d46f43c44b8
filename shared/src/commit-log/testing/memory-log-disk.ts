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
import { DiskError, MemoryFiles } from "./memory-files.ts";
import { MemoryLogDirectory } from "./memory-log-directory.ts";

/** One thing that a call does to the disk; a crash falls between two of them. */
export type DiskStep = "read" | "write" | "sync" | "create" | "rename" | "remove" | "sync-names";

export interface MemoryLogDiskOptions {
  readonly random: Random;
  /** Together with `stepMs`: how long a step takes. Without a clock it takes a microtask. */
  readonly clock?: Clock;
  /** Drawn for each step; a stall is a long one. */
  readonly stepMs?: (step: DiskStep) => number;
  /** Called before each step: here a test or simulation makes it fail, or ends process or power. */
  readonly beforeStep?: (step: DiskStep, name: string) => void;
}

export class MemoryLogDisk {
  readonly #options: MemoryLogDiskOptions;
  readonly #files = new MemoryFiles();
  /** The directory of the running process. */
  #open: MemoryLogDirectory | null = null;
  #failures: { readonly step: DiskStep; countdown: number }[] = [];

  constructor(options: MemoryLogDiskOptions) {
    this.#options = options;
  }

  /** For a new process; the one before it ends. */
  openDirectory(): MemoryLogDirectory {
    const directory = new MemoryLogDirectory(this.#files, (step, name, act) =>
      this.#step(directory, step, name, act),
    );
    this.#open = directory;
    return directory;
  }

  /** M3, M4. */
  endProcess(): void {
    this.#open = null;
    this.#failures = [];
  }

  /** M1, M4. */
  losePower(): void {
    this.endProcess();
    this.#files.losePower(this.#options.random);
  }

  /** The `nth` step of this kind fails with EIO, unless `endProcess` comes first; 1 is the next. */
  failStep(step: DiskStep, nth = 1): void {
    this.#failures.push({ step, countdown: nth });
  }

  /** Writes that would make the files larger than this in total fail with ENOSPC, part way. */
  limitCapacity(bytes: number): void {
    this.#files.capacityBytes = bytes;
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
    const { clock, stepMs, beforeStep } = this.#options;
    if (clock !== undefined && stepMs !== undefined) await delay(clock, stepMs(step));
    else await Promise.resolve();
    if (caller === this.#open) beforeStep?.(step, name);
    if (caller !== this.#open) return await never;
    if (this.#takeFailure(step)) {
      if (step === "sync") this.#files.get(name).failSync();
      throw new DiskError("EIO", name);
    }
    return act();
  }

  #takeFailure(step: DiskStep): boolean {
    let fails = false;
    for (const failure of this.#failures) {
      if (failure.step === step && --failure.countdown === 0) fails = true;
    }
    this.#failures = this.#failures.filter(({ countdown }) => countdown > 0);
    return fails;
  }
}

const never = new Promise<never>(() => undefined);
