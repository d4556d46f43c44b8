import type { StoreOperation } from "@stele/shared/checkpoint-store/checkpoint-store.ts";
import { OrderedTree } from "@stele/shared/checkpoint-store/testing/ordered-tree.ts";
import { logIndex, replicaId, tabletId, term, type ReplicaId } from "@stele/shared/ids.ts";
import { EMPTY_CONFIG } from "@stele/shared/raft/group-config.ts";
import {
  appliedStateOperation,
  logStateOperation,
  type LogPosition,
} from "@stele/shared/replication/replica-records.ts";
import { suspectOperation } from "@stele/shared/replication/suspect.ts";
import { tombstoneOperation } from "@stele/shared/replication/tombstone.ts";
import { beforeEach, describe, expect, test } from "vitest";
import { DurableReplica } from "./durable-replica.ts";
import { FreedSegments } from "./freed-segments.ts";
import { StoredRecords } from "./stored-records.ts";

const TABLET = tabletId(5);
const REPLICA = replicaId(50);
const START: LogPosition = { index: logIndex(1), term: term(1) };

function stored(...operations: readonly StoreOperation[]): StoredRecords {
  const edit = new OrderedTree().edit();
  for (const { key, ...rest } of operations) if (rest.type === "put") edit.put(key, rest.value);
  return new StoredRecords(edit.finish());
}

function applied(index: number): StoreOperation {
  const at = { index: logIndex(index), term: term(2) };
  return appliedStateOperation(TABLET, { replicaId: REPLICA, ...at, machineState: null });
}

function log(truncated: number, vote: number | null = 50): StoreOperation {
  const hardState = { term: term(2), vote: vote as ReplicaId | null, commit: logIndex(1) };
  return logStateOperation(TABLET, {
    replicaId: REPLICA,
    hardState,
    truncated: { index: logIndex(truncated), term: term(2) },
    config: { index: logIndex(1), config: EMPTY_CONFIG },
  });
}

describe("a segment with entries 2 to 4, vote and snapshot of a replica, and 5 behind it,", () => {
  let found: string[];
  let freed: FreedSegments;
  let replica: DurableReplica;

  beforeEach(() => {
    found = [];
    freed = new FreedSegments((detail) => found.push(detail));
    replica = new DurableReplica(TABLET, REPLICA, START);
    replica.hasEntries(2, [term(2), term(2), term(2)], 1);
    replica.hasEntries(5, [term(2)], 2);
    replica.hasVote({ term: term(2), vote: REPLICA }, 1);
    const facts = freed.facts(1, replica);
    facts.vote = replica.vote;
    facts.installed = logIndex(1);
  });

  function free(records: StoredRecords, isExempt = false): string[] {
    freed.freed(1, records, () => isExempt);
    return found;
  }

  test("may go once the store has all that a recovery needs of it", () => {
    expect(free(stored(applied(4), log(4)))).toEqual([]);
  });

  test.each([
    ["its log begins at 3 in the store", stored(applied(9), log(3)), "entry 4 lies there"],
    ["its state does not reach its log", stored(applied(3), log(4)), "the state ends at 3"],
    ["its vote is not in the store", stored(applied(4), log(4, null)), "the vote for 50 in term 2"],
    ["the store knows no log of it", stored(applied(4)), "where its log begins"],
    ["the store does not know it", stored(), "no state"],
  ])("must stay while %s", (_, records, problem) => {
    expect(free(records)).toHaveLength(1);
    expect(found[0]).toContain(`segment 1 is freed, but of replica 50 of tablet 5 `);
    expect(found[0]).toContain(problem);
  });

  test("may go with a vote that a segment behind repeats", () => {
    replica.hasVote({ term: term(2), vote: REPLICA }, 2);
    expect(free(stored(applied(4), log(4, null)))).toEqual([]);
  });

  test("must stay while the snapshot's switch is not in the store", () => {
    freed.facts(1, replica).installed = logIndex(6);
    expect(free(stored(applied(5), log(4)))[0]).toContain("the snapshot at 6");
  });

  test("may go when the replica is buried in the store or behind, not when its tombstone goes", () => {
    replica.buriedIn = 2;
    expect(free(stored())).toEqual([]);
    freed.facts(1, replica);
    replica.buriedIn = 1;
    expect(free(stored())).toHaveLength(1);
    freed.facts(1, replica);
    expect(free(stored(tombstoneOperation(TABLET, REPLICA)))).toHaveLength(1);
  });

  test("may go when the replica is known to be damaged, or may be", () => {
    expect(free(stored(), true)).toEqual([]);
    freed.facts(1, replica);
    const mark = suspectOperation(TABLET, { replicaId: REPLICA, reason: "a test" });
    expect(free(stored(mark))).toEqual([]);
  });
});
