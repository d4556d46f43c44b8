import { replicaId, serverId } from "@stele/shared/ids.ts";
import type { GroupConfig, Member } from "@stele/shared/raft/group-config.ts";
import { describe, expect, test } from "vitest";
import { agreedValue, isAgreed, votersText } from "./majorities.ts";

const SERVER = serverId("6f1c1a52-6f0e-4d51-9d0c-0a3b51c2e001");

function members(...ids: readonly number[]): Member[] {
  return ids.map((id) => ({ replicaId: replicaId(id), serverId: SERVER }));
}

const FOUR: GroupConfig = { voters: members(1, 2, 3, 4), outgoing: [], learners: members(9) };
const JOINT: GroupConfig = { voters: members(3, 4, 5), outgoing: members(1, 2, 3), learners: [] };
const NOBODY: GroupConfig = { voters: [], outgoing: [], learners: members(1) };

const are =
  (...ids: readonly number[]) =>
  (id: number): boolean =>
    ids.includes(id);

describe("majorities", () => {
  test("are more than half of the voters, and learners are none", () => {
    expect(isAgreed(FOUR, are(1, 2, 9))).toBe(false);
    expect(isAgreed(FOUR, are(1, 2, 3))).toBe(true);
    expect(isAgreed(NOBODY, are(1))).toBe(false);
  });

  test("are needed of both halves of a joint config", () => {
    expect(isAgreed(JOINT, are(3, 4, 5))).toBe(false);
    expect(isAgreed(JOINT, are(1, 2, 3))).toBe(false);
    expect(isAgreed(JOINT, are(2, 3, 4))).toBe(true);
  });

  test("have reached the value that enough voters have reached", () => {
    const values = new Map([10, 40, 20, 30].map((value, at) => [at + 1, value]));
    expect(agreedValue(FOUR, (id) => values.get(id) ?? 0)).toBe(20);
    expect(agreedValue(JOINT, (id) => values.get(id) ?? 0)).toBe(20);
    expect(agreedValue(NOBODY, () => 1)).toBe(Number.NEGATIVE_INFINITY);
  });

  test("are named with what is being left", () => {
    expect(votersText(JOINT)).toBe("[3, 4, 5] and [1, 2, 3]");
  });
});
