/**
 * A directory and those above it, as `mkdir -p` makes them.
 *
 * Node's own recursive `mkdir` tries again for ever where a name cannot be made in a directory that exists and the
 * file system calls that ENOENT, as /proc does.
 */
import { mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";

/** One that exists is fine. Throws the system's error; what it has made by then stays. */
export function makeDirectories(path: string): void {
  try {
    makeOne(path);
  } catch (error) {
    const above = dirname(path);
    if ((error as NodeJS.ErrnoException).code !== "ENOENT" || above === path) throw error;
    makeDirectories(above);
    makeOne(path);
  }
}

function makeOne(path: string): void {
  try {
    mkdirSync(path);
  } catch (error) {
    // Systems differ in how they refuse what is there already.
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) throw error;
  }
}
