import { replicaId, tabletId } from "@stele/shared/ids.ts";
import { beforeEach, expect, test } from "vitest";
import { Suspects, type Suspected } from "./suspects.ts";

const marked: Suspected = { tabletId: tabletId(5), replicaId: replicaId(50), reason: "a test" };
let found: string[];
let suspects: Suspects;

beforeEach(() => {
  found = [];
  suspects = new Suspects((detail) => found.push(detail));
});

test("a replica that is declared damaged on a disk that no fault touched is told", () => {
  suspects.check([], () => false);
  expect(found).toEqual([]);
  suspects.check([marked], (replica) => replica !== marked.replicaId);
  expect(found).toEqual([
    "replica 50 of tablet 5 is declared damaged, and no fault touched its disk: a test",
  ]);
});

test("a replica that a fault may have damaged stays a suspect when its disk is repaired", () => {
  suspects.check([marked], () => true);
  suspects.check([marked], () => false);
  expect(found).toEqual([]);
  suspects.check([{ ...marked, replicaId: replicaId(51) }], () => false);
  expect(found).toHaveLength(1);
});
