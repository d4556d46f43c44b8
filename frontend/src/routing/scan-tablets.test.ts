import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DatabaseError } from "@stele/shared/errors.ts";
import { compareRowKeys } from "@stele/shared/row-key.ts";
import { containsKey, WHOLE_TABLE } from "@stele/shared/row-range.ts";
import type { RowRange } from "@stele/shared/row-range.ts";
import type { TableScan, TableScanChunk } from "../operations.ts";
import { server, text } from "./testing/fake-tablet.ts";
import type { FakeTablet } from "./testing/fake-tablet.ts";
import { EVERYTHING, RoutingHarness } from "./testing/routing-harness.ts";

const SCAN: TableScan = {
  range: WHOLE_TABLE,
  reverse: false,
  limit: 1000,
  byteBudget: 1_000_000,
  projection: EVERYTHING,
  countOnly: false,
  tableId: null,
};

function scan(harness: RoutingHarness, more: Partial<TableScan>): Promise<TableScanChunk> {
  return harness.settled(harness.rows.scan("t", { ...SCAN, ...more }, harness.limits()));
}

const keysOf = ({ rows }: TableScanChunk): string[] => rows.map(({ key }) => text(key));

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(DatabaseError);
  return (error as DatabaseError).code;
}

/** Short keys of few bytes, so that bounds, splits and keys often meet. */
const key = fc
  .array(fc.constantFrom("\0", "a", "b", "\xff"), { minLength: 1, maxLength: 3 })
  .map((letters) => letters.join(""));
const bound = fc.option(key);

