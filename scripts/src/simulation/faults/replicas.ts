/** The replicas of the cluster as faults look at them: who leads what, and where. */
import { CATALOG_GROUP } from "@stele/shared/ids.ts";
import type { TabletId } from "@stele/shared/ids.ts";
import type { Replica } from "@stele/shared/replication/replica.ts";
import { serversOf } from "../cluster/simulated-process.ts";
import type { ServerProcess, SimulatedProcess } from "../cluster/simulated-process.ts";

export interface PlacedReplica {
  readonly process: ServerProcess;
  readonly replica: Replica;
}

export function replicasOf(process: SimulatedProcess): readonly Replica[] {
  if (process.role === "frontend" || process.host === null) return [];
  return [...process.host.groups()] as Replica[];
}

/** Who believes that it leads the group, in the highest term; null: nobody does. */
export function leaderOf(
  processes: readonly SimulatedProcess[],
  tablet: TabletId,
): PlacedReplica | null {
  let best: PlacedReplica | null = null;
  for (const process of serversOf(processes)) {
    const replica = (process.host?.group(tablet) ?? null) as Replica | null;
    if (replica === null || replica.raft.role !== "leader") continue;
    if (best === null || replica.raft.term > best.replica.raft.term) best = { process, replica };
  }
  return best;
}

/** See `FaultTarget`: the nth group that has a leader. */
export function nthLeader(
  processes: readonly SimulatedProcess[],
  nth: number,
): PlacedReplica | null {
  if (nth === 0) return leaderOf(processes, CATALOG_GROUP);
  const tablets = new Set<TabletId>();
  for (const process of processes) {
    for (const { tabletId, raft } of replicasOf(process)) {
      if (tabletId !== CATALOG_GROUP && raft.role === "leader") tablets.add(tabletId);
    }
  }
  const inOrder = [...tablets].sort((a, b) => a - b);
  const tablet = inOrder[(nth - 1) % Math.max(1, inOrder.length)];
  return tablet === undefined ? null : leaderOf(processes, tablet);
}
