/**
 * The catalog follows the tablets: newer committed configs, replicas that exist now, first leaders, drops.
 *
 * A config counts only when its reporter knows it committed: one that is merely appended may be rolled back,
 * and a catalog that had believed it would destroy a replica that is a member after all.
 */
import { isNewer } from "../catalog/rows.ts";
import type { ReportedReplica } from "../reports.ts";
import type { Plan, Situation } from "./plan.ts";

export function followReports(situation: Situation, plan: Plan): void {
  followConfig(situation, plan);
  followReplicas(situation, plan);
  const { tablet, table, leader } = situation;
  if (tablet.state === "creating" && leader !== null) {
    plan.commands.push({ kind: "observe-leader", tabletId: tablet.tabletId });
  }
  if (table.state !== "dropping" || tablet.state === "dropped") return;
  // Not whichever replica shows it: a leader that lags behind in applying still serves reads under its lease.
  if (leader?.state === "dropped") {
    plan.commands.push({ kind: "observe-dropped", tabletId: tablet.tabletId });
  }
}

function followConfig({ tablet, reported }: Situation, plan: Plan): void {
  let newest: ReportedReplica | null = null;
  for (const replica of reported.values()) {
    const counts = replica.state === "running" || replica.state === "dropped";
    if (!counts || replica.configIndex > replica.commit) continue;
    if (isNewer(replica, newest ?? tablet)) newest = replica;
  }
  if (newest === null) return;
  plan.commands.push({
    kind: "observe-config",
    tabletId: tablet.tabletId,
    generation: newest.generation,
    configIndex: newest.configIndex,
    config: newest.config,
  });
}

function followReplicas({ tablet, replacement, reported }: Situation, plan: Plan): void {
  const awaited = [...(tablet.first?.unseen ?? [])];
  if (replacement?.newcomerSeen === false) awaited.push(replacement.newcomer.replicaId);
  const replicas = awaited.filter((id) => reported.has(id));
  if (replicas.length === 0) return;
  plan.commands.push({ kind: "observe-replicas", tabletId: tablet.tabletId, replicas });
}
