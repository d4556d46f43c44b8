/**
 * A process's view of a `MemoryLogDisk`: each call as the steps that a real directory takes.
 */
import type { LogDirectory } from "../disk.ts";
import { TEMPORARY_SUFFIX } from "../log-format.ts";
import type { MemoryFiles } from "./memory-files.ts";
import type { DiskStep } from "./memory-log-disk.ts";

/** Runs `act` when the step's time has come, unless it fails or the process has ended. */
export type RunDiskStep = <T>(step: DiskStep, name: string, act: () => T) => Promise<T>;

export class MemoryLogDirectory implements LogDirectory {
  readonly #files: MemoryFiles;
  readonly #step: RunDiskStep;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(files: MemoryFiles, step: RunDiskStep) {
    this.#files = files;
    this.#step = step;
  }

  list(): Promise<string[]> {
    return this.#inTurn(() => this.#step("read", ".", () => this.#files.list()));
  }

  readFile(name: string): Promise<Buffer> {
    return this.readAt(name, 0, Number.POSITIVE_INFINITY);
  }

  readAt(name: string, offset: number, length: number): Promise<Buffer> {
    return this.#inTurn(() =>
      this.#step("read", name, () => this.#files.get(name).read(offset, length)),
    );
  }

  createDurably(name: string, bytes: Buffer): Promise<void> {
    const temporary = name + TEMPORARY_SUFFIX;
    return this.#inTurn(async () => {
      await this.#step("create", temporary, () => this.#files.create(temporary));
      await this.#write(temporary, 0, bytes);
      await this.#sync(temporary);
      await this.#step("rename", name, () => this.#files.rename(temporary, name));
      await this.#syncNames();
    });
  }

  writeAndSync(name: string, offset: number, bytes: Buffer): Promise<void> {
    return this.#inTurn(async () => {
      await this.#write(name, offset, bytes);
      await this.#sync(name);
    });
  }

  write(name: string, offset: number, bytes: Buffer): Promise<void> {
    return this.#inTurn(() => this.#write(name, offset, bytes));
  }

  truncateDurably(name: string, length: number): Promise<void> {
    return this.#inTurn(async () => {
      await this.#step("write", name, () => this.#files.get(name).truncate(length));
      await this.#sync(name);
    });
  }

  remove(name: string): Promise<void> {
    return this.#inTurn(async () => {
      await this.#step("remove", name, () => this.#files.remove(name));
      await this.#syncNames();
    });
  }

  close(): Promise<void> {
    return this.#inTurn(() => Promise.resolve());
  }

  /** D1. */
  #inTurn<T>(call: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(call);
    this.#turn = result.catch(() => undefined);
    return result;
  }

  #write(name: string, offset: number, bytes: Buffer): Promise<void> {
    return this.#step("write", name, () => this.#files.write(name, offset, bytes));
  }

  #sync(name: string): Promise<void> {
    return this.#step("sync", name, () => this.#files.get(name).sync());
  }

  #syncNames(): Promise<void> {
    return this.#step("sync-names", ".", () => this.#files.syncNames());
  }
}
