/**
 * Verifies the invariants of a whole catalog. O(n): for tests and the simulator.
 */
import { assert } from "@stele/shared/assert.ts";
import { compareRowKeys } from "@stele/shared/row-key.ts";
import type { CatalogReader } from "../catalog/catalog.ts";
import { membersOf, type TableRow, type TabletRow } from "../catalog/rows.ts";

export function checkCatalog(catalog: CatalogReader): void {
  checkCounters(catalog);
  for (const table of catalog.tables()) checkTable(catalog, table);
  checkReplicaIndex(catalog);
}

function checkCounters(catalog: CatalogReader): void {
  const { counters } = catalog;
  const below = (id: number, next: number, what: string): void =>
    assert(id >= 1 && id < next, () => `C1: ${what} ${id} was not allocated, next is ${next}`);
  for (const { tableId } of catalog.tables()) below(tableId, counters.table, "table");
  for (const tablet of catalog.tablets()) {
    below(tablet.tabletId, counters.tablet, "tablet");
    for (const { replicaId } of membersOf(tablet.config)) {
      below(replicaId, counters.replica, "replica");
    }
  }
  for (const { replicaId } of catalog.removed.all()) below(replicaId, counters.replica, "replica");
  for (const { operationId } of catalog.operations.all()) {
    below(operationId, counters.operation, "operation");
  }
}

function checkTable(catalog: CatalogReader, table: TableRow): void {
  const name = `table ${table.tableId}`;
  const order = catalog.tabletsInOrder(table.tableId);
  const tablets = order.slice(0, order.size).map((id) => catalog.tablet(id) as TabletRow);
  assert(tablets.length === table.tablets, `${name} counts its tablets`);
  const holder = catalog.tableNamed(table.name);
  assert(
    (holder?.tableId === table.tableId) === (table.state !== "dropped"),
    `${name} has its name until it is dropped`,
  );
  const awaited = tablets.filter((tablet) =>
    table.state === "creating" ? tablet.state === "creating" : tablet.state !== "dropped",
  );
  const pending = table.state === "ready" ? 0 : awaited.length;
  assert(table.pending === pending, `${name} waits for ${pending}, not ${table.pending}`);
  if (table.state !== "dropped") checkTiling(name, tablets);
}

function checkTiling(name: string, tablets: readonly TabletRow[]): void {
  assert(tablets[0]?.range.start === null, `C2: ${name} begins at the first key`);
  assert(tablets.at(-1)?.range.end === null, `C2: ${name} ends at the last key`);
  for (const [at, tablet] of tablets.entries()) {
    const next = tablets[at + 1];
    if (next === undefined) continue;
    const { end } = tablet.range;
    const start = next.range.start;
    assert(
      end !== null && start !== null && compareRowKeys(end, start) === 0,
      () => `C2: ${name} has a seam between tablets ${tablet.tabletId} and ${next.tabletId}`,
    );
  }
}

function checkReplicaIndex(catalog: CatalogReader): void {
  const expected = new Map<string, number>();
  for (const tablet of catalog.tablets()) {
    const newcomer = catalog.replacementOf(tablet.tabletId)?.newcomer;
    const members = [...membersOf(tablet.config), ...(newcomer === undefined ? [] : [newcomer])];
    for (const { serverId, replicaId } of members) {
      expected.set(`${serverId} ${replicaId}`, tablet.tabletId);
    }
  }
  let indexed = 0;
  for (const { serverId } of catalog.servers()) {
    for (const [replica, tablet] of catalog.replicas.on(serverId)) {
      indexed++;
      assert(
        expected.get(`${serverId} ${replica}`) === tablet,
        () => `replica ${replica} of tablet ${tablet} is indexed on ${serverId} by mistake`,
      );
    }
  }
  assert(indexed === expected.size, () => `${expected.size} replicas, ${indexed} indexed`);
}
