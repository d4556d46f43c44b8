/**
 * Majorities as the checkers count them: on their own, so that a product that counts wrongly is not judged by its own
 * count. What needs a quorum needs a majority of the voters and, while a config is joint, a majority of those that
 * are being left (Raft paper, section 6).
 */
import type { ReplicaId } from "@stele/shared/ids.ts";
import type { GroupConfig, Member } from "@stele/shared/raft/group-config.ts";

/** False also where there are no voters at all. */
export function isAgreed(config: GroupConfig, holds: (id: ReplicaId) => boolean): boolean {
  const { voters, outgoing } = config;
  if (voters.length === 0) return false;
  return hasMajority(voters, holds) && (outgoing.length === 0 || hasMajority(outgoing, holds));
}

/** The highest value that majorities have reached or passed; -Infinity without voters. */
export function agreedValue(config: GroupConfig, valueOf: (id: ReplicaId) => number): number {
  const { voters, outgoing } = config;
  let best = Number.NEGATIVE_INFINITY;
  for (const { replicaId } of [...voters, ...outgoing]) {
    const value = valueOf(replicaId);
    if (value > best && isAgreed(config, (id) => valueOf(id) >= value)) best = value;
  }
  return best;
}

/** For messages: "1, 2, 3", and what is being left. */
export function votersText({ voters, outgoing }: GroupConfig): string {
  const ids = (list: readonly Member[]): string =>
    list.map(({ replicaId }) => replicaId).join(", ");
  return `[${ids(voters)}]${outgoing.length > 0 ? ` and [${ids(outgoing)}]` : ""}`;
}

function hasMajority(members: readonly Member[], holds: (id: ReplicaId) => boolean): boolean {
  let count = 0;
  for (const { replicaId } of members) if (holds(replicaId)) count++;
  return 2 * count > members.length;
}
