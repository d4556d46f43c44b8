import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { DatabaseError } from "@stele/shared/errors.ts";
import type { WriteOutcome } from "@stele/shared/row-operations.ts";
import { server } from "./testing/fake-tablets.ts";
import { RoutingHarness, writeOf } from "./testing/routing-harness.ts";

const word = (outcome: WriteOutcome): string =>
  outcome.kind === "done" ? "done" : `${outcome.error.code} ${outcome.error.applied}`;

function writeMany(harness: RoutingHarness, keys: readonly string[], withinMs?: number) {
  const writes = keys.map((key) => writeOf(key));
  return harness.rows.writeMany("t", writes, harness.limits(withinMs));
}

describe("many writes", () => {
  test("go to each tablet in calls of bounded size, one at a time", async () => {
    const harness = new RoutingHarness({ limits: { callWrites: 10 } });
    harness.tablets.createTable("t", ["m"]);
    const keys = Array.from({ length: 50 }, (_, at) => `${at % 2 === 0 ? "a" : "z"}${at}`);
    const { outcomes } = await harness.settled(writeMany(harness, keys));
    expect(outcomes.map(word)).toEqual(keys.map(() => "done"));
    const sizes = harness.tablets.received.map(
      ({ call }) => call.kind === "write" && call.writes.length,
    );
    expect(sizes).toEqual([10, 10, 10, 10, 5, 5]);
  });

  test("apply once and in order on every row, while tablets split, move and lose connections", async () => {
    const disturbance = fc.record({
      atMs: fc.integer({ min: 1, max: 60 }),
      kind: fc.constantFrom("split", "elect", "cut", "lost"),
      key: fc.integer({ min: 1, max: 25 }),
    });
    const key = fc.integer({ min: 0, max: 25 }).map((value) => String.fromCharCode(97 + value));
    const property = fc.asyncProperty(
      fc.array(key, { minLength: 1, maxLength: 120 }),
      fc.array(disturbance, { maxLength: 12 }),
      fc.nat({ max: 1000 }),
      async (keys, disturbances, seed) => {
        const harness = new RoutingHarness({ seed, limits: { callWrites: 7 } });
        const { clock, tablets } = harness;
        const table = tablets.createTable("t", ["i"]);
        for (const { atMs, kind, key: at } of disturbances) {
          clock.after(atMs, () => {
            const bound = String.fromCharCode(97 + at);
            const tablet = tablets.tabletOf(table, bound);
            if (kind === "elect") tablet.leader = server(1 + (at % 3));
            else if (kind !== "split") tablets.fates.push(kind);
            else if (tablet.range.start?.toString() !== bound)
              tablets.split(tablet, Buffer.from(bound));
          });
        }
        const { outcomes } = await harness.settled(writeMany(harness, keys));
        expect(outcomes.map(word)).toEqual(keys.map(() => "done"));
        // One effect a write; those of one row in the order given, which their numbers show.
        expect(tablets.effects).toHaveLength(keys.length);
        for (const each of new Set(keys)) {
          const seqs = tablets.effects
            .filter((effect) => effect.key === each)
            .map(({ seq }) => seq);
          expect(seqs).toEqual(seqs.toSorted((a, b) => a - b));
        }
        expect(harness.numbers.doneBelow).toBe(keys.length + 1);
      },
    );
    await fc.assert(property, { numRuns: 60 });
  });

  test("carry each its own refusal", async () => {
    const harness = new RoutingHarness();
    const table = harness.tablets.createTable("t", []);
    harness.tablets.put(table, "b");
    const writes = ["a", "b", "c"].map((key) => writeOf(key, true));
    const many = harness.rows.writeMany("t", writes, harness.limits());
    const { outcomes } = await harness.settled(many);
    expect(outcomes.map(word)).toEqual(["done", "ROW_EXISTS no", "done"]);
  });

  test("behind a call that failed as a whole are not sent, those of other tablets are", async () => {
    const harness = new RoutingHarness({ limits: { callWrites: 2 } });
    harness.tablets.createTable("t", ["m"]);
    await harness.read("t", "a");
    const error = { code: "THROTTLED", detail: "full" } as const;
    harness.tablets.fates.push({ kind: "failed", error });
    const { outcomes } = await harness.settled(writeMany(harness, ["a", "b", "c", "z"]));
    expect(outcomes.map(word)).toEqual([
      "THROTTLED unknown",
      "THROTTLED unknown",
      "THROTTLED no",
      "done",
    ]);
    expect(harness.tablets.effects.map(({ key }) => key)).toEqual(["z"]);
  });

  test("to a table that does not exist are rejected together", async () => {
    const harness = new RoutingHarness();
    const error = await harness
      .settled(writeMany(harness, ["a"]))
      .catch((reason: unknown) => reason);
    expect((error as DatabaseError).body).toMatchObject({ code: "TABLE_NOT_FOUND", applied: "no" });
    expect(harness.numbers.doneBelow).toBe(2);
  });

  test("follow the name when the table is dropped and made again in between", async () => {
    const harness = new RoutingHarness({ limits: { callWrites: 1 } });
    const table = harness.tablets.createTable("t", []);
    await harness.read("t", "a");
    harness.tablets.drop(table);
    const next = harness.tablets.createTable("t", []);
    const { outcomes } = await harness.settled(writeMany(harness, ["a", "b"]));
    expect(outcomes.map(word)).toEqual(["done", "done"]);
    expect([...next.rows.keys()]).toEqual(["a", "b"]);
  });
});

test("a write that no call can carry is TOO_LARGE and is never sent", async () => {
  const harness = new RoutingHarness();
  harness.tablets.createTable("t", []);
  const small = writeOf("a");
  const [mutation] = small.mutations;
  const value = Buffer.alloc(9 * 1024 * 1024);
  const large = { ...small, mutations: [1, 2].map(() => ({ ...mutation, value })) } as typeof small;
  const writing = harness.rows.write("t", large, harness.limits());
  const error = await harness.settled(writing).catch((reason: unknown) => reason);
  expect((error as DatabaseError).body).toMatchObject({ code: "TOO_LARGE", applied: "no" });
  expect(harness.tablets.received).toEqual([]);
});
