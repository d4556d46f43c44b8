/**
 * Where the first replicas of a new table's tablets go: on the live servers with the fewest replicas, and the
 * first leaders on those with the fewest leaders. Deterministic: ties go by name.
 */
import { must } from "@stele/shared/assert.ts";
import type { ServerId } from "@stele/shared/ids.ts";

export interface ServerLoad {
  readonly serverId: ServerId;
  readonly name: string;
  readonly replicas: number;
  readonly leaders: number;
}

export interface Placement {
  readonly servers: readonly ServerId[];
  /** For each tablet positions in `servers`, the first leader first. */
  readonly placements: readonly (readonly number[])[];
}

/** `loads` must hold at least `replicas` servers. */
export function placeNewTablets(
  loads: readonly ServerLoad[],
  tablets: number,
  replicas: number,
): Placement {
  const servers = [...loads].sort((a, b) => (a.name < b.name ? -1 : 1));
  const replicaCounts = servers.map((server) => server.replicas);
  const leaderCounts = servers.map((server) => server.leaders);
  const placements: number[][] = [];
  for (let tablet = 0; tablet < tablets; tablet++) {
    const chosen = leastLoaded(replicaCounts, replicas);
    const leader = chosen.reduce((best, at) =>
      countAt(leaderCounts, at) < countAt(leaderCounts, best) ? at : best,
    );
    for (const at of chosen) replicaCounts[at] = countAt(replicaCounts, at) + 1;
    leaderCounts[leader] = countAt(leaderCounts, leader) + 1;
    placements.push([leader, ...chosen.filter((at) => at !== leader)]);
  }
  return { servers: servers.map((server) => server.serverId), placements };
}

/** The `wanted` positions with the smallest counts; equal counts by position. */
function leastLoaded(counts: readonly number[], wanted: number): number[] {
  const chosen: number[] = [];
  for (let at = 0; at < counts.length; at++) {
    let slot = chosen.length;
    while (slot > 0 && countAt(counts, must(chosen[slot - 1], "in bounds")) > countAt(counts, at))
      slot--;
    if (slot >= wanted) continue;
    chosen.splice(slot, 0, at);
    if (chosen.length > wanted) chosen.pop();
  }
  return chosen;
}

const countAt = (counts: readonly number[], at: number): number =>
  must(counts[at], "a count for every server");
