import { describe, expect, test } from "vitest";
import { DatabaseError } from "@stele/shared/errors.ts";
import { entryOf, server } from "./testing/fake-tablet.ts";
import type { FakeTablet } from "./testing/fake-tablet.ts";
import { EVERYTHING, RoutingHarness, writeOf } from "./testing/routing-harness.ts";

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(DatabaseError);
  return (error as DatabaseError).code;
}

describe("the tablet of a key", () => {
  test("is asked for once by all that miss it, and its neighbours come along", async () => {
    const harness = new RoutingHarness({ limits: { mapNeighbours: 2 } });
    harness.tablets.createTable("t", ["b", "c", "d", "e"]);
    const keys = Array.from({ length: 40 }, (_, at) => `a${at}`);
    const reads = keys.map((key) =>
      harness.rows.read("t", Buffer.from(key), EVERYTHING, harness.limits()),
    );
    await harness.settled(Promise.all(reads));
    expect(harness.tablets.lookUps).toHaveLength(1);
    await harness.read("t", "c");
    expect(harness.tablets.lookUps).toHaveLength(1);
    await harness.read("t", "d");
    expect(harness.tablets.lookUps).toHaveLength(2);
  });

  test("is used while an old entry is refreshed in the background", async () => {
    const harness = new RoutingHarness();
    const table = harness.tablets.createTable("t", []);
    await harness.read("t", "a");
    await harness.clock.runFor(61_000);
    const tablet = table.tablets[0] as FakeTablet;
    tablet.configIndex = 5;
    await harness.read("t", "a");
    await harness.clock.runFor(10);
    expect(harness.tablets.lookUps).toHaveLength(2);
    expect(harness.cache.tabletsOf("t")[0]?.configIndex).toBe(5);
  });

  test("stays known for reads, writes and new leaders when no master answers", async () => {
    const harness = new RoutingHarness();
    const table = harness.tablets.createTable("t", []);
    await harness.read("t", "a");
    harness.tablets.masters = "away";
    await harness.clock.runFor(3_600_000);
    const startMs = harness.clock.monotonicMs();
    await harness.read("t", "a");
    await harness.write("t", "a");
    (table.tablets[0] as FakeTablet).leader = server(2);
    expect((await harness.write("t", "b")).servedBy.server).toBe("ts2");
    expect(harness.clock.monotonicMs() - startMs).toBeLessThan(20);
  });

  test("is found through followers when the masters have no leader", async () => {
    const harness = new RoutingHarness();
    harness.tablets.createTable("t", []);
    harness.tablets.masters = "following";
    await harness.read("t", "a");
  });

  test("that nobody knows is 503 when only the catalog's leader could say that there is no such table", async () => {
    const harness = new RoutingHarness();
    harness.tablets.masters = "following";
    expect(await codeOf(harness.read("t", "a"))).toBe("UNAVAILABLE");
    harness.tablets.masters = "away";
    expect(await codeOf(harness.read("t", "a"))).toBe("UNAVAILABLE");
    harness.tablets.masters = "leading";
    expect(await codeOf(harness.read("t", "a"))).toBe("TABLE_NOT_FOUND");
  });

  test("of a dropped table is not taken from a master that lags behind", async () => {
    const harness = new RoutingHarness();
    const { tablets } = harness;
    const table = tablets.createTable("t", []);
    await harness.read("t", "a");
    const schema = { tableId: table.tableId, schemaVersion: 1, families: [] };
    tablets.staleReply = { kind: "found", schema, entries: table.tablets.map(entryOf) };
    tablets.drop(table);
    expect(await codeOf(harness.read("t", "a"))).toBe("TABLE_NOT_FOUND");
    const next = tablets.createTable("t", []);
    await harness.read("t", "a");
    expect(harness.cache.tableIdOf("t")).toBe(next.tableId);
  });

  test("of a table whose drop is under way is not found", async () => {
    const harness = new RoutingHarness();
    const table = harness.tablets.createTable("t", []);
    await harness.read("t", "a");
    table.dropped = true;
    expect(await codeOf(harness.read("t", "a"))).toBe("TABLE_NOT_FOUND");
  });

  test("is waited for until the deadline, not longer", async () => {
    const harness = new RoutingHarness();
    harness.tablets.latencyMs = () => 3_000;
    const startMs = harness.clock.monotonicMs();
    expect(await codeOf(harness.read("t", "a", 500))).toBe("DEADLINE");
    expect(harness.clock.monotonicMs() - startMs).toBe(500);
    harness.tablets.silence = "No master answers (m1: refused).";
    expect(await codeOf(harness.read("t", "a", 500))).toBe("UNAVAILABLE");
  });
});

