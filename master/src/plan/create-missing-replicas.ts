/**
 * Replicas of a new tablet that no server has reported yet are created, again and again until they show.
 *
 * Only replicas that never existed: one that existed and is missing has forgotten its votes and its log, so
 * it must not come back under its id (it is replaced under a new one).
 */
import { createReplicaStep } from "./steps.ts";
import type { Plan, Situation } from "./plan.ts";
import { electFirstLeader } from "./elect-first-leader.ts";

export function createMissingReplicas(situation: Situation, plan: Plan): void {
  const { world, tablet, table, reported } = situation;
  const first = tablet.first;
  if (first === null) return;
  for (const { replicaId, serverId } of first.config.voters) {
    if (!first.unseen.includes(replicaId) || reported.has(replicaId)) continue;
    if (!world.isLive(serverId) || !world.reports.knows(serverId)) continue;
    const campaign = electFirstLeader(situation, first, replicaId);
    if (campaign === "wait") continue;
    const step = createReplicaStep(tablet, table, replicaId, first.config, campaign === "campaign");
    plan.steps.push({ serverId, step });
  }
}
