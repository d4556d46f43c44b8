import { logIndex, replicaId, serverId, term } from "@stele/shared/ids.ts";
import { encodeGroupConfig } from "@stele/shared/raft/group-config-codec.ts";
import type { GroupConfig, Member } from "@stele/shared/raft/group-config.ts";
import { beforeEach, expect, test } from "vitest";
import { EntriesSeen } from "./entries-seen.ts";
import { problemOfConfigs, problemOfStateConfig } from "./placed-configs.ts";

const SERVER = serverId("6f1c1a52-6f0e-4d51-9d0c-0a3b51c2e001");

function members(...ids: readonly number[]): Member[] {
  return ids.map((id) => ({ replicaId: replicaId(id), serverId: SERVER }));
}

const JOINT: GroupConfig = { voters: members(1, 2, 4), outgoing: members(1, 2, 3), learners: [] };
const OLD: GroupConfig = { voters: members(1, 2, 3), outgoing: [], learners: [] };
const placed = (index: number, config: GroupConfig) => ({ index: logIndex(index), config });

let entries: EntriesSeen;

/** Index 3 is a joint config; 4 is a command. */
beforeEach(() => {
  entries = new EntriesSeen((detail) => expect.unreachable(detail));
  const seen = (index: number, kind: "config" | "command", payload: Buffer): void => {
    const sight = { index, kind, payload, term: term(1), previousTerm: term(1) };
    entries.see(sight, () => "here");
  };
  seen(3, "config", encodeGroupConfig(JOINT));
  seen(4, "command", Buffer.from("x"));
});

test("a config is what its entry says", () => {
  const termOf = () => term(1);
  expect(problemOfConfigs([placed(0, OLD), placed(3, JOINT)], entries, termOf)).toBe(null);
});

test("a joint config whose outgoing half was forgotten is found", () => {
  const forgotten = placed(3, { ...JOINT, outgoing: [] });
  expect(problemOfConfigs([forgotten], entries, () => term(1))).toBe(
    "the config of 3 is [1, 2, 4], and was [1, 2, 4] and [1, 2, 3]",
  );
});

test("a state comes with the last config up to its index", () => {
  const at = { index: logIndex(4), term: term(1) };
  expect(problemOfStateConfig(at, placed(3, JOINT), entries)).toBe(null);
  expect(problemOfStateConfig(at, placed(1, OLD), entries)).toBe(
    "a state at 4 comes with the config of 1, not of 3",
  );
});
