/**
 * The membership of one group, as a config entry or a snapshot carries it. It is active from the
 * moment it is appended, before it is committed (Raft dissertation, section 4.1).
 *
 * While `outgoing` is not empty the config is joint: elections and commits need a majority of
 * `voters` and a majority of `outgoing` (Raft paper, section 6).
 */
import type { ReplicaId, ServerId } from "../ids.ts";

export interface Member {
  readonly replicaId: ReplicaId;
  readonly serverId: ServerId;
}

/**
 * Each list is sorted by replica id, without repetition. A replica may be in `outgoing` and in one
 * of the other two (as a learner: it votes until the joint config is left), never in `voters` and
 * `learners`. The empty config belongs to a replica that waits for its first snapshot.
 */
export interface GroupConfig {
  readonly voters: readonly Member[];
  /** The voters of the config that is being left; empty unless joint. */
  readonly outgoing: readonly Member[];
  readonly learners: readonly Member[];
}

/** What a config change asks for. Order does not matter. */
export interface ConfigTarget {
  readonly voters: readonly Member[];
  readonly learners: readonly Member[];
}

export const EMPTY_CONFIG: GroupConfig = { voters: [], outgoing: [], learners: [] };

/** The same config with every list in order. */
export function normalizeGroupConfig(config: GroupConfig): GroupConfig {
  return {
    voters: byReplicaId(config.voters),
    outgoing: byReplicaId(config.outgoing),
    learners: byReplicaId(config.learners),
  };
}

/** What is wrong with a config that a group is to use, or null. */
export function problemOfGroupConfig(config: GroupConfig): string | null {
  if (config.voters.length === 0) return "a group needs a voter";
  for (const list of ["voters", "outgoing", "learners"] as const) {
    if (!isAscending(config[list])) return `${list} must ascend by replica id`;
  }
  for (const learner of config.learners) {
    if (includes(config.voters, learner.replicaId)) {
      return `replica ${learner.replicaId} is voter and learner`;
    }
  }
  const servers = new Map<ReplicaId, ServerId>();
  for (const { replicaId, serverId } of everyMention(config)) {
    if ((servers.get(replicaId) ?? serverId) !== serverId) {
      return `replica ${replicaId} is on two servers`;
    }
    servers.set(replicaId, serverId);
  }
  return null;
}

export function isJoint(config: GroupConfig): boolean {
  return config.outgoing.length > 0;
}

/** Whether elections and commits count the replica. */
export function isVoter(config: GroupConfig, id: ReplicaId): boolean {
  return includes(config.voters, id) || includes(config.outgoing, id);
}

/** Whether the replica belongs to the group in any way. */
export function isMember(config: GroupConfig, id: ReplicaId): boolean {
  return isVoter(config, id) || includes(config.learners, id);
}

/** Whether the replica alone decides elections and commits. */
export function isSoleVoter(config: GroupConfig, id: ReplicaId): boolean {
  return (
    config.voters.length === 1 &&
    config.voters[0]?.replicaId === id &&
    config.outgoing.every((member) => member.replicaId === id)
  );
}

/** Every replica that an election asks, each once, ascending by replica id. */
export function votersOf(config: GroupConfig): readonly Member[] {
  return isJoint(config) ? distinct([...config.voters, ...config.outgoing]) : config.voters;
}

/** Every replica that the leader replicates to or is, each once, ascending by replica id. */
export function membersOf(config: GroupConfig): readonly Member[] {
  return distinct(everyMention(config));
}

/** Whether two sorted lists name the same replicas on the same servers. */
export function sameMembers(left: readonly Member[], right: readonly Member[]): boolean {
  return (
    left.length === right.length &&
    left.every((member, at) => {
      const other = right[at];
      return member.replicaId === other?.replicaId && member.serverId === other.serverId;
    })
  );
}

function everyMention(config: GroupConfig): Member[] {
  return [...config.voters, ...config.outgoing, ...config.learners];
}

function includes(members: readonly Member[], id: ReplicaId): boolean {
  return members.some((member) => member.replicaId === id);
}

function byReplicaId(members: readonly Member[]): readonly Member[] {
  return members.toSorted((left, right) => left.replicaId - right.replicaId);
}

function isAscending(members: readonly Member[]): boolean {
  return members.every((member, at) => {
    const before = members[at - 1];
    return before === undefined || before.replicaId < member.replicaId;
  });
}

function distinct(members: readonly Member[]): readonly Member[] {
  const sorted = byReplicaId(members);
  return sorted.filter((member, at) => member.replicaId !== sorted[at - 1]?.replicaId);
}
