/**
 * A log's directory in memory, with the faults of real disks, drawn from a seed: for tests and for the
 * simulator.
 *
 * M1. A power loss keeps what was synced. Of what was not, it keeps any subset of 512-byte sectors or
 *     4 KiB pages, and of each name change (create, rename, remove) any that no fsync of the directory
 *     covers.
 * M2. A failed sync marks its pages clean: they stay readable, later syncs do not write them, and a
 *     power loss drops them. So do Linux's file systems (Rebello et al., ATC'20).
 * M3. The end of the process keeps everything readable, synced or not.
 * M4. Calls that are pending when the process ends never settle.
 */
import { assert } from "../assert.ts";
import { delay } from "../clock.ts";
import type { Clock } from "../clock.ts";
import type { Random } from "../random.ts";
import type { LogDirectory } from "./disk.ts";
import { TEMPORARY_SUFFIX } from "./log-format.ts";
import { MemoryFile } from "./memory-file.ts";

/** One thing that a call does to the disk; a crash falls between two of them. */
export type DiskStep = "read" | "write" | "sync" | "create" | "rename" | "remove" | "sync-names";

export interface MemoryLogDirectoryOptions {
  readonly random: Random;
  /** Together with `stepMs`: how long a step takes. Without a clock it takes a microtask. */
  readonly clock?: Clock;
  /** Drawn for each step. */
  readonly stepMs?: (step: DiskStep) => number;
  /** Called before each step: where a test or simulation ends the process or the power. */
  readonly beforeStep?: (step: DiskStep, name: string) => void;
}

export class DiskError extends Error {
  override readonly name = "DiskError";
  readonly code: "EIO" | "ENOSPC" | "ENOENT";

  constructor(code: "EIO" | "ENOSPC" | "ENOENT", name: string) {
    super(`${code}: ${name}`);
    this.code = code;
  }
}

export class MemoryLogDirectory implements LogDirectory {
  readonly #options: MemoryLogDirectoryOptions;
  #names = new Map<string, MemoryFile>();
  /** The names as the last fsync of the directory left them. */
  #syncedNames = new Map<string, MemoryFile>();
  /** Steps of an older process never go on (M4). */
  #process = 0;
  #turn: Promise<unknown> = Promise.resolve();
  #failures: { readonly step: DiskStep; countdown: number }[] = [];
  #capacityBytes = Number.POSITIVE_INFINITY;

  constructor(options: MemoryLogDirectoryOptions) {
    this.#options = options;
  }

  // --- LogDirectory ------------------------------------------------------------------------------

