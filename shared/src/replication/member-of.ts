/** Finds a replica in a group's config. */
import type { ReplicaId } from "../ids.ts";
import type { GroupConfig, Member } from "../raft/group-config.ts";

/** The member with this replica id, in any part of the config, or null. */
export function memberOf(config: GroupConfig, id: ReplicaId): Member | null {
  return find(config.voters, id) ?? find(config.outgoing, id) ?? find(config.learners, id) ?? null;
}

function find(members: readonly Member[], id: ReplicaId): Member | undefined {
  return members.find(({ replicaId }) => replicaId === id);
}
