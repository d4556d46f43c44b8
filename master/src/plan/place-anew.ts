/**
 * A tablet of a table that is still being created, most of whose first replicas can never come to be because
 * their servers are gone, starts over with new replicas on other servers. Its generation grows, and nobody can
 * have written to it: look-ups show a table only when all its tablets have had a leader.
 */
import { placeNewTablets } from "./place-new-tablets.ts";
import type { Plan, Situation } from "./plan.ts";

/** True when the rule has spoken about the tablet. */
export function placeAnew(
  { world, tablet, table, reported, leader }: Situation,
  plan: Plan,
): boolean {
  const first = tablet.first;
  if (tablet.state !== "creating" || first === null || leader !== null) return false;
  const { catalog } = world;
  const hopeless = first.config.voters.filter(
    ({ replicaId, serverId }) =>
      first.unseen.includes(replicaId) &&
      !reported.has(replicaId) &&
      catalog.server(serverId)?.state !== "live",
  );
  const { length } = first.config.voters;
  if ((length - hopeless.length) * 2 > length) return false;
  const usable = [...catalog.servers()].filter(
    ({ serverId, state }) => state === "live" && world.isLive(serverId) && !holdsOne(serverId),
  );
  const decision = { rule: "place-anew", subject: `tablet ${tablet.tabletId}` } as const;
  const why = "most of its first replicas were never made and their servers are gone";
  if (usable.length < table.replicas) {
    plan.waitsForRoom = true;
    const reason = `${why}; it wants ${table.replicas} live servers, there are ${usable.length}`;
    plan.decisions.push({ ...decision, outcome: "waits", reason });
    return true;
  }
  const loads = usable.map(({ serverId, name }) => {
    return { serverId, name, replicas: catalog.replicas.on(serverId).size, leaders: 0 };
  });
  const { servers, placements } = placeNewTablets(loads, 1, table.replicas);
  const chosen = (placements[0] ?? []).flatMap((at) => servers[at] ?? []);
  plan.commands.push({ kind: "place-anew", tabletId: tablet.tabletId, servers: chosen });
  plan.decisions.push({ ...decision, outcome: "acts", reason: why });
  return true;

  function holdsOne(server: string): boolean {
    return [...reported.values()].some((replica) => replica.serverId === server);
  }
}