  list(): Promise<string[]> {
    return this.#inTurn(async () => {
      await this.#step("read", ".");
      return [...this.#names.keys()];
    });
  }

  readFile(name: string): Promise<Buffer> {
    return this.readAt(name, 0, Number.POSITIVE_INFINITY);
  }

  readAt(name: string, offset: number, length: number): Promise<Buffer> {
    return this.#inTurn(async () => {
      await this.#step("read", name);
      return this.#file(name).read(offset, length);
    });
  }

  createDurably(name: string, bytes: Buffer): Promise<void> {
    const temporary = name + TEMPORARY_SUFFIX;
    return this.#inTurn(async () => {
      await this.#step("create", temporary);
      this.#names.set(temporary, new MemoryFile());
      await this.#writeStep(temporary, 0, bytes);
      await this.#syncStep(temporary);
      await this.#step("rename", name);
      this.#names.set(name, this.#file(temporary));
      this.#names.delete(temporary);
      await this.#syncNamesStep();
    });
  }

  writeAndSync(name: string, offset: number, bytes: Buffer): Promise<void> {
    return this.#inTurn(async () => {
      await this.#writeStep(name, offset, bytes);
      await this.#syncStep(name);
    });
  }

  write(name: string, offset: number, bytes: Buffer): Promise<void> {
    return this.#inTurn(() => this.#writeStep(name, offset, bytes));
  }

  truncateDurably(name: string, length: number): Promise<void> {
    return this.#inTurn(async () => {
      await this.#step("write", name);
      this.#file(name).truncate(length);
      await this.#syncStep(name);
    });
  }

  remove(name: string): Promise<void> {
    return this.#inTurn(async () => {
      await this.#step("remove", name);
      this.#file(name);
      this.#names.delete(name);
      await this.#syncNamesStep();
    });
  }

  /** The files stay: a directory is closed by a process, and opened by the next. */
  close(): Promise<void> {
    return this.#inTurn(() => Promise.resolve());
  }

  // --- faults ------------------------------------------------------------------------------------

  /** Ends the process that uses the directory; the next one may start at once (M3, M4). */
  endProcess(): void {
    this.#process++;
    this.#turn = Promise.resolve();
    this.#failures = [];
  }

  /** Ends the process and drops what was not durable (M1). */
  losePower(): void {
    this.endProcess();
    const { random } = this.#options;
    const names = new Map(this.#syncedNames);
    for (const name of new Set([...this.#names.keys(), ...names.keys()])) {
      const current = this.#names.get(name);
      if (current === names.get(name) || random.below(2) === 0) continue;
      if (current === undefined) names.delete(name);
      else names.set(name, current);
    }
    for (const file of new Set(names.values())) file.losePower(random);
    this.#names = names;
    this.#syncedNames = new Map(names);
  }

  /** The `nth` step of this kind from now on fails with EIO; 1 is the next. */
  failStep(step: DiskStep, nth = 1): void {
    this.#failures.push({ step, countdown: nth });
  }

  /** Writes that would make the files larger than this in total fail with ENOSPC, part way. */
  limitCapacity(bytes: number): void {
    this.#capacityBytes = bytes;
  }

  /** Rot and stray writes: the file's bytes, changed in place, durably. */
  damage(name: string, change: (bytes: Buffer) => void): void {
    this.#file(name).damage(change);
  }

  flipBit(name: string, offset: number, bit = 0): void {
    this.damage(name, (bytes) => {
      assert(offset < bytes.length, () => `${name} has no byte ${offset}`);
      bytes[offset] = (bytes[offset] ?? 0) ^ (1 << bit);
    });
  }

  /** Durably, as if someone had deleted it behind the log's back. */
  loseFile(name: string): void {
    this.#file(name);
    this.#names.delete(name);
    this.#syncedNames.delete(name);
  }

  /** Durably. */
  placeFile(name: string, bytes: Buffer): void {
    const file = new MemoryFile();
    file.write(0, bytes);
    file.sync();
    this.#names.set(name, file);
    this.#syncedNames.set(name, file);
  }

  fileNames(): string[] {
    return [...this.#names.keys()].sort();
  }

  fileBytes(name: string): Buffer {
    return this.#file(name).read(0, Number.POSITIVE_INFINITY);
  }

  // --- steps -------------------------------------------------------------------------------------

  /** D1. */
  #inTurn<T>(call: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(call);
    this.#turn = result.catch(() => undefined);
    return result;
  }

  async #step(step: DiskStep, name: string): Promise<void> {
    const { clock, stepMs, beforeStep } = this.#options;
    const process = this.#process;
    if (clock !== undefined && stepMs !== undefined) await delay(clock, stepMs(step));
    else await Promise.resolve();
    if (process === this.#process) beforeStep?.(step, name);
    if (process !== this.#process) await never;
    if (this.#takeFailure(step)) {
      if (step === "sync") this.#file(name).failSync();
      throw new DiskError("EIO", name);
    }
  }

  #takeFailure(step: DiskStep): boolean {
    let fails = false;
    for (const failure of this.#failures) {
      if (failure.step === step && --failure.countdown === 0) fails = true;
    }
    this.#failures = this.#failures.filter(({ countdown }) => countdown > 0);
    return fails;
  }

  async #writeStep(name: string, offset: number, bytes: Buffer): Promise<void> {
    await this.#step("write", name);
    const file = this.#file(name);
    const growth = Math.max(0, offset + bytes.length - file.length);
    const free = Math.max(0, this.#capacityBytes - this.#usedBytes());
    const written = growth <= free ? bytes.length : Math.max(0, bytes.length - (growth - free));
    file.write(offset, bytes.subarray(0, written));
    if (written < bytes.length) throw new DiskError("ENOSPC", name);
  }

  async #syncStep(name: string): Promise<void> {
    await this.#step("sync", name);
    this.#file(name).sync();
  }

  async #syncNamesStep(): Promise<void> {
    await this.#step("sync-names", ".");
    this.#syncedNames = new Map(this.#names);
  }

  #usedBytes(): number {
    let bytes = 0;
    for (const file of new Set(this.#names.values())) bytes += file.length;
    return bytes;
  }

  #file(name: string): MemoryFile {
    const file = this.#names.get(name);
    if (file === undefined) throw new DiskError("ENOENT", name);
    return file;
  }
}

const never = new Promise<never>(() => undefined);
