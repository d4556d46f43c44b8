import { expect, test } from "vitest";
import type { DatabaseError } from "@stele/shared/errors.ts";
import type { FakeTablet } from "./testing/fake-tablet.ts";
import { EVERYTHING, RoutingHarness } from "./testing/routing-harness.ts";

function readMany(harness: RoutingHarness, keys: readonly string[]) {
  const bytes = keys.map((key) => Buffer.from(key));
  return harness.rows.readMany("t", bytes, EVERYTHING, harness.limits());
}

test("many reads give one result a key, in order, from one call a tablet", async () => {
  const harness = new RoutingHarness();
  const table = harness.tablets.createTable("t", ["h", "p"]);
  for (const key of ["a", "k", "z"]) harness.tablets.put(table, key);
  const keys = ["z", "a", "nothing", "k", "a"];
  const { results, session } = await harness.settled(readMany(harness, keys));
  const found = results.map((each) => each.kind === "read" && (each.row?.key.toString() ?? null));
  expect(found).toEqual(["z", "a", null, "k", "a"]);
  expect(session).toBeGreaterThan(0);
  expect(harness.tablets.received).toHaveLength(3);
});

test("many reads are split into calls of bounded size", async () => {
  const harness = new RoutingHarness({ limits: { callKeys: 4 } });
  const table = harness.tablets.createTable("t", []);
  const keys = Array.from({ length: 10 }, (_, at) => `k${at}`);
  for (const key of keys) harness.tablets.put(table, key);
  const { results } = await harness.settled(readMany(harness, keys));
  expect(results.map((each) => each.kind === "read" && each.row?.key.toString())).toEqual(keys);
  expect(harness.tablets.received).toHaveLength(3);
});

test("a tablet that answers the first of the keys is asked for the others", async () => {
  const harness = new RoutingHarness();
  const table = harness.tablets.createTable("t", []);
  const keys = ["a", "b", "c", "d"];
  for (const key of keys) harness.tablets.put(table, key);
  harness.tablets.readRows = 2;
  const { results } = await harness.settled(readMany(harness, keys));
  expect(results.map((each) => each.kind === "read" && each.row?.key.toString())).toEqual(keys);
  expect(harness.tablets.received).toHaveLength(2);
});

test("past their bytes, many reads give the results of the first keys, one at least", async () => {
  const harness = new RoutingHarness({ limits: { readBytes: 1 } });
  const table = harness.tablets.createTable("t", ["c"]);
  for (const key of ["a", "b", "c"]) harness.tablets.put(table, key);
  harness.tablets.readRows = 1;
  const { results } = await harness.settled(readMany(harness, ["b", "a", "c"]));
  expect(results).toMatchObject([{ kind: "read", row: { key: Buffer.from("b") } }]);
});

test("many reads heal when a tablet has split, and fail for its keys alone when it cannot serve", async () => {
  const harness = new RoutingHarness();
  const table = harness.tablets.createTable("t", ["m"]);
  for (const key of ["a", "f", "z"]) harness.tablets.put(table, key);
  await harness.settled(readMany(harness, ["a", "z"]));
  const right = harness.tablets.split(table.tablets[0] as FakeTablet, Buffer.from("c"));
  right.leader = null;
  const { results } = await harness.settled(readMany(harness, ["a", "f", "z"]));
  expect(results).toMatchObject([
    { kind: "read", row: { key: Buffer.from("a") } },
    { kind: "failed", error: { code: "NO_QUORUM" } },
    { kind: "read", row: { key: Buffer.from("z") } },
  ]);
});

test("many reads of a table that does not exist are rejected together", async () => {
  const harness = new RoutingHarness();
  const error = await harness.settled(readMany(harness, ["a"])).catch((reason: unknown) => reason);
  expect((error as DatabaseError).code).toBe("TABLE_NOT_FOUND");
});