describe("two front-ends", () => {
  /** Of one cluster, with a table that none of them knows yet. */
  function two(splitKeys: readonly string[] = []) {
    const one = new RoutingHarness({ servers: 6 });
    const other = new RoutingHarness({ seed: 2, beside: one });
    const { tablets } = one;
    return { one, other, tablets, table: tablets.createTable("t", splitKeys) };
  }

  /** How long it takes, milliseconds. */
  async function passed(harness: RoutingHarness, promise: () => Promise<unknown>): Promise<number> {
    const startMs = harness.clock.monotonicMs();
    await promise();
    return harness.clock.monotonicMs() - startMs;
  }

  test("see a table that the other dropped and made again, though its old tablets still answer", async () => {
    const { one, other, tablets, table } = two(["m"]);
    await one.write("t", "a");
    await other.write("t", "a");
    await other.write("t", "z");
    tablets.drop(table);
    const next = tablets.createTable("t", ["c", "q"]);
    await one.write("t", "b");
    expect(await passed(other, () => other.write("t", "a"))).toBeLessThan(20);
    expect(await passed(other, () => other.write("t", "z"))).toBeLessThan(20);
    expect([...next.rows.keys()]).toEqual(["b", "a", "z"]);
    expect([...table.rows.keys()]).toEqual(["a", "z"]);
  });

  test("see it when no server has the old tablets any more", async () => {
    const { one, other, tablets, table } = two(["m"]);
    await other.write("t", "a");
    await other.write("t", "z");
    tablets.drop(table);
    for (const tablet of table.tablets) tablet.servers = [];
    const next = tablets.createTable("t", []);
    await one.write("t", "b");
    expect(await passed(other, () => other.write("t", "a"))).toBeLessThan(100);
    expect((await other.read("t", "z")).row).toBeNull();
    expect([...next.rows.keys()]).toEqual(["b", "a"]);
  });

  test("know that a table is gone on the next call, whichever way its servers say so", async () => {
    const { one, other, tablets, table } = two();
    await other.write("t", "a");
    tablets.drop(table);
    for (const tablet of table.tablets) tablet.servers = [];
    expect(await codeOf(one.read("t", "a"))).toBe("TABLE_NOT_FOUND");
    expect(await passed(other, async () => codeOf(other.read("t", "a")))).toBeLessThan(100);
    expect(await codeOf(other.write("t", "a"))).toBe("TABLE_NOT_FOUND");
  });

  test("one of which started while tablets moved and split converge as soon as a master knows", async () => {
    const { one, other, tablets, table } = two(["m"]);
    await one.write("t", "a");
    const [left] = table.tablets as [FakeTablet];
    const schema = { tableId: table.tableId, schemaVersion: 1, families: [] };
    tablets.staleReply = { kind: "found", schema, entries: table.tablets.map(entryOf) };
    left.servers = [server(4), server(5), server(6)];
    left.leader = server(5);
    left.configIndex = 9;
    const right = tablets.split(left, Buffer.from("f"));
    right.servers = [server(1), server(2), server(6)];
    right.leader = server(6);
    const writing = [one, other].flatMap((each) =>
      ["b", "g", "z"].map((key) => each.rows.write("t", writeOf(key), each.limits())),
    );
    other.clock.after(700, () => (tablets.staleReply = null));
    const results = await other.settled(Promise.all(writing));
    expect(results.map(({ servedBy }) => servedBy.server)).toEqual([
      "ts5",
      "ts6",
      "ts2",
      "ts5",
      "ts6",
      "ts2",
    ]);
    for (const each of [one, other]) {
      expect(await passed(each, () => each.write("t", "g"))).toBeLessThan(5);
      expect(each.cache.tabletsOf("t")).toHaveLength(3);
    }
  });
});
