/**
 * A reported replica that a *newer* config of its tablet does not contain is destroyed. Positive knowledge
 * only: never because the catalog does not know the tablet, and never a replica that is on its way in.
 */
import type { TabletId } from "@stele/shared/ids.ts";
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

/**
 * Replicas of a tablet without a row. One that this catalog allocated was forgotten when its table was
 * dropped: a create step that arrived late made it again. One that it never allocated is left alone: an older
 * copy of the catalog, or another cluster's, must not wipe data that it does not know.
 */
export function removeForgotten({ catalog, reports }: World, id: TabletId, plan: Plan): void {
  for (const { replicaId, serverId } of reports.of(id).values()) {
    if (catalog.removed.get(replicaId) !== undefined) continue;
    const wasOurs = id < catalog.counters.tablet && replicaId < catalog.counters.replica;
    if (wasOurs) plan.steps.push(destroyStep({ tabletId: id, replicaId, serverId }));
    plan.decisions.push({
      rule: "remove-orphans",
      subject: `replica ${replicaId} of tablet ${id}`,
      outcome: wasOurs ? "acts" : "refuses",
      reason: wasOurs ? "its table was dropped" : "the catalog never made its tablet",
    });
  }
}

/**
 * The step for a replica on the removed list. None, with the reason, while the tablet's config counts a vote
 * on that server which the step would destroy too: a server destroys every replica of the tablet up to the id
 * that it is told. (While that voter is there, no other replica of the tablet can come to be beside it.)
 */
export function destroyRemoved(
  { catalog, reports }: World,
  removed: RemovedRow,
): { readonly step: PlannedStep | null; readonly decision: Decision | null } {
  const { tabletId, replicaId, serverId } = removed;
  const config = catalog.tablet(tabletId)?.config;
  const spared = [...(config?.voters ?? []), ...(config?.outgoing ?? [])].find((member) => {
    if (member.serverId !== serverId || member.replicaId > replicaId) return false;
    const report = reports.of(tabletId).get(member.replicaId);
    return report === undefined ? !reports.knows(serverId) : report.state !== "suspect";
  });
  if (spared === undefined) return { step: destroyStep(removed), decision: null };
  return {
    step: null,
    decision: {
      rule: "remove-orphans",
      subject: `replica ${replicaId} of tablet ${tabletId}`,
      outcome: "refuses",
      reason: `its server also has replica ${spared.replicaId}, which votes`,
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
