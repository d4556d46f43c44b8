/** Where a run keeps what a failure leaves: a new directory in one that is there already. */
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";

/** No directory can be made there. */
export class RunDirectoryError extends Error {
  override readonly name = "RunDirectoryError";
}

export function makeRunDirectory(parent: string, seed: number): string {
  try {
    return mkdtempSync(join(parent, `stele-nemesis-${seed}-`));
  } catch (error) {
    const { message } = error as Error;
    throw new RunDirectoryError(`cannot make a directory in ${parent}: ${message}`, {
      cause: error,
    });
  }
}

/** Removes it unless there is a file in it or below it. Returns whether it is gone. */
export function removeWithoutFiles(directory: string): boolean {
  if (!existsSync(directory)) return true;
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true });
  if (!entries.every((entry) => entry.isDirectory())) return false;
  rmSync(directory, { recursive: true, force: true });
  return true;
}
