// Whether a process of an earlier run is still alive, told apart from a stranger with its old pid.
import { readFileSync } from "node:fs";

/** A process that has ended but was not yet waited for by its parent is dead. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
  const state = statFields(pid)?.[0];
  return state !== "Z" && state !== "X";
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

/** The arguments it was started with; null where the system does not tell, or it is a zombie. */
export function argumentsOf(pid: number): readonly string[] | null {
  try {
    const text = readFileSync(`/proc/${pid}/cmdline`, "utf8");
    return text === "" ? null : text.split("\0").slice(0, -1);
  } catch {
    return null;
  }
}
