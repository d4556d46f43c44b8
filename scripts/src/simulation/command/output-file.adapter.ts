/**
 * A file that a command was told to write, which it opens before it begins.
 *
 * O1. Every write is in the file when it returns: what was written stays, however the process ends.
 * O2. A reader of a pipe that leaves early is no error; what was not read is lost.
 * O3. The first error of a write is kept, and nothing is written after it: `write` never throws.
 */
import { closeSync, openSync, writeFileSync } from "node:fs";
import { getSystemErrorMessage } from "node:util";

/** The message names the file and what is wrong with it. */
export class CannotWriteError extends Error {
  override readonly name = "CannotWriteError";

  constructor(path: string, error: NodeJS.ErrnoException) {
    const why = error.errno === undefined ? error.message : getSystemErrorMessage(error.errno);
    super(`cannot write ${path}: ${why}`);
  }
}

export class OutputFile {
  readonly #path: string;
  readonly #fd: number;
  #error: NodeJS.ErrnoException | null = null;

  private constructor(path: string, fd: number) {
    this.#path = path;
    this.#fd = fd;
  }

  /** Empties the file. Throws `CannotWriteError`. */
  static open(path: string): OutputFile {
    return new OutputFile(path, opened(path, "w"));
  }

  write(text: string): void {
    if (this.#error !== null) return;
    try {
      writeFileSync(this.#fd, text);
    } catch (error) {
      this.#error = error as NodeJS.ErrnoException;
    }
  }

  /** Throws `CannotWriteError` if a write failed. */
  close(): void {
    closeSync(this.#fd);
    if (this.#error === null || this.#error.code === "EPIPE") return;
    throw new CannotWriteError(this.#path, this.#error);
  }
}

/** Leaves what is in the file. Throws `CannotWriteError`. */
export function assertWritable(path: string): void {
  closeSync(opened(path, "a"));
}

/** Replaces what is in the file. Throws `CannotWriteError`. */
export function writeWhole(path: string, text: string): void {
  const file = OutputFile.open(path);
  file.write(text);
  file.close();
}

function opened(path: string, flags: "w" | "a"): number {
  try {
    return openSync(path, flags);
  } catch (error) {
    throw new CannotWriteError(path, error as NodeJS.ErrnoException);
  }
}
