import type { StoreOperation } from "@stele/shared/checkpoint-store/checkpoint-store.ts";
import { OrderedTree } from "@stele/shared/checkpoint-store/testing/ordered-tree.ts";
import { logIndex, replicaId, tabletId, term } from "@stele/shared/ids.ts";
import { EMPTY_CONFIG } from "@stele/shared/raft/group-config.ts";
import {
  appliedStateOperation,
  logStateOperation,
} from "@stele/shared/replication/replica-records.ts";
import { SpaceLedger } from "@stele/shared/replication/space-ledger.ts";
import { suspectOperation } from "@stele/shared/replication/suspect.ts";
import { tombstoneOperation } from "@stele/shared/replication/tombstone.ts";
import { describe, expect, test } from "vitest";
import { leftoverOf } from "./leftovers.ts";

const TABLET = tabletId(5);
const REPLICA = replicaId(50);
const AT = { index: logIndex(1), term: term(1) };
/** A machine that keeps everything that begins with these bytes. */
const SPACE = Buffer.of(0x10, 3);
const machines = {
  rangesOf: (state: Buffer) => [{ start: state, end: Buffer.concat([state, Buffer.of(0xff)]) }],
};

const applied = appliedStateOperation(TABLET, { replicaId: REPLICA, ...AT, machineState: SPACE });
const log = logStateOperation(TABLET, {
  replicaId: REPLICA,
  hardState: { term: term(1), vote: null, commit: logIndex(1) },
  truncated: AT,
  config: { index: logIndex(1), config: EMPTY_CONFIG },
});
const suspect = suspectOperation(TABLET, { replicaId: REPLICA, reason: "a test" });
const counters = new SpaceLedger({ nextSpace: 4, nextGarbage: 1 }, []).countersOperation();
const row = (...key: readonly number[]): StoreOperation => {
  return { type: "put", key: Buffer.from(key), value: Buffer.from("value") };
};

function left(present: number | null, ...operations: readonly StoreOperation[]): string | null {
  const edit = new OrderedTree().edit();
  for (const { key, ...rest } of operations) if (rest.type === "put") edit.put(key, rest.value);
  return leftoverOf(edit.finish(), machines, (tablet) =>
    tablet === TABLET && present !== null ? replicaId(present) : null,
  );
}

describe("in a store that is at rest", () => {
  test("nothing is left over of replicas that are there, tombstones and counters", () => {
    const tombstone = tombstoneOperation(tabletId(6), replicaId(60));
    expect(left(50, applied, log, suspect, counters, tombstone, row(0x10, 3, 1))).toBe(null);
    expect(left(null, counters, tombstone)).toBe(null);
  });

  test.each([
    ["state", applied],
    ["log", log],
    ["mark as a suspect", suspect],
  ])("the %s of a replica that is gone, or was replaced, is left over", (what, record) => {
    const found = `the ${what} of replica 50 of tablet 5, which is gone, is left`;
    expect(left(null, record)).toBe(found);
    expect(left(51, record)).toBe(found);
  });

  test("data is left over where no replica has its ranges, in front of them and behind", () => {
    const found = (key: string): string => `7 bytes belong to no replica, from key ${key} on`;
    expect(left(50, applied, row(0x10, 3, 1), row(0x10, 2))).toBe(found("1002"));
    expect(left(50, applied, row(0x10, 3, 1), row(0x20, 3))).toBe(found("2003"));
    expect(left(null, row(0x10, 3))).toBe(found("1003"));
  });

  test("garbage that is not cleared is left over, with or without data", () => {
    const { operation } = new SpaceLedger({ nextSpace: 1, nextGarbage: 1 }, []).discard([
      { start: Buffer.of(0x10, 4), end: Buffer.of(0x10, 5) },
    ]);
    const found = "garbage is not cleared: 1 on the list";
    expect(left(null, operation)).toBe(found);
    expect(left(null, operation, row(0x10, 4, 1))).toBe(found);
  });
});
