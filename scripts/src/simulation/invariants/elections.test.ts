import { logIndex, replicaId, serverId, term } from "@stele/shared/ids.ts";
import type { GroupConfig } from "@stele/shared/raft/group-config.ts";
import { beforeEach, expect, test } from "vitest";
import { Elections } from "./elections.ts";

const SERVER = serverId("6f1c1a52-6f0e-4d51-9d0c-0a3b51c2e001");
const [A, B, C] = [replicaId(1), replicaId(2), replicaId(3)];
const ABC: GroupConfig = {
  voters: [A, B, C].map((id) => ({ replicaId: id, serverId: SERVER })),
  outgoing: [],
  learners: [],
};
const end = (index: number, of: number) => ({ index: logIndex(index), term: term(of) });

let found: string[];
let elections: Elections;

beforeEach(() => {
  found = [];
  elections = new Elections((detail) => found.push(detail));
});

test("a leader has the votes of a majority in its term", () => {
  elections.campaigns(A, term(3), end(7, 2));
  elections.grants(B, A, term(3), end(7, 2));
  elections.leads(A, term(3), ABC);
  expect(found).toEqual([]);
});

test("a leader that counted one vote twice, or votes of another term, is found", () => {
  elections.campaigns(A, term(3), end(7, 2));
  elections.grants(B, A, term(3), null);
  elections.campaigns(A, term(4), end(7, 2));
  elections.leads(A, term(4), ABC);
  expect(found).toEqual(["replica 1 leads term 4 by the votes of [1], the voters being [1, 2, 3]"]);
});

test("a vote for a log that is longer and older than the voter's is found", () => {
  elections.campaigns(A, term(5), end(9, 2));
  elections.grants(C, A, term(5), null);
  elections.grants(B, A, term(5), end(7, 3));
  expect(found).toEqual([
    "replica 2, whose log ends with index 7 of term 3, votes in term 5 " +
      "for 1, whose log ends with index 9 of term 2",
  ]);
});

test("a vote that nobody asked for is found", () => {
  elections.grants(B, A, term(5), null);
  expect(found).toHaveLength(1);
});
