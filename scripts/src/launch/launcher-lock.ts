// One launcher a data directory.
//
// The lock is a file that names its holder. It appears complete (by link), and a holder that is gone
// leaves a lock that the next launcher takes over; pid and start time together name one process.
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { LaunchError } from "./launch-error.ts";
import { isAlive, startTicks } from "./process-identity.ts";

interface Holder {
  readonly pid: number;
  readonly startTicks: string | null;
}

/** Returns the release function; throws `LaunchError` while another launcher lives. */
export function acquireLauncherLock(dataDir: string): () => void {
  const path = join(dataDir, "launcher.lock");
  const own = `${path}.${process.pid}`;
  const text = JSON.stringify({ pid: process.pid, startTicks: startTicks(process.pid) });
  writeFileSync(own, text);
  try {
    while (!tryLink(own, path)) {
      const found = readLock(path);
      if (found === null) continue;
      const holder = JSON.parse(found) as Holder;
      if (isHolderAlive(holder)) throw heldError(dataDir, holder);
      removeStale(path, found);
    }
  } finally {
    rmSync(own, { force: true });
  }
  return () => rmSync(path, { force: true });
}

function heldError(dataDir: string, { pid }: Holder): LaunchError {
  return new LaunchError(
    `a cluster is already running on ${dataDir} (launcher pid ${pid}).\n` +
      `  Use it, stop it with Ctrl-C or \`kill ${pid}\`, or start another one with ` +
      "--data-dir <other directory>.",
  );
}

function tryLink(own: string, path: string): boolean {
  try {
    linkSync(own, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    return false;
  }
}

function readLock(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

function isHolderAlive(holder: Holder): boolean {
  if (!isAlive(holder.pid)) return false;
  const ticks = startTicks(holder.pid);
  return ticks === null || holder.startTicks === null || ticks === holder.startTicks;
}

/** Two launchers may find the same stale lock; the slower one must not remove the faster one's. */
function removeStale(path: string, stale: string): void {
  const aside = `${path}.stale.${process.pid}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  if (readFileSync(aside, "utf8") !== stale) tryLink(aside, path);
  rmSync(aside, { force: true });
}
