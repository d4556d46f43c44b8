/**
 * All rules about one tablet, in their order: first the catalog follows the reports, and only when it has
 * nothing to catch up with are steps derived from it.
 */
import { must } from "@stele/shared/assert.ts";
import type { TabletId } from "@stele/shared/ids.ts";
import type { ReportedReplica } from "../reports.ts";
import { advanceReplacement } from "./advance-replacement.ts";
import { createMissingReplicas } from "./create-missing-replicas.ts";
import { dropTablet } from "./drop-table.ts";
import { followReports } from "./follow-reports.ts";
import { placeAnew } from "./place-anew.ts";
import { emptyPlan, type Plan, type Situation, type World } from "./plan.ts";
import { removeForgotten, removeOrphans } from "./remove-orphans.ts";
import { removeStrayLearners } from "./remove-stray-learners.ts";
import { replaceLostReplica } from "./replace-lost-replica.ts";

export function planTablet(world: World, id: TabletId): Plan {
  const plan = emptyPlan();
  const situation = situationOf(world, id);
  if (situation === null) {
    removeForgotten(world, id, plan);
    return plan;
  }
  followReports(situation, plan);
  const catchingUp = plan.commands.some((command) => command.kind === "observe-config");
  if (catchingUp || situation.table.state === "dropped") return plan;
  if (situation.table.state === "dropping") {
    dropTablet(situation, plan);
    return plan;
  }
  if (situation.replacement === undefined && placeAnew(situation, plan)) return plan;
  createMissingReplicas(situation, plan);
  if (situation.replacement !== undefined) {
    advanceReplacement(situation, situation.replacement, plan);
  } else {
    removeStrayLearners(situation, plan);
    replaceLostReplica(situation, plan);
  }
  removeOrphans(situation, plan);
  return plan;
}

function situationOf(world: World, id: TabletId): Situation | null {
  const tablet = world.catalog.tablet(id);
  if (tablet === undefined) return null;
  const reported = world.reports.of(id);
  return {
    world,
    tablet,
    table: must(world.catalog.table(tablet.tableId), `tablet ${id} has no table`),
    replacement: world.catalog.replacementOf(id),
    reported,
    leader: leaderOf(world, reported.values()),
  };
}

/**
 * The replica that leads, if a live server reported it. One that the catalog has given up does not count, and
 * a deposed leader still call itself one: the highest term is the one that others follow.
 */
export function leaderOf(
  world: Pick<World, "isLive" | "catalog">,
  reported: Iterable<ReportedReplica>,
): ReportedReplica | null {
  let leader: ReportedReplica | null = null;
  for (const replica of reported) {
    if (replica.role !== "leader" || replica.state === "suspect") continue;
    if (!world.isLive(replica.serverId)) continue;
    if (world.catalog.removed.get(replica.replicaId) !== undefined) continue;
    if (leader === null || replica.term > leader.term) leader = replica;
  }
  return leader;
}
