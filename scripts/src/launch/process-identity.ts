// Whether a process of an earlier run is still alive, told apart from a stranger with its old pid.
import { readdirSync, readFileSync } from "node:fs";

/**
 * A process that has ended but was not yet waited for by its parent is dead, once all its threads
 * have ended: until then they hold its files, sockets and locks.
 */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
  const state = statFields(pid)?.[0];
  if (state !== "Z" && state !== "X") return true;
  return threadCount(pid) > 1;
}

function threadCount(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/task`).length;
  } catch {
    return 0;
  }
}

/** When the kernel started it, in ticks since boot; null where the system does not tell. */
export function startTicks(pid: number): string | null {
  return statFields(pid)?.[19] ?? null;
}

/** Of proc(5), from the third field on: those behind the name, which may hold spaces itself. */
function statFields(pid: number): readonly string[] | undefined {
  try {
    return readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ");
  } catch {
    return undefined;
  }
}

/** The arguments it was started with; none while it is ending; null where the system does not tell. */
export function argumentsOf(pid: number): readonly string[] | null {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").slice(0, -1);
  } catch {
    return null;
  }
}
