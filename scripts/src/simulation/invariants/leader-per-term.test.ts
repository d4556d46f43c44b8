import { replicaId, term } from "@stele/shared/ids.ts";
import { expect, test } from "vitest";
import { LeaderPerTerm } from "./leader-per-term.ts";

test("a term has one leader, however often it says so", () => {
  const found: string[] = [];
  const leaders = new LeaderPerTerm((detail) => found.push(detail));
  expect(leaders.leads(replicaId(1), term(4))).toBe(true);
  expect(leaders.leads(replicaId(1), term(4))).toBe(false);
  leaders.leads(replicaId(2), term(5));
  leaders.leads(replicaId(1), term(6));
  expect(found).toEqual([]);
  leaders.leads(replicaId(2), term(6));
  expect(found).toEqual(["replicas 1 and 2 both lead term 6"]);
});
