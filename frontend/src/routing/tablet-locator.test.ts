import { describe, expect, test } from "vitest";
import { DatabaseError } from "@stele/shared/errors.ts";
import { entryOf, server } from "./testing/fake-tablets.ts";
import type { FakeTablet } from "./testing/fake-tablets.ts";
import { EVERYTHING, RoutingHarness } from "./testing/routing-harness.ts";

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
