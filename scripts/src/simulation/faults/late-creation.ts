/**
 * A master's step that comes very late: to create a replica that was destroyed here since. The conversation between
 * servers and masters keeps steps in order as long as one master leads, so that the simulated network alone hardly
 * ever brings this about; the host must refuse it whoever asks.
 */
import type { ServerProcess } from "../cluster/simulated-process.ts";
import { DONE } from "./injection-context.ts";
import type { Effect } from "./injection-context.ts";

export function createLate({ host, state }: ServerProcess, nth: number): Effect {
  if (host === null || state !== "running") return null;
  const buried = [...host.tombstones()];
  const found = buried[nth % Math.max(1, buried.length)];
  if (found === undefined) return null;
  const [tablet, replica] = found;
  // A host that stops fails it, which says nothing.
  host.createReplica(tablet, replica, { kind: "await-snapshot" }).catch(() => undefined);
  return DONE;
}
