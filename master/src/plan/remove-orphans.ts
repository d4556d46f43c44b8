/**
 * A reported replica that a *newer* config of its tablet does not contain is destroyed. Positive knowledge
 * only: never because the catalog does not know the table, and never a replica that is on its way in.
 */
import type { RemovedRow } from "../catalog/rows.ts";
import { isNewer, membersOf } from "../catalog/rows.ts";
import type { Decision, Plan, PlannedStep, Situation, World } from "./plan.ts";

export function removeOrphans(situation: Situation, plan: Plan): void {
  const { world, tablet, replacement, reported } = situation;
  const members = new Set(membersOf(tablet.config).map((member) => member.replicaId));
  for (const replica of reported.values()) {
    const { replicaId } = replica;
    if (members.has(replicaId) || replacement?.newcomer.replicaId === replicaId) continue;
    if (world.catalog.removed.get(replicaId) !== undefined) continue;
    if (!isNewer(tablet, replica)) {
      plan.decisions.push(orphanDecision(tablet.tabletId, replicaId, "refuses"));
      continue;
    }
    plan.steps.push(
      destroyStep({ tabletId: tablet.tabletId, replicaId, serverId: replica.serverId }),
    );
    plan.decisions.push(orphanDecision(tablet.tabletId, replicaId, "acts"));
  }
}

/** The step for a replica on the removed list; null, with a decision, if it is a voter after all. */
export function destroyRemoved(
  world: World,
  removed: RemovedRow,
): { readonly step: PlannedStep | null; readonly decision: Decision | null } {
  const config = world.catalog.tablet(removed.tabletId)?.config;
  const votes = [...(config?.voters ?? []), ...(config?.outgoing ?? [])].some(
    (member) => member.replicaId === removed.replicaId,
  );
  if (!votes) return { step: destroyStep(removed), decision: null };
  return {
    step: null,
    decision: {
      rule: "remove-orphans",
      subject: `replica ${removed.replicaId} of tablet ${removed.tabletId}`,
      outcome: "refuses",
      reason: "it is to be destroyed, but the tablet's config counts its vote",
    },
  };
}

export function destroyStep({ tabletId, replicaId, serverId }: RemovedRow): PlannedStep {
  return { serverId, step: { kind: "destroy-replica", tabletId, replicaId } };
}

function orphanDecision(tablet: number, replica: number, outcome: "acts" | "refuses"): Decision {
  return {
    rule: "remove-orphans",
    subject: `replica ${replica} of tablet ${tablet}`,
    outcome,
    reason:
      outcome === "acts"
        ? "a newer config of its tablet does not contain it"
        : "the catalog does not contain it, but knows no newer config",
  };
}
