import { Catalog } from "@stele/master/catalog/catalog.ts";
import type { TabletRow } from "@stele/master/catalog/rows.ts";
import { logIndex, replicaId, serverId, tableId, tabletId } from "@stele/shared/ids.ts";
import { beforeEach, expect, test } from "vitest";
import { CatalogTiling } from "./catalog-tiling.ts";

const SERVER = serverId("6f1c1a52-6f0e-4d51-9d0c-0a3b51c2e001");
const OTHER = serverId("6f1c1a52-6f0e-4d51-9d0c-0a3b51c2e002");
const TABLE = tableId(1);

function tablet(id: number, start: string | null, end: string | null, server = SERVER): TabletRow {
  const key = (text: string | null): Buffer | null => (text === null ? null : Buffer.from(text));
  const voters = [{ replicaId: replicaId(id), serverId: server }];
  return {
    tabletId: tabletId(id),
    tableId: TABLE,
    range: { start: key(start), end: key(end) },
    generation: 1,
    config: { voters, outgoing: [], learners: [] },
    configIndex: logIndex(1),
    first: null,
    state: "ready",
  };
}

function catalogOf(...tablets: readonly TabletRow[]): Catalog {
  const catalog = new Catalog();
  for (const id of [SERVER, OTHER]) {
    const row = { serverId: id, name: id, url: id, announcedAtMicros: 0, state: "live" } as const;
    catalog.put({ kind: "server", row });
  }
  for (const row of tablets) catalog.put({ kind: "tablet", row });
  catalog.put({
    kind: "table",
    row: {
      tableId: TABLE,
      name: "t",
      families: [],
      schemaVersion: 1,
      replicas: 1,
      deletionProtection: false,
      createdAtMicros: 0,
      state: "ready",
      tablets: tablets.length,
      pending: 0,
    },
  });
  catalog.restoreCounters({ table: 2, tablet: 9, replica: 9, operation: 1 });
  return catalog;
}

let found: string[];
let tiling: CatalogTiling;

beforeEach(() => {
  found = [];
  tiling = new CatalogTiling((detail) => found.push(detail));
});

test("a table whose tablets tile the key space is in order", () => {
  tiling.check(catalogOf(tablet(1, null, "m"), tablet(2, "m", null)));
  tiling.check(catalogOf(tablet(1, null, "m"), tablet(2, "m", null)));
  expect(found).toEqual([]);
});

test.each([
  ["a gap", [tablet(1, null, "m"), tablet(2, "n", null)]],
  ["an overlap", [tablet(1, null, "m"), tablet(2, "l", null)]],
  ["no beginning", [tablet(1, "a", "m"), tablet(2, "m", null)]],
  ["no end", [tablet(1, null, "m"), tablet(2, "m", "z")]],
])("%s in a table is found", (_, tablets) => {
  tiling.check(catalogOf(...tablets));
  expect(found).toHaveLength(1);
  expect(found[0]).toContain("C2");
});

test("a replica id is never given twice, not even after its first owner is gone", () => {
  tiling.check(catalogOf(tablet(1, null, null)));
  tiling.check(catalogOf(tablet(1, null, null, OTHER)));
  expect(found).toHaveLength(1);
  expect(found[0]).toContain("replica id 1 is given to");
});
