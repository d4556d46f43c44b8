/**
 * The preferred first leader of a new tablet is created last: when the others are there to vote for it, its
 * campaign succeeds at once and first leaders are spread as planned. Servers that are not alive are not
 * waited for; should the preferred one be dead, the others elect by themselves.
 */
import type { ReplicaId } from "@stele/shared/ids.ts";
import type { FirstReplicas } from "../catalog/rows.ts";
import type { Situation } from "./plan.ts";

/** What creating this replica now should mean for the first election. */
export function electFirstLeader(
  { world, reported }: Situation,
  first: FirstReplicas,
  replicaId: ReplicaId,
): "campaign" | "follow" | "wait" {
  if (replicaId !== first.leader) return "follow";
  const missing = first.config.voters.some(
    (voter) =>
      voter.replicaId !== replicaId &&
      first.unseen.includes(voter.replicaId) &&
      !reported.has(voter.replicaId) &&
      world.isLive(voter.serverId),
  );
  return missing ? "wait" : "campaign";
}