describe("a scan", () => {
  test("in chunks of any size gives every row of the range once and in order, while tablets split", async () => {
    const property = fc.asyncProperty(
      fc.record({
        keys: fc.uniqueArray(key, { maxLength: 30 }),
        splits: fc.uniqueArray(key, { maxLength: 6 }),
        laterSplits: fc.array(key, { maxLength: 6 }),
        start: bound,
        end: bound,
        reverse: fc.boolean(),
        countOnly: fc.boolean(),
        limits: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 }),
        budgets: fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 5 }),
        seed: fc.nat({ max: 1000 }),
      }),
      async ({ keys, splits, laterSplits, limits, budgets, seed, ...asked }) => {
        const harness = new RoutingHarness({ seed, limits: { mapNeighbours: 1 } });
        const { tablets } = harness;
        const ordered = splits.toSorted((a, b) => (a < b ? -1 : 1));
        const table = tablets.createTable("t", ordered);
        for (const each of keys) tablets.put(table, each);
        const bytes = (value: string | null) =>
          value === null ? null : Buffer.from(value, "latin1");
        const range: RowRange = { start: bytes(asked.start), end: bytes(asked.end) };
        const { reverse, countOnly } = asked;
        const expected = keys
          .map((each) => Buffer.from(each, "latin1"))
          .filter((each) => containsKey(range, each))
          .sort((a, b) => compareRowKeys(a, b) * (reverse ? -1 : 1))
          .map(text);
        const seen: string[] = [];
        let counted = 0;
        let rest: RowRange | null = range;
        for (let turn = 0; rest !== null; turn++) {
          expect(turn).toBeLessThan(500);
          const limit = limits[turn % limits.length] as number;
          const byteBudget = budgets[turn % budgets.length] as number;
          const more = {
            range: rest,
            reverse,
            countOnly,
            limit,
            byteBudget,
            tableId: table.tableId,
          };
          const chunk: TableScanChunk = await scan(harness, more);
          expect(chunk.count).toBeLessThanOrEqual(limit);
          expect(chunk.rows.length).toBe(countOnly ? 0 : chunk.count);
          seen.push(...keysOf(chunk));
          counted += chunk.count;
          rest = chunk.rest;
          const at = Buffer.from(laterSplits[turn] ?? "", "latin1");
          const tablet = at.length === 0 ? null : tablets.tabletOf(table, text(at));
          const isNew = tablet !== null && !(tablet.range.start?.equals(at) ?? false);
          if (isNew) tablets.split(tablet, at);
        }
        expect(counted).toBe(expected.length);
        if (!countOnly) expect(seen).toEqual(expected);
      },
    );
    await fc.assert(property, { numRuns: 150 });
  });

  test("fills a chunk from several tablets", async () => {
    const harness = new RoutingHarness();
    const table = harness.tablets.createTable("t", ["d", "g", "m"]);
    for (const each of ["a", "b", "e", "h", "z"]) harness.tablets.put(table, each);
    const first = await scan(harness, { limit: 3 });
    expect(keysOf(first)).toEqual(["a", "b", "e"]);
    const second = await scan(harness, { range: first.rest as RowRange, limit: 3 });
    expect(keysOf(second)).toEqual(["h", "z"]);
    expect(second.rest).toBeNull();
  });

  test("gives what it has when the next tablet has no leader; the next chunk tells", async () => {
    const harness = new RoutingHarness();
    const table = harness.tablets.createTable("t", ["m"]);
    for (const each of ["a", "z"]) harness.tablets.put(table, each);
    (table.tablets[1] as FakeTablet).leader = null;
    const chunk = await scan(harness, {});
    expect(keysOf(chunk)).toEqual(["a"]);
    expect(chunk.rest?.start?.toString()).toBe("m");
    expect(await codeOf(scan(harness, { range: chunk.rest as RowRange }))).toBe("NO_QUORUM");
  });

  test("gives what it has before the deadline when a later tablet hangs", async () => {
    const harness = new RoutingHarness();
    const table = harness.tablets.createTable("t", ["m"], 1);
    for (const each of ["a", "z"]) harness.tablets.put(table, each);
    await scan(harness, {});
    harness.tablets.states.set(server(2), "frozen");
    const startMs = harness.clock.monotonicMs();
    const limits = harness.limits(1_000);
    const chunk = await harness.settled(harness.rows.scan("t", SCAN, limits));
    expect(keysOf(chunk)).toEqual(["a"]);
    expect(harness.clock.monotonicMs() - startMs).toBeLessThan(900);
  });

  test("never goes on in another table of the same name", async () => {
    const harness = new RoutingHarness();
    const table = harness.tablets.createTable("t", ["m"]);
    for (const each of ["a", "z"]) harness.tablets.put(table, each);
    const first = await scan(harness, { limit: 1 });
    harness.tablets.drop(table);
    const next = { range: first.rest as RowRange, tableId: first.tableId };
    expect(await codeOf(scan(harness, next))).toBe("TABLE_NOT_FOUND");
    const other = harness.tablets.createTable("t", []);
    harness.tablets.put(other, "z");
    expect(await codeOf(scan(harness, next))).toBe("INVALID_PAGE_TOKEN");
    expect(keysOf(await scan(harness, {}))).toEqual(["z"]);
  });

  test("that meets the drop in mid chunk gives the rows of its own table alone", async () => {
    const harness = new RoutingHarness();
    const { tablets } = harness;
    const table = tablets.createTable("t", ["m"]);
    for (const each of ["a", "z"]) tablets.put(table, each);
    await scan(harness, {});
    tablets.fates.push(() => {
      harness.clock.after(0.05, () => {
        tablets.drop(table);
        tablets.put(tablets.createTable("t", []), "zz");
      });
      return null;
    });
    const chunk = await scan(harness, {});
    expect(keysOf(chunk)).toEqual(["a"]);
    const next = { range: chunk.rest as RowRange, tableId: chunk.tableId };
    expect(await codeOf(scan(harness, next))).toBe("INVALID_PAGE_TOKEN");
  });

  test("of an empty range still says which table it is", async () => {
    const harness = new RoutingHarness();
    const table = harness.tablets.createTable("t", []);
    const range = { start: Buffer.from("b"), end: Buffer.from("a") };
    const chunk = await scan(harness, { range });
    expect(chunk).toMatchObject({ tableId: table.tableId, count: 0, rest: null });
    const reverse = await scan(harness, {
      range: { start: null, end: Buffer.of(0) },
      reverse: true,
    });
    expect(reverse).toMatchObject({ count: 0, rest: null });
  });
});
