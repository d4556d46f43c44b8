/**
 * A voter that is lost gives way to a new replica: its server is gone or was replaced, its server has lost
 * it, or its log or rows are damaged. One replacement a tablet at a time, and only while the tablet has a
 * leader: without a majority nothing may be done automatically.
 */
import type { Member } from "@stele/shared/raft/group-config.ts";
import { isJoint, type ServerRow } from "../catalog/rows.ts";
import type { Plan, Situation } from "./plan.ts";

export function replaceLostReplica(situation: Situation, plan: Plan): void {
  const { tablet, leader } = situation;
  if (isJoint(tablet.config) || tablet.config.learners.length > 0) return;
  const lost = firstLost(situation);
  if (lost === null) return;
  const decide = (outcome: "acts" | "waits" | "refuses", reason: string): void => {
    plan.decisions.push({
      rule: "replace-lost-replica",
      subject: `replica ${lost.member.replicaId} of tablet ${tablet.tabletId}`,
      outcome,
      reason: `${lost.reason}; ${reason}`,
    });
  };
  if (leader === null) return decide("refuses", "the tablet has no leader, so no majority agrees");
  const choice = chooseServer(situation, lost);
  if (choice === "none" || choice === "busy") plan.waitsForRoom = true;
  if (choice === "none") return decide("refuses", "no live server is without a replica of it");
  if (choice === "busy") {
    return decide("waits", "the servers that could take it are copying others in");
  }
  plan.commands.push({
    kind: "start-replacement",
    tabletId: tablet.tabletId,
    lost: lost.member.replicaId,
    onServer: choice.serverId,
    reason: lost.reason,
  });
  decide("acts", `a new replica is made on ${choice.name}`);
}

interface Lost {
  readonly member: Member;
  readonly reason: string;
  /** Its server is there and may take the new replica, if no other can. */
  readonly serverUsable: boolean;
}

function firstLost(situation: Situation): Lost | null {
  for (const member of situation.tablet.config.voters) {
    const loss = lossOf(situation, member);
    if (loss !== null) return { member, ...loss };
  }
  return null;
}

/** Why the replica is lost; null: it is not, or nobody can know. */
export function lossOf(
  { world, tablet, reported, replacement }: Situation,
  member: Member,
): Omit<Lost, "member"> | null {
  const server = world.catalog.server(member.serverId);
  if (server === undefined || server.state !== "live") {
    const what = server?.state === "replaced" ? "was replaced by a new process" : "is gone";
    return { reason: `its server ${server?.name ?? member.serverId} ${what}`, serverUsable: false };
  }
  const report = reported.get(member.replicaId);
  if (report?.state === "suspect") {
    return { reason: `its log or rows on ${server.name} are damaged`, serverUsable: true };
  }
  if (report !== undefined || !world.reports.knows(member.serverId)) return null;
  const awaited =
    tablet.first?.unseen.includes(member.replicaId) === true ||
    (replacement?.newcomer.replicaId === member.replicaId && !replacement.newcomerSeen);
  if (awaited || !world.isLive(member.serverId)) return null;
  return { reason: `its server ${server.name} does not have it any more`, serverUsable: true };
}

/**
 * The process that took over the lost server's name, if it lives; else the live server with the fewest
 * replicas that has none of this tablet; as the last resort, the server of the lost replica itself.
 */
function chooseServer(situation: Situation, lost: Lost): ServerRow | "none" | "busy" {
  const { world } = situation;
  const { catalog, limits } = world;
  const free = [...catalog.servers()].filter((server) => canTake(situation, server, lost.member));
  const name = catalog.server(lost.member.serverId)?.name;
  const successor = free.find((server) => server.name === name);
  const hasRoom = ({ serverId }: ServerRow): boolean =>
    catalog.replicas.arrivingOn(serverId) < limits.arrivalsPerServer;
  if (successor !== undefined) return hasRoom(successor) ? successor : "busy";
  const ownUsable = lost.serverUsable && world.isLive(lost.member.serverId);
  const own = ownUsable ? catalog.server(lost.member.serverId) : undefined;
  const usable = free.length === 0 && own !== undefined ? [own] : free;
  if (usable.length === 0) return "none";
  let best: ServerRow | null = null;
  for (const server of usable.filter(hasRoom)) {
    if (best === null || isEmptier(situation, server, best)) best = server;
  }
  return best ?? "busy";
}

function canTake({ world, tablet, reported }: Situation, server: ServerRow, lost: Member): boolean {
  const { serverId } = server;
  if (server.state !== "live" || !world.isLive(serverId) || !world.reports.knows(serverId)) {
    return false;
  }
  const isMember = tablet.config.voters.some(
    (voter) => voter.serverId === serverId && voter.replicaId !== lost.replicaId,
  );
  if (isMember) return false;
  for (const replica of reported.values()) if (replica.serverId === serverId) return false;
  for (const removed of world.catalog.removed.of(tablet.tabletId).values()) {
    if (removed.serverId === serverId) return false;
  }
  return true;
}

function isEmptier({ world }: Situation, a: ServerRow, b: ServerRow): boolean {
  const replicas = (server: ServerRow): number => world.catalog.replicas.on(server.serverId).size;
  const difference = replicas(a) - replicas(b);
  return difference === 0 ? a.name < b.name : difference < 0;
}
