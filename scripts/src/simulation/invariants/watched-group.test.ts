import { expect, test } from "vitest";
import { logIndex, replicaId, serverId, tabletId, term } from "@stele/shared/ids.ts";
import type { GroupConfig } from "@stele/shared/raft/group-config.ts";
import { Violations } from "../violation.ts";
import { WatchedGroups } from "./watched-group.ts";

const TABLET = tabletId(5);

function configOf(...replicas: readonly number[]): GroupConfig {
  const voters = replicas.map((id) => ({
    replicaId: replicaId(id),
    serverId: serverId(`00000000-0000-4000-8000-${String(id).padStart(12, "0")}`),
  }));
  return { voters, outgoing: [], learners: [] };
}

function apply(groups: WatchedGroups, replica: number): void {
  const group = groups.of(TABLET, replicaId(replica));
  const command = { index: logIndex(2), term: term(1), payload: Buffer.from(`of ${replica}`) };
  group.sequence.applies(replicaId(replica), logIndex(1), command);
  groups.applied(TABLET, group);
}

test("a tablet that is founded anew is another group, and its later members belong to it", () => {
  const violations = new Violations(() => 0);
  const groups = new WatchedGroups(violations);
  groups.founded(TABLET, configOf(1, 2, 3));
  groups.founded(TABLET, configOf(1, 2, 3));
  groups.founded(TABLET, configOf(4, 5, 6));
  const [first, second] = [1, 4].map((id) => groups.of(TABLET, replicaId(id)));
  expect(first).not.toBe(second);
  expect(groups.of(TABLET, replicaId(3))).toBe(first);
  expect(groups.of(TABLET, replicaId(7))).toBe(second);
  apply(groups, 4);
  apply(groups, 7);
  expect(violations.first?.detail).toContain("replica 7 applies");
});

test("of two groups of one tablet only one may apply anything", () => {
  const violations = new Violations(() => 0);
  const groups = new WatchedGroups(violations);
  groups.founded(TABLET, configOf(1, 2, 3));
  apply(groups, 2);
  groups.founded(TABLET, configOf(4, 5, 6));
  expect(violations.first).toBeNull();
  apply(groups, 5);
  expect(violations.first?.checker).toBe("committed never changes");
});
