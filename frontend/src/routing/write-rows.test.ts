import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { DatabaseError } from "@stele/shared/errors.ts";
import type { RowWrite, WriteOutcome } from "@stele/shared/row-operations.ts";
import { server } from "./testing/fake-tablet.ts";
import type { FakeTable, FakeTablet } from "./testing/fake-tablet.ts";
import { RoutingHarness, writeOf } from "./testing/routing-harness.ts";

const word = (outcome: WriteOutcome): string =>
  outcome.kind === "done" ? "done" : `${outcome.error.code} ${outcome.error.applied}`;

function writeMany(harness: RoutingHarness, keys: readonly string[], withinMs?: number) {
  const writes = keys.map((key) => writeOf(key));
  return harness.rows.writeMany("t", writes, harness.limits(withinMs));
}

/** A write that sets the row's column to a number. */
function valued(key: string, value: number): RowWrite {
  const [mutation] = writeOf(key).mutations;
  const mutations = [{ ...mutation, value: Buffer.from(String(value)) }];
  return { ...writeOf(key), mutations: mutations as RowWrite["mutations"] };
}

function valueOf({ write }: { readonly write: RowWrite }): number {
  const [mutation] = write.mutations;
  return mutation?.kind === "set" ? Number(mutation.value.toString()) : NaN;
}

/** Every write that went to the tablet first is settled. */
function expectNoneOpen({ numbers }: RoutingHarness, { tabletId }: FakeTablet): void {
  const { seq, sequence } = numbers.take(tabletId);
  expect(sequence.doneBelow).toBe(seq);
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
        const harness = new RoutingHarness({ seed, limits: { callWrites: 7, brokenAttempts: 20 } });
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
        const writes = keys.map((each, at) => valued(each, at));
        const many = harness.rows.writeMany("t", writes, harness.limits());
        const { outcomes } = await harness.settled(many);
        expect(outcomes.map(word)).toEqual(keys.map(() => "done"));
        // One effect a write; those of one row in the order given, which their values show.
        expect(tablets.effects).toHaveLength(keys.length);
        for (const each of new Set(keys)) {
          const values = tablets.effects.filter(({ key: own }) => own === each).map(valueOf);
          expect(values).toEqual(values.toSorted((a, b) => a - b));
        }
        for (const tablet of table.tablets) expectNoneOpen(harness, tablet);
      },
    );
    // The map may change between the look-ups of one operation, and a row's tablet with it.
    const between = { atMs: 1, kind: "split" as const, key: 9 };
    const examples: [string[], (typeof between)[], number][] = [
      [["j", "a", "j", "a"], [between], 0],
    ];
    await fc.assert(property, { numRuns: 60, examples });
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

describe("results that tablets keep for retries", () => {
  const WRITES = 60_000;
  const IN_FLIGHT = 20 * 100;

  /** Of 20 clients, 100 a call, each client one call after the other. Gives the most results kept. */
  async function write(harness: RoutingHarness, table: FakeTable): Promise<number> {
    const [, healthy] = table.tablets as [FakeTablet, FakeTablet];
    const keys = Array.from({ length: 100 }, (_, at) => `z${at}`);
    let left = WRITES;
    let most = 0;
    const client = async (): Promise<void> => {
      while (left > 0) {
        left -= keys.length;
        const { outcomes } = await writeMany(harness, keys);
        expect(new Set(outcomes.map(word))).toEqual(new Set(["done"]));
        most = Math.max(most, harness.tablets.keptOf(healthy));
      }
    };
    await harness.settled(Promise.all(Array.from({ length: 20 }, client)));
    expect(harness.tablets.effects.length).toBeGreaterThanOrEqual(WRITES);
    return most;
  }

  function cluster() {
    const harness = new RoutingHarness({ servers: 2, limits: { retrySpan: 4_000 } });
    const table = harness.tablets.createTable("t", ["m"], 1);
    harness.tablets.keptMax = WRITES / 3;
    return { harness, table, tablets: harness.tablets };
  }

  test("are those in flight, while another tablet hangs with more and more writes", async () => {
    const { harness, table, tablets } = cluster();
    await harness.write("t", "a");
    tablets.states.set(server(1), "frozen");
    let hanging = 0;
    let isOver = false;
    const hang = (): void => {
      if (isOver) return;
      hanging++;
      void harness.rows.write("t", writeOf("a"), harness.limits(60_000)).catch(() => undefined);
      harness.clock.after(0.1, hang);
    };
    hang();
    expect(await write(harness, table)).toBeLessThanOrEqual(2 * IN_FLIGHT);
    isOver = true;
    expect(hanging).toBeGreaterThan(100);
  });

  test("are a sequence's span more, while one write of the tablet itself hangs, and few again after it", async () => {
    const { harness, table, tablets } = cluster();
    await harness.write("t", "z");
    tablets.fates.push("hung");
    const hung = harness.rows.write("t", writeOf("z"), harness.limits(60_000));
    const error = hung.catch((reason: unknown) => reason);
    const most = await write(harness, table);
    expect(most).toBeGreaterThan(3_900);
    expect(most).toBeLessThanOrEqual(4_000 + 3 * IN_FLIGHT);
    expect(await harness.settled(error)).toMatchObject({ body: { code: "DEADLINE" } });
    await harness.write("t", "z");
    expect(tablets.keptOf(table.tablets[1] as FakeTablet)).toBeLessThanOrEqual(2 * IN_FLIGHT);
  });
});
