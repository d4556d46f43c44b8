/**
 * How the cluster is, with reasons and what an operator can do: red while something cannot be served, yellow
 * while it is served with less than it should have.
 */
import type { MasterView, StatusReason, StatusView } from "@stele/shared/wire/admin-views.ts";
import type { LeaderState } from "./leader-state.ts";
import type { TabletTrouble } from "./plan/tablet-health.ts";
import { presentServers, stateOf } from "./views.ts";

const NAMED_AT_MOST = 5;

export function clusterStatus(state: LeaderState, masters: readonly MasterView[]): StatusView {
  const red = leaderlessTablets(state);
  const yellow = [...weakTablets(state), ...absentServers(state), ...absentMasters(masters)];
  const reasons = [...red, ...yellow];
  return { status: red.length > 0 ? "red" : yellow.length > 0 ? "yellow" : "green", reasons };
}

function leaderlessTablets(state: LeaderState): StatusReason[] {
  const found = troubles(state, ({ leaderless }) => leaderless);
  if (found.length === 0) return [];
  return [
    {
      code: "TABLET_WITHOUT_LEADER",
      detail: `${count(found, "tablet")} without a leader: ${named(found)}`,
      next:
        "Writes and strong reads of these tablets wait. Start the servers of their replicas again; a tablet " +
        "elects a leader when most of its replicas are there.",
    },
  ];
}

function weakTablets(state: LeaderState): StatusReason[] {
  const found = troubles(state, (trouble) => trouble.running < trouble.wanted);
  if (found.length === 0) return [];
  return [
    {
      code: "TABLET_UNDER_REPLICATED",
      detail: `${count(found, "tablet")} with fewer live replicas than wanted: ${named(found)}`,
      next:
        "Start the missing servers again, or add tablet servers: lost replicas are made anew on live servers " +
        "that have none of the tablet.",
    },
  ];
}

function absentServers(state: LeaderState): StatusReason[] {
  const servers = presentServers(state.world.catalog);
  if (servers.length === 0) {
    const next = "Start tablet servers: `stele start tablet-server --masters <urls>`.";
    return [{ code: "NO_TABLET_SERVERS", detail: "no tablet server has registered", next }];
  }
  return servers.flatMap((server): StatusReason[] => {
    const shown = stateOf(state, server);
    if (shown === "live") return [];
    const { name, url } = server;
    const silent = shown === "silent";
    return [
      {
        code: silent ? "SERVER_SILENT" : "SERVER_GONE",
        detail: silent
          ? `tablet server ${name} at ${url} has not been heard of for a few seconds`
          : `tablet server ${name} at ${url} is gone; its replicas are made anew elsewhere`,
        next:
          `Start it again with its data directory, or with an empty one and --name ${name}: ` +
          "it then takes the old one's place.",
      },
    ];
  });
}

function absentMasters(masters: readonly MasterView[]): StatusReason[] {
  return masters
    .filter(({ role }) => role === "unreachable")
    .map(({ id, url }) => ({
      code: "MASTER_UNREACHABLE",
      detail: `master ${id} at ${url} does not answer the leading one`,
      next:
        "Start it again with its data directory. If it says that its copy of the catalog is damaged or gone, " +
        "it cannot join again yet, and nothing takes its place: the others go on only as long as they are a " +
        "majority.",
    }));
}

function troubles(
  state: LeaderState,
  isMeant: (trouble: TabletTrouble) => boolean,
): (readonly [number, TabletTrouble])[] {
  return [...state.troubles].filter(([, trouble]) => isMeant(trouble));
}

function count(found: readonly unknown[], what: string): string {
  return found.length === 1 ? `1 ${what}` : `${found.length} ${what}s`;
}

function named(found: readonly (readonly [number, TabletTrouble])[]): string {
  const names = found
    .slice(0, NAMED_AT_MOST)
    .map(([id, { table, running, wanted }]) => `${id} of ${table} (${running} of ${wanted})`);
  const rest = found.length - names.length;
  return rest > 0 ? `${names.join(", ")} and ${rest} more` : names.join(", ");
}
