import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { logIndex, replicaId, tableId, tabletId } from "@stele/shared/ids.ts";
import { containsKey } from "@stele/shared/row-range.ts";
import type { MappedTablet, TabletFacts } from "./mapped-tablet.ts";
import { TabletMapCache } from "./tablet-map-cache.ts";
import { server } from "./testing/fake-tablet.ts";

const OPTIONS = { mapTablets: 1000, mapEntryMs: 1000 };
const TABLE = tableId(1);

function facts(
  id: number,
  start: number | null,
  end: number | null,
  more: Partial<TabletFacts> = {},
) {
  const bound = (value: number | null) => (value === null ? null : Buffer.of(value));
  return {
    tabletId: tabletId(id),
    range: { start: bound(start), end: bound(end) },
    generation: 1,
    configIndex: logIndex(1),
    replicas: [1, 2, 3].map((number) => ({
      replicaId: replicaId(id * 10 + number),
      serverId: server(number),
      role: "voter" as const,
    })),
    leader: null,
    ...more,
  };
}

/** Every state that the tablets of a table pass through when they split and move at random. */
const history = fc
  .array(fc.record({ at: fc.nat({ max: 254 }), kind: fc.constantFrom("split", "move") }), {
    maxLength: 40,
  })
  .map((steps) => {
    const all: TabletFacts[] = [facts(1, null, null)];
    const living: TabletFacts[] = [...all];
    for (const { at, kind } of steps) {
      const key = Buffer.of(at + 1);
      const place = living.findIndex(({ range }) => containsKey(range, key));
      const old = living[place] as TabletFacts;
      const { generation, range } = old;
      let next: TabletFacts[] = [{ ...old, configIndex: logIndex(old.configIndex + 1) }];
      if (kind === "split" && !(range.start?.equals(key) ?? false)) {
        next = [
          { ...old, range: { start: range.start, end: key }, generation: generation + 1 },
          {
            ...facts(living.length + 1, null, null),
            range: { start: key, end: range.end },
            generation: generation + 1,
          },
        ];
      }
      living.splice(place, 1, ...next);
      all.push(...next);
    }
    return { all, living };
  });

describe("the tablet map", () => {
  test("never goes back, has no overlaps and finds what it has, whatever order news come in", () => {
    const deliveries = fc.array(fc.nat(), { maxLength: 200 });
    const property = fc.property(history, deliveries, ({ all, living }, order) => {
      const cache = new TabletMapCache(OPTIONS);
      const seen = new Map<number, MappedTablet & { generation: number; configIndex: number }>();
      for (const each of order) {
        cache.learnTable("t", TABLE, [all[each % all.length] as TabletFacts], 0);
        const tablets = cache.tabletsOf("t");
        for (let key = 0; key < 256; key += 3) {
          const bytes = Buffer.of(key);
          const holding = tablets.filter(({ range }) => containsKey(range, bytes));
          expect(holding.length).toBeLessThanOrEqual(1);
          const found = cache.find("t", bytes);
          expect(found).toBe(holding[0] ?? null);
          if (found === null) continue;
          const before = seen.get(key);
          expect(found.generation).toBeGreaterThanOrEqual(before?.generation ?? 0);
          if (before?.generation === found.generation) {
            expect(found.tabletId).toBe(before.tabletId);
            expect(found.configIndex).toBeGreaterThanOrEqual(before.configIndex);
          }
          seen.set(key, { ...found });
        }
      }
      cache.learnTable("t", TABLE, living, 0);
      expect(cache.tabletsOf("t").map(({ tabletId: id }) => id)).toEqual(
        living.map(({ tabletId: id }) => id),
      );
    });
    fc.assert(property);
  });

  test("keeps the tablets that were used last, and forgets a table with its last tablet", () => {
    const cache = new TabletMapCache({ ...OPTIONS, mapTablets: 3 });
    cache.learnTable("a", TABLE, [facts(1, null, 10), facts(2, 10, null)], 0);
    cache.learnTable("b", tableId(2), [facts(3, null, null)], 0);
    cache.find("a", Buffer.of(1));
    cache.learnTable("c", tableId(3), [facts(4, null, null)], 0);
    expect(cache.find("a", Buffer.of(20))).toBeNull();
    cache.find("a", Buffer.of(1));
    cache.learnTable("d", tableId(4), [facts(5, null, null)], 0);
    expect(cache.size).toBe(3);
    expect(cache.tableIdOf("b")).toBeNull();
    expect(cache.find("a", Buffer.of(1))?.tabletId).toBe(1);
  });

  test("holds the table with the highest id under a name", () => {
    const cache = new TabletMapCache(OPTIONS);
    cache.learnTable("t", tableId(5), [facts(7, null, null)], 0);
    const old = cache.find("t", Buffer.of(1));
    cache.learnTable("t", tableId(4), [facts(6, null, null)], 0);
    expect(cache.tableIdOf("t")).toBe(5);
    cache.learnTable("t", tableId(6), [facts(8, null, null)], 0);
    expect(cache.find("t", Buffer.of(1))?.tabletId).toBe(8);
    expect(old?.state).toBe("replaced");
    cache.forgetTable("t", tableId(5));
    expect(cache.tableIdOf("t")).toBe(6);
    cache.forgetTable("t", tableId(6));
    expect(cache.size).toBe(0);
  });

  test("believes tablets about their leader, and a master only where nothing better is known", () => {
    const cache = new TabletMapCache(OPTIONS);
    cache.learnTable("t", TABLE, [facts(1, null, null, { leader: server(1) })], 0);
    const tablet = cache.find("t", Buffer.of(1)) as MappedTablet;
    cache.learnLeader(tablet, server(2));
    cache.learnTable("t", TABLE, [facts(1, null, null, { leader: server(1) })], 0);
    expect(tablet.leader).toBe(server(2));
    cache.doubt(tablet);
    cache.learnTable("t", TABLE, [facts(1, null, null, { leader: server(3) })], 0);
    expect(tablet).toMatchObject({ leader: server(3), state: "current" });
    const replicas = facts(1, null, null).replicas.slice(0, 2);
    const configIndex = logIndex(2);
    cache.learnTable("t", TABLE, [facts(1, null, null, { replicas, configIndex })], 0);
    expect(tablet.leader).toBeNull();
  });
});
