/**
 * What is wrong with tablets right now, kept up to date tablet by tablet as they are planned, so that the
 * cluster's status costs no walk over all of them.
 *
 * H1. What is not known yet is no trouble: a leader that has just begun has heard from nobody. A voter counts
 *     as missing once its server reported without it, was judged silent, or lost its place in the catalog; each
 *     of these has the server's tablets planned, and so judged, again.
 */
import type { TabletId } from "@stele/shared/ids.ts";
import type { Member } from "@stele/shared/raft/group-config.ts";
import type { World } from "./plan.ts";
import { leaderOf } from "./plan-tablet.ts";

export interface TabletTrouble {
  readonly table: string;
  /** Nobody leads it, as far as reports tell. */
  readonly leaderless: boolean;
  /** Voters that run on live servers, or may for all that is known, of how many there should be. */
  readonly running: number;
  readonly wanted: number;
}

export class TabletHealth {
  readonly #troubles = new Map<TabletId, TabletTrouble>();

  /** Looks at one tablet again. */
  judge(world: World, id: TabletId): void {
    const trouble = troubleOf(world, id);
    if (trouble === null) this.#troubles.delete(id);
    else this.#troubles.set(id, trouble);
  }

  troubles(): ReadonlyMap<TabletId, TabletTrouble> {
    return this.#troubles;
  }
}

function troubleOf(world: World, id: TabletId): TabletTrouble | null {
  const tablet = world.catalog.tablet(id);
  const table = tablet === undefined ? undefined : world.catalog.table(tablet.tableId);
  if (tablet === undefined || table === undefined || table.state === "dropped") return null;
  const reported = world.reports.of(id);
  const found = tablet.config.voters.map((voter) => conditionOf(world, voter));
  const running = found.filter((condition) => condition !== "missing").length;
  const leaderless = !found.includes("unknown") && leaderOf(world, reported.values()) === null;
  if (!leaderless && running >= table.replicas) return null;
  if (table.state === "dropping" && !leaderless) return null;
  return { table: table.name, leaderless, running, wanted: table.replicas };
}

function conditionOf(
  world: World,
  { replicaId, serverId }: Member,
): "running" | "missing" | "unknown" {
  if (world.catalog.server(serverId)?.state !== "live") return "missing";
  if (world.isUnheard(serverId)) return "unknown";
  if (!world.isLive(serverId)) return "missing";
  if (!world.reports.knows(serverId)) return "unknown";
  return world.reports.on(serverId).get(replicaId)?.state === "running" ? "running" : "missing";
}
