// The log of one server process: appended to by the process itself, bounded by rotation at start.
import { closeSync, fstatSync, openSync, readSync, renameSync, statSync } from "node:fs";

/** A larger log is moved to `<log>.1`, replacing the one there, before a process starts. */
const ROTATE_BYTES = 16 * 1024 * 1024;
const TAIL_BYTES = 16 * 1024;

/** Returns a descriptor to append to; the caller closes it. */
export function openProcessLog(path: string): number {
  try {
    if (statSync(path).size > ROTATE_BYTES) renameSync(path, `${path}.1`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  return openSync(path, "a");
}

/** The last `count` lines written at or behind byte `from`. */
export function lastLogLines(path: string, count: number, from = 0): string[] {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch {
    return [];
  }
  try {
    const { size } = fstatSync(file);
    const start = Math.max(from, size - TAIL_BYTES, 0);
    const bytes = Buffer.alloc(Math.max(0, size - start));
    const length = readSync(file, bytes, 0, bytes.length, start);
    const lines = bytes.toString("utf8", 0, length).split("\n");
    return lines.filter((line) => line.trim() !== "").slice(-count);
  } finally {
    closeSync(file);
  }
}
