/**
 * Whether the cluster has come to rest in good order: every process serves, every operation has ended, every group is
 * whole and has applied all that it committed, its leader takes writes and holds none back, and nothing is left over
 * from replicas that were replaced or tables that were dropped. REQUIRES: no client calls anything.
 */
import type { CatalogReader } from "@stele/master/catalog/catalog.ts";
import { CATALOG_GROUP, type TabletId } from "@stele/shared/ids.ts";
import { isJoint } from "@stele/shared/raft/group-config.ts";
import type { GroupStatus } from "@stele/shared/replication/group.ts";
import type { Tablet } from "@stele/tablet-server/tablet/tablet.ts";
import type { SimulatedCluster } from "./simulated-cluster.ts";

/** Null: it has; else the first reason why not. */
export function unrestReason(cluster: SimulatedCluster): string | null {
  for (const { name, state } of cluster.processes) {
    if (state !== "running") return `${name} is ${state}`;
  }
  for (const { name, running } of cluster.frontends) {
    const reason = running?.routing.unreadyReason() ?? null;
    if (reason !== null) return `${name}: ${reason}`;
    for (const { calls, bytes } of running?.routing.channelLoads() ?? []) {
      if (calls > 0 || bytes !== 0)
        return `${name}: ${calls} calls and ${bytes} bytes in a channel`;
    }
    const open = running?.open ?? null;
    if (open !== null && open.first !== null) {
      return `${name}: ${open.count} operations have not ended, the first is ${open.first.name}`;
    }
  }
  for (const [name, tablet] of cluster.tablets()) {
    const reason = unrestOfWrites(tablet);
    if (reason !== null) return `${name}: tablet ${tablet.tabletId} ${reason}`;
  }
  const { statuses, suspect } = groupsOf(cluster);
  if (suspect !== null) return suspect;
  const catalog = cluster.leadingCatalog()?.applied ?? null;
  if (catalog === null) return "nobody leads the catalog";
  const wanted = wantedReplicas(catalog);
  if (typeof wanted === "string") return wanted;
  wanted.set(CATALOG_GROUP, cluster.masters.length);
  for (const [tablet, replicas] of wanted) {
    const reason = unrestOfGroup(statuses.get(tablet) ?? [], replicas);
    if (reason !== null) return `tablet ${tablet}: ${reason}`;
  }
  for (const tablet of statuses.keys()) {
    if (!wanted.has(tablet)) return `tablet ${tablet} is left over`;
  }
  return null;
}

/** By tablet that there is to be; or why that is still changing. */
function wantedReplicas(catalog: CatalogReader): Map<TabletId, number> | string {
  for (const { name, state } of catalog.tables()) {
    if (state !== "ready" && state !== "dropped") return `table ${name} is ${state}`;
  }
  const wanted = new Map<TabletId, number>();
  for (const { tabletId, tableId, state } of catalog.tablets()) {
    const table = catalog.table(tableId);
    if (state !== "dropped" && table !== undefined) wanted.set(tabletId, table.replicas);
  }
  return wanted;
}

interface Groups {
  readonly statuses: ReadonlyMap<TabletId, readonly GroupStatus[]>;
  readonly suspect: string | null;
}

function groupsOf({ masters, tabletServers }: SimulatedCluster): Groups {
  const statuses = new Map<TabletId, GroupStatus[]>();
  let suspect: string | null = null;
  for (const { name, host } of [...masters, ...tabletServers]) {
    if (host === null) continue;
    for (const { tabletId, reason } of host.suspects()) {
      suspect ??= `${name}: its replica of tablet ${tabletId} is suspect: ${reason}`;
    }
    for (const status of host.statuses()) {
      const found = statuses.get(status.tabletId);
      if (found === undefined) statuses.set(status.tabletId, [status]);
      else found.push(status);
    }
  }
  return { statuses, suspect };
}

/** What calls would wait for, or wait for already. */
function unrestOfWrites({ servingTerm, writes: taken }: Tablet): string | null {
  if (servingTerm === null) return null;
  const waiting = taken?.waiting ?? null;
  if (waiting === null) return "leads and is not ready for writes";
  const { writes, bytes, rows } = waiting;
  if (writes === 0 && bytes === 0 && rows === 0) return null;
  return `has ${writes} writes of ${rows} rows and ${bytes} bytes waiting`;
}

function unrestOfGroup(statuses: readonly GroupStatus[], wanted: number): string | null {
  const leaders = statuses.filter(({ role }) => role === "leader");
  const [leader] = leaders;
  if (leader === undefined || leaders.length > 1) return `${leaders.length} leaders`;
  const { config, lastIndex, commit } = leader;
  if (isJoint(config) || config.learners.length > 0) return "its members are changing";
  if (config.voters.length !== wanted) return `${config.voters.length} voters`;
  if (statuses.length !== config.voters.length) return `${statuses.length} replicas`;
  if (commit !== lastIndex) return "something is not committed";
  for (const { replicaId, applied, awaitingSnapshot } of statuses) {
    if (!config.voters.some((voter) => voter.replicaId === replicaId)) {
      return `replica ${replicaId} is no member`;
    }
    if (awaitingSnapshot || applied !== commit) return `replica ${replicaId} is behind`;
  }
  return null;
}
