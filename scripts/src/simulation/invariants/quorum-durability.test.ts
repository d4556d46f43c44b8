import { logIndex, replicaId, serverId, term, type ReplicaId } from "@stele/shared/ids.ts";
import type { GroupConfig, Member } from "@stele/shared/raft/group-config.ts";
import { beforeEach, describe, expect, test } from "vitest";
import { EntriesSeen } from "./entries-seen.ts";
import { QuorumDurability } from "./quorum-durability.ts";

const SERVER = serverId("6f1c1a52-6f0e-4d51-9d0c-0a3b51c2e001");

function members(...ids: readonly number[]): Member[] {
  return ids.map((id) => ({ replicaId: replicaId(id), serverId: SERVER }));
}

const ABC: GroupConfig = { voters: members(1, 2, 3), outgoing: [], learners: members(9) };
const JOINT: GroupConfig = { voters: members(3, 4, 5), outgoing: members(1, 2, 3), learners: [] };

describe("a command that is applied", () => {
  let found: string[];
  let quorum: QuorumDurability;

  beforeEach(() => {
    found = [];
    const report = (detail: string): void => void found.push(detail);
    quorum = new QuorumDurability(new EntriesSeen(report), report);
  });

  function has(index: number, own: number, ...ids: readonly number[]): void {
    for (const id of ids) quorum.hasEntry(id as ReplicaId, index, term(own));
  }

  test("is durable on a majority of the voters", () => {
    has(7, 2, 1, 3);
    quorum.applied(logIndex(7), term(2), ABC);
    expect(found).toEqual([]);
  });

  test("is not acknowledged by one voter and a learner", () => {
    has(7, 2, 1, 9);
    quorum.applied(logIndex(7), term(2), ABC);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain("only replicas [1, 9] have had it on disk; voters are [1, 2, 3]");
  });

  test("is not the entry of another term that is durable there", () => {
    has(7, 2, 1);
    has(7, 1, 2, 3);
    quorum.applied(logIndex(7), term(2), ABC);
    expect(found).toHaveLength(1);
  });

  test("may be part of a durable state", () => {
    has(7, 2, 1);
    quorum.hasState(replicaId(3), logIndex(7));
    quorum.applied(logIndex(7), term(2), ABC);
    expect(found).toEqual([]);
    has(8, 2, 1);
    quorum.applied(logIndex(8), term(2), ABC);
    expect(found).toHaveLength(1);
  });

  test("needs both majorities of a joint config", () => {
    has(7, 2, 1, 2, 3);
    quorum.applied(logIndex(7), term(2), JOINT);
    expect(found).toHaveLength(1);
    has(7, 2, 4);
    quorum.applied(logIndex(7), term(2), JOINT);
    expect(found).toHaveLength(1);
  });

  test("may have been committed by a config that came behind it, not by an older one", () => {
    const later: GroupConfig = { voters: members(1), outgoing: [], learners: [] };
    has(7, 2, 1);
    quorum.hasConfig(logIndex(3), later);
    quorum.applied(logIndex(7), term(2), ABC);
    expect(found).toHaveLength(1);
    quorum.hasConfig(logIndex(9), later);
    quorum.applied(logIndex(7), term(2), ABC);
    expect(found).toHaveLength(1);
  });
});
