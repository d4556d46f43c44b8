import {
  logIndex,
  replicaId,
  serverId,
  term,
  type LogIndex,
  type Term,
} from "@stele/shared/ids.ts";
import type { GroupConfig } from "@stele/shared/raft/group-config.ts";
import type { Role } from "@stele/shared/raft/ready.ts";
import type { PlacedConfig } from "@stele/shared/replication/replica-records.ts";
import { beforeEach, expect, test } from "vitest";
import { Commitments, type CommittingReplica } from "./commitments.ts";
import { DepartedMembers } from "./departed-members.ts";
import { EntriesSeen } from "./entries-seen.ts";
import { QuorumDurability } from "./quorum-durability.ts";

const SERVER = serverId("6f1c1a52-6f0e-4d51-9d0c-0a3b51c2e001");
const ABC: GroupConfig = {
  voters: [1, 2, 3].map((id) => ({ replicaId: replicaId(id), serverId: SERVER })),
  outgoing: [],
  learners: [],
};

/** A replica whose log is given by the terms of its entries, from index 1 on. */
class Fabricated implements CommittingReplica {
  readonly replicaId;
  readonly raft = {
    role: "follower" as Role,
    term: term(0),
    commit: logIndex(0),
    terms: [] as readonly number[],
    configs: [{ index: logIndex(0), config: ABC }] as PlacedConfig[],
    termOf(index: LogIndex): Term | undefined {
      return this.terms[index - 1] as Term | undefined;
    },
    configAt(index: LogIndex): PlacedConfig | undefined {
      return this.configs.findLast((placed) => placed.index <= index);
    },
    configHistory(): readonly PlacedConfig[] {
      return this.configs;
    },
  };

  constructor(id: number) {
    this.replicaId = replicaId(id);
  }

  is(role: Role, own: number, commit: number, terms: readonly number[]): this {
    Object.assign(this.raft, { role, term: term(own), commit: logIndex(commit), terms });
    return this;
  }
}

let found: string[];
let quorum: QuorumDurability;
let commitments: Commitments;
const leader = (): Fabricated => new Fabricated(1);

beforeEach(() => {
  found = [];
  const report = (detail: string): void => void found.push(detail);
  quorum = new QuorumDurability(new EntriesSeen(report), report);
  commitments = new Commitments(quorum, new DepartedMembers(report), report);
});

function durable(index: number, own: number, ...ids: readonly number[]): void {
  for (const id of ids) quorum.hasEntry(replicaId(id), index, term(own));
}

test("a leader commits what a quorum has on disk, and followers take it over", () => {
  const one = leader().is("leader", 2, 0, [1, 2]);
  commitments.look(one);
  durable(2, 2, 1, 3);
  commitments.look(one.is("leader", 2, 2, [1, 2]));
  commitments.look(new Fabricated(3).is("follower", 2, 2, [1, 2]));
  expect(found).toEqual([]);
  expect(commitments.highest).toBe(2);
});

test("a leader that commits an entry of an earlier term by its copies is found", () => {
  const one = leader().is("leader", 3, 0, [1, 1, 3]);
  commitments.look(one);
  durable(2, 1, 1, 2);
  commitments.look(one.is("leader", 3, 2, [1, 1, 3]));
  expect(found).toEqual(["replica 1, which leads term 3, commits index 2 of term 1"]);
});

test("a leader that counts an entry which it has not written yet is found", () => {
  const one = leader().is("leader", 1, 0, [1]);
  commitments.look(one);
  durable(1, 1, 2);
  commitments.look(one.is("leader", 1, 1, [1]));
  expect(found).toHaveLength(1);
  expect(found[0]).toContain("only replicas [2] have had it on disk; voters are [1, 2, 3]");
});

test("a follower that takes for committed what no leader has committed is found", () => {
  commitments.beginsAt(logIndex(1));
  commitments.look(new Fabricated(2).is("follower", 1, 2, [1, 1]));
  expect(found).toEqual([
    "replica 2 takes index 2 of term 1 for committed, and leaders have committed up to 1",
  ]);
});

test("a follower with another entry where the leader committed one is found", () => {
  durable(2, 3, 1, 2);
  commitments.look(leader().is("leader", 3, 2, [1, 3]));
  commitments.look(new Fabricated(3).is("follower", 3, 2, [1, 2]));
  expect(found).toEqual([
    "replica 3 takes index 2 of term 2 for committed, where a leader committed one of term 3",
  ]);
});

test("a leader that commits further on another log than was committed is found", () => {
  for (let index = 1; index <= 5; index++) durable(index, 2, 1, 2);
  const one = leader().is("leader", 2, 0, [2, 2, 2, 2, 2]);
  commitments.look(one);
  commitments.look(one.is("leader", 2, 5, [2, 2, 2, 2, 2]));
  for (let index = 2; index <= 7; index++) durable(index, 3, 2, 3);
  const next = new Fabricated(3).is("leader", 3, 0, [2, 3, 3, 3, 3, 3, 3]);
  commitments.look(next);
  commitments.look(next.is("leader", 3, 7, [2, 3, 3, 3, 3, 3, 3]));
  expect(found).toContain(
    "replica 3 takes index 5 of term 3 for committed, where a leader committed one of term 2",
  );
});

test("what a leader committed before it lost the lead is its own commit", () => {
  const one = leader().is("leader", 2, 0, [2]);
  commitments.look(one);
  durable(1, 2, 1, 2);
  commitments.look(one.is("follower", 3, 1, [2]));
  expect(found).toEqual([]);
  expect(commitments.highest).toBe(1);
});

test("a config behind one that is not committed is found", () => {
  const one = leader().is("leader", 2, 0, [2, 2, 2]);
  one.raft.configs.push({ index: logIndex(2), config: ABC }, { index: logIndex(3), config: ABC });
  commitments.hasConfig(one, logIndex(3));
  expect(found).toHaveLength(1);
  commitments.beginsAt(logIndex(2));
  commitments.hasConfig(one, logIndex(3));
  expect(found).toHaveLength(1);
});

test("a member that is back in the very next config that a leader commits is found", () => {
  const configOf = (index: number, ...ids: readonly number[]): PlacedConfig => ({
    index: logIndex(index),
    config: { ...ABC, voters: ABC.voters.filter((voter) => ids.includes(voter.replicaId)) },
  });
  const one = leader().is("leader", 2, 0, [2, 2, 2]);
  one.raft.configs.push(configOf(2, 1, 2));
  commitments.look(one);
  durable(3, 2, 1, 2, 3);
  durable(2, 2, 1, 2, 3);
  commitments.look(one.is("leader", 2, 2, [2, 2, 2]));
  one.raft.configs.push(configOf(3, 1, 2, 3));
  expect(found).toEqual([]);
  commitments.look(one.is("leader", 2, 3, [2, 2, 2]));
  expect(found).toEqual(["the config at index 3 has replica 3, which left at 2"]);
});
