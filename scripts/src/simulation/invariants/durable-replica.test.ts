import { logIndex, replicaId, tabletId, term, type Term } from "@stele/shared/ids.ts";
import { describe, expect, test } from "vitest";
import { DurableReplica } from "./durable-replica.ts";

function replica(floor: number): DurableReplica {
  const start = { index: logIndex(floor), term: term(1) };
  return new DurableReplica(tabletId(1), replicaId(1), start);
}

const terms = (...list: readonly number[]): Term[] => list.map((each) => term(each));

describe("entries on disk", () => {
  test("replace what stood at or above them", () => {
    const disk = replica(4);
    disk.hasEntries(5, terms(1, 1, 1), 1);
    disk.hasEntries(6, terms(2), 2);
    expect(disk.lastIndex).toBe(6);
    expect([4, 5, 6, 7].map((index) => disk.termOf(index))).toEqual([1, 1, 2, null]);
    expect([disk.lastIndexIn(0), disk.lastIndexIn(1), disk.lastIndexIn(2)]).toEqual([null, 5, 6]);
  });

  test("behind a gap mean nothing, below the floor neither", () => {
    const disk = replica(4);
    disk.hasEntries(6, terms(1), 1);
    expect(disk.lastIndex).toBe(4);
    disk.hasEntries(3, terms(1, 1, 2, 2), 1);
    expect(disk.lastIndex).toBe(6);
    expect(disk.termOf(5)).toBe(2);
  });

  test("are void once a state takes their place", () => {
    const disk = replica(4);
    disk.hasEntries(5, terms(1, 1, 1), 1);
    disk.hasState({ index: logIndex(6), term: term(3) });
    expect([disk.lastIndex, disk.termOf(6), disk.termOf(7)]).toEqual([6, 3, null]);
    disk.hasEntries(7, terms(3), 2);
    expect(disk.lastIndexIn(1)).toBe(null);
  });
});
