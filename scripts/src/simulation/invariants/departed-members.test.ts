import { logIndex, replicaId, type ServerId } from "@stele/shared/ids.ts";
import type { GroupConfig } from "@stele/shared/raft/group-config.ts";
import { expect, test } from "vitest";
import { DepartedMembers } from "./departed-members.ts";

function configOf(voters: readonly number[], learners: readonly number[] = []): GroupConfig {
  const members = (ids: readonly number[]) =>
    ids.map((id) => ({ replicaId: replicaId(id), serverId: `s${id}` as ServerId }));
  return { voters: members(voters), outgoing: [], learners: members(learners) };
}

test("a replica that left its group may not be a member again", () => {
  const found: string[] = [];
  const members = new DepartedMembers((detail) => found.push(detail));
  members.committed(logIndex(3), configOf([1, 2, 3], [4]));
  members.committed(logIndex(9), configOf([1, 2, 4]));
  // Told late, by a replica that lags.
  members.committed(logIndex(3), configOf([1, 2, 3], [4]));
  members.committed(logIndex(11), configOf([1, 2, 4], [5]));
  expect(found).toEqual([]);
  members.committed(logIndex(12), configOf([1, 2, 3], [4]));
  expect(found).toEqual(["the config at index 12 has replica 3, which left at 9"]);
});
