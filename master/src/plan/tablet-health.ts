/**
 * What is wrong with tablets right now, kept up to date tablet by tablet as they are planned, so that the
 * cluster's status costs no walk over all of them.
 */
import type { TabletId } from "@stele/shared/ids.ts";
import type { World } from "./plan.ts";
import { leaderOf } from "./plan-tablet.ts";

export interface TabletTrouble {
  readonly table: string;
  /** Nobody leads it, as far as reports tell. */
  readonly leaderless: boolean;
  /** Voters that run on live servers, of how many there should be. */
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
  const running = tablet.config.voters.filter(
    ({ replicaId, serverId }) =>
      world.isLive(serverId) && reported.get(replicaId)?.state === "running",
  ).length;
  const leaderless = leaderOf(world, reported.values()) === null;
  if (!leaderless && running >= table.replicas) return null;
  if (table.state === "dropping" && !leaderless) return null;
  return { table: table.name, leaderless, running, wanted: table.replicas };
}
