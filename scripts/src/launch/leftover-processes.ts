// Server processes of an earlier run whose launcher was killed: they are ending by themselves, and
// until then hold ports and data.
import { setTimeout as sleep } from "node:timers/promises";
import type { RunningProcess } from "./cluster-directory.ts";
import { argumentsOf, isAlive } from "./process-identity.ts";

const POLL_MS = 50;
const TELL_AFTER_MS = 1000;
/** Longer than a server takes to end after it lost its launcher. */
const PATIENCE_MS = 15_000;

export interface LeftoverWait {
  readonly processes: readonly RunningProcess[];
  readonly tell: (line: string) => void;
  readonly stop: AbortSignal;
}

/** Resolves when none is left. One that does not end in time is killed, if it surely is ours. */
export async function endLeftovers({ processes, tell, stop }: LeftoverWait): Promise<void> {
  const startedMs = performance.now();
  let told = false;
  for (;;) {
    const left = processes.filter(isStillServing);
    if (left.length === 0 || stop.aborted) return;
    const waitedMs = performance.now() - startedMs;
    if (waitedMs > TELL_AFTER_MS && !told) {
      told = true;
      const names = left.map(({ id, pid }) => `${id} (pid ${pid})`).join(", ");
      tell(`waiting for processes of the run before to end: ${names}`);
    }
    if (waitedMs > PATIENCE_MS) {
      const ours = left.filter((each) => argumentsOf(each.pid)?.includes(each.dataDir));
      for (const { pid } of ours) process.kill(pid, "SIGKILL");
      if (ours.length === 0) return;
    }
    await sleep(POLL_MS);
  }
}

/**
 * A pid may belong to a stranger by now: only the arguments prove whose it is. A process that is
 * ending has none any more, but may still hold its port.
 */
function isStillServing({ pid, dataDir }: RunningProcess): boolean {
  if (!isAlive(pid)) return false;
  const found = argumentsOf(pid);
  return found !== null && (found.length === 0 || found.includes(dataDir));
}
