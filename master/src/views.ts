/** Catalog rows and reports as the administrative calls show them (wire/admin-views.ts). */
import { must } from "@stele/shared/assert.ts";
import type { Member } from "@stele/shared/raft/group-config.ts";
import type {
  FamilyRuleView,
  ReplicaView,
  ServerView,
  TableView,
  TabletView,
} from "@stele/shared/wire/admin-views.ts";
import type { CatalogReader } from "./catalog/catalog.ts";
import { membersOf, type ServerRow, type TableRow, type TabletRow } from "./catalog/rows.ts";
import type { LeaderState } from "./leader-state.ts";
import type { ReportedReplica } from "./reports.ts";
import { rfc3339 } from "./rfc-3339.ts";

export function tableView(table: TableRow): TableView {
  const families: Record<string, FamilyRuleView> = {};
  for (const { name, rule } of table.families) {
    families[name] = { maxVersions: rule.maxVersions, maxAgeSeconds: null };
  }
  return {
    name: table.name,
    id: String(table.tableId),
    families,
    partitioning: "range",
    replicas: table.replicas,
    tablets: table.tablets,
    deletionProtection: table.deletionProtection,
    createdAt: rfc3339(table.createdAtMicros),
  };
}

export function tabletView(state: LeaderState, tablet: TabletRow): TabletView {
  const { catalog, reports } = state.world;
  const leader = state.leaderOf(tablet.tabletId);
  const reported = reports.of(tablet.tabletId);
  const nameOf = ({ serverId }: Pick<Member, "serverId">): string =>
    catalog.server(serverId)?.name ?? serverId;
  const replicas = membersOf(tablet.config).map((member): ReplicaView => ({
    server: nameOf(member),
    role: roleOf(tablet, member, leader),
    lag: lagOf(member, leader),
  }));
  let largest = leader;
  if (largest === null) {
    for (const replica of reported.values()) {
      if (largest === null || replica.commit > largest.commit) largest = replica;
    }
  }
  const table = must(catalog.table(tablet.tableId), `tablet ${tablet.tabletId} has no table`);
  return {
    id: String(tablet.tabletId),
    table: table.name,
    start: tablet.range.start,
    end: tablet.range.end,
    generation: tablet.generation,
    leader: leader === null ? null : nameOf(leader),
    replicas,
    sizeBytes: largest?.sizeBytes ?? 0,
    rows: largest?.rows ?? 0,
  };
}

function roleOf(
  { config }: TabletRow,
  { replicaId }: Member,
  leader: ReportedReplica | null,
): ReplicaView["role"] {
  if (leader?.replicaId === replicaId) return "leader";
  if (config.voters.some((voter) => voter.replicaId === replicaId)) return "follower";
  return config.learners.some((learner) => learner.replicaId === replicaId) ? "learner" : "leaving";
}

/** By what the leader knows of its followers: a replica's own word would not show a cut connection. */
function lagOf({ replicaId }: Member, leader: ReportedReplica | null): number | null {
  if (leader === null) return null;
  if (leader.replicaId === replicaId) return 0;
  const progress = leader.followers.find((follower) => follower.replicaId === replicaId);
  return progress === undefined ? null : Math.max(0, leader.lastIndex - progress.match);
}

export function serverView(state: LeaderState, server: ServerRow, nowMs: number): ServerView {
  const { catalog, reports } = state.world;
  const { leaders, sizeBytes } = reports.loadOf(server.serverId);
  const silenceMs = state.silenceMs(server.serverId, nowMs);
  return {
    id: server.name,
    serverId: server.serverId,
    url: server.url,
    state: stateOf(state, server),
    lastSeenMs: silenceMs === null ? null : Math.round(silenceMs),
    replicas: catalog.replicas.on(server.serverId).size,
    leaders: state.livenessOf(server.serverId) === "live" ? leaders : 0,
    sizeBytes,
  };
}

/** What the catalog says of a server that a new leader has not heard of yet still holds. */
export function stateOf(state: LeaderState, server: ServerRow): ServerView["state"] {
  const liveness = state.livenessOf(server.serverId);
  if (server.state !== "live" || liveness === "gone") return "gone";
  return liveness === "silent" ? "silent" : "live";
}

/** Those that have their name, by name. */
export function presentServers(catalog: CatalogReader): ServerRow[] {
  return [...catalog.servers()]
    .filter((server) => server.state !== "replaced")
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}
