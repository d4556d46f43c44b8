/**
 * Majorities of a config, joint or not. Learners never count (Raft paper, section 6).
 *
 * Joint rule: what needs a quorum needs a majority of `voters` and a majority of `outgoing`.
 */
import type { ReplicaId } from "../ids.ts";
import type { GroupConfig, Member } from "./group-config.ts";

export type VoteResult = "won" | "lost" | "pending";

/** The highest value that a quorum has reached. The config must have voters. */
export function quorumValue(config: GroupConfig, valueOf: (id: ReplicaId) => number): number {
  return Math.min(majorityValue(config.voters, valueOf), majorityValue(config.outgoing, valueOf));
}

/** How an election stands; a replica absent from `votes` has not answered. */
export function quorumVote(
  config: GroupConfig,
  votes: ReadonlyMap<ReplicaId, boolean>,
): VoteResult {
  const incoming = majorityVote(config.voters, votes);
  if (incoming === "lost") return incoming;
  const outgoing = majorityVote(config.outgoing, votes);
  return outgoing === "won" ? incoming : outgoing;
}

/** Whether the replicas that satisfy `holds` form a quorum. */
export function isQuorum(config: GroupConfig, holds: (id: ReplicaId) => boolean): boolean {
  return quorumValue(config, (id) => (holds(id) ? 1 : 0)) >= 1;
}

/** The empty set agrees with everything, so that a config that is not joint has one condition. */
function majorityValue(voters: readonly Member[], valueOf: (id: ReplicaId) => number): number {
  if (voters.length === 0) return Infinity;
  const values = voters.map((voter) => valueOf(voter.replicaId)).sort((a, b) => a - b);
  // Ascending: the value at this place is reached by it and everything behind it, a majority.
  return values[Math.ceil(values.length / 2) - 1] ?? 0;
}

function majorityVote(
  voters: readonly Member[],
  votes: ReadonlyMap<ReplicaId, boolean>,
): VoteResult {
  const majority = Math.floor(voters.length / 2) + 1;
  if (voters.length === 0) return "won";
  let granted = 0;
  let refused = 0;
  for (const voter of voters) {
    const vote = votes.get(voter.replicaId);
    if (vote === true) granted += 1;
    if (vote === false) refused += 1;
  }
  if (granted >= majority) return "won";
  return refused > voters.length - majority ? "lost" : "pending";
}
