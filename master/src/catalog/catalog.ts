/**
 * The catalog in memory: every row, and the indexes that make each look-up and each command cheap however
 * many tablets there are. Only reducers change it, through `put` and `remove`; what changed is gathered
 * until `takeChanges`, for the store and for the planner.
 *
 * The invariants of the rows are in rows.ts; `check-catalog.ts` verifies them in tests.
 */
import { assert, must, unreachable } from "@stele/shared/assert.ts";
import type { ReplicaId, ServerId, TableId, TabletId } from "@stele/shared/ids.ts";
import type { RowKind } from "./catalog-keys.ts";
import { OperationIndex } from "./operation-index.ts";
import { RemovedIndex } from "./removed-index.ts";
import { ReplicaIndex } from "./replica-index.ts";
import type { CatalogRow } from "./row-codec.ts";
import type {
  Counters,
  OperationId,
  ReplacementRow,
  ServerRow,
  TableRow,
  TabletRow,
} from "./rows.ts";
import { TabletOrder } from "./tablet-order.ts";

/** What changed since the last time, by kind and id; null: the row is gone. */
export interface CatalogChange {
  readonly kind: RowKind;
  readonly id: number | string;
  readonly row: CatalogRow | null;
  /** The tablet that the row is, or is about. */
  readonly tablet: TabletId | null;
}

/** The reading half, for planning and for answers. */
export type CatalogReader = Omit<
  Catalog,
  | "put"
  | "removeTable"
  | "removeTablet"
  | "removeOperation"
  | "removeRemoved"
  | "takeChanges"
  | "allocate"
  | "restoreCounters"
>;

const FIRST_COUNTERS: Counters = { table: 1, tablet: 1, replica: 1, operation: 1 };

export class Catalog {
  readonly #tables = new Map<TableId, TableRow>();
  /** Tables whose name is taken, by name. */
  readonly #tableNames = new Map<string, TableId>();
  readonly #tablets = new Map<TabletId, TabletRow>();
  readonly #orders = new Map<TableId, TabletOrder>();
  readonly #servers = new Map<ServerId, ServerRow>();
  /** Of the servers that are not replaced. */
  readonly #serverNames = new Map<string, ServerId>();
  readonly #changes = new Map<string, CatalogChange>();
  #counters = FIRST_COUNTERS;
  readonly operations = new OperationIndex();
  readonly replicas = new ReplicaIndex();
  readonly removed = new RemovedIndex();

  get counters(): Counters {
    return this.#counters;
  }

  table(id: TableId): TableRow | undefined {
    return this.#tables.get(id);
  }

  tables(): Iterable<TableRow> {
    return this.#tables.values();
  }

  /** The table that has the name now, in whatever state; a dropped one has it no more. */
  tableNamed(name: string): TableRow | undefined {
    const id = this.#tableNames.get(name);
    return id === undefined ? undefined : this.#tables.get(id);
  }

  tablet(id: TabletId): TabletRow | undefined {
    return this.#tablets.get(id);
  }

  get tabletCount(): number {
    return this.#tablets.size;
  }

  /** By ascending id. */
  tablets(): Iterable<TabletRow> {
    return this.#tablets.values();
  }

  tabletsInOrder(table: TableId): TabletOrder {
    return must(this.#orders.get(table), `table ${table} has no tablets`);
  }

  server(id: ServerId): ServerRow | undefined {
    return this.#servers.get(id);
  }

  servers(): Iterable<ServerRow> {
    return this.#servers.values();
  }

  /** The server that has the name now. */
  serverNamed(name: string): ServerRow | undefined {
    const id = this.#serverNames.get(name);
    return id === undefined ? undefined : this.#servers.get(id);
  }

  replacementOf(tablet: TabletId): ReplacementRow | undefined {
    return this.operations.replacementOf(tablet);
  }

  /** The next id of a kind (C1). */
  allocate(kind: keyof Counters): number {
    const next = this.#counters[kind];
    this.#counters = { ...this.#counters, [kind]: next + 1 };
    return next;
  }

  restoreCounters(counters: Counters): void {
    this.#counters = counters;
  }

  put(entry: CatalogRow): void {
    switch (entry.kind) {
      case "table":
        this.#putTable(entry.row);
        return this.#changed(entry.kind, entry.row.tableId, entry);
      case "tablet":
        this.#putTablet(entry.row);
        return this.#changed(entry.kind, entry.row.tabletId, entry, entry.row.tabletId);
      case "server":
        this.#putServer(entry.row);
        return this.#changed(entry.kind, entry.row.serverId, entry);
      case "operation":
        return this.#changeOperation(entry.row.operationId, entry);
      case "removed":
        this.removed.add(entry.row);
        return this.#changed(entry.kind, entry.row.replicaId, entry, entry.row.tabletId);
      default:
        return unreachable(entry);
    }
  }

  removeTable(id: TableId): void {
    const row = must(this.#tables.get(id), `no table ${id}`);
    assert((this.#orders.get(id)?.size ?? 0) === 0, () => `table ${id} still has tablets`);
    this.#tables.delete(id);
    this.#orders.delete(id);
    if (this.#tableNames.get(row.name) === id) this.#tableNames.delete(row.name);
    this.#changed("table", id, null);
  }

  removeTablet(id: TabletId): void {
    const row = must(this.#tablets.get(id), `no tablet ${id}`);
    assert(this.replacementOf(id) === undefined, () => `tablet ${id} has a running replacement`);
    this.#tablets.delete(id);
    this.tabletsInOrder(row.tableId).remove(row.range.start);
    this.replicas.tabletChanged(row, undefined, undefined);
    this.#changed("tablet", id, null, id);
  }

  removeOperation(id: OperationId): void {
    this.#changeOperation(id, null);
  }

  removeRemoved(id: ReplicaId): void {
    const { tabletId } = must(this.removed.get(id), `replica ${id} is not on the removed list`);
    this.removed.delete(id);
    this.#changed("removed", id, null, tabletId);
  }

  /** Every row that changed since the last call, once, as it is now. */
  takeChanges(): readonly CatalogChange[] {
    const changes = [...this.#changes.values()];
    this.#changes.clear();
    return changes;
  }

  #changed(
    kind: RowKind,
    id: number | string,
    row: CatalogRow | null,
    tablet: TabletId | null = null,
  ): void {
    this.#changes.set(`${kind} ${id}`, { kind, id, row, tablet });
  }

  #putTable(row: TableRow): void {
    this.#tables.set(row.tableId, row);
    if (row.state === "dropped") {
      if (this.#tableNames.get(row.name) === row.tableId) this.#tableNames.delete(row.name);
      return;
    }
    const holder = this.#tableNames.get(row.name);
    assert(holder === undefined || holder === row.tableId, () => `two tables named ${row.name}`);
    this.#tableNames.set(row.name, row.tableId);
  }

  #putTablet(row: TabletRow): void {
    const before = this.#tablets.get(row.tabletId);
    this.#tablets.set(row.tabletId, row);
    if (before === undefined) {
      let order = this.#orders.get(row.tableId);
      if (order === undefined) this.#orders.set(row.tableId, (order = new TabletOrder()));
      order.add(row.range.start, row.tabletId);
    }
    this.replicas.tabletChanged(before, row, this.replacementOf(row.tabletId));
  }

  #putServer(row: ServerRow): void {
    const before = this.#servers.get(row.serverId);
    if (before !== undefined && this.#serverNames.get(before.name) === row.serverId) {
      this.#serverNames.delete(before.name);
    }
    this.#servers.set(row.serverId, row);
    if (row.state === "replaced") return;
    assert(!this.#serverNames.has(row.name), () => `two servers named ${row.name}`);
    this.#serverNames.set(row.name, row.serverId);
  }

  #changeOperation(
    id: OperationId,
    entry: Extract<CatalogRow, { kind: "operation" }> | null,
  ): void {
    const before = this.operations.change(id, entry?.row);
    const old = before?.kind === "replace-replica" ? before : undefined;
    const now = entry?.row.kind === "replace-replica" ? entry.row : undefined;
    const tablet = (old ?? now)?.tabletId ?? null;
    if (tablet !== null) this.replicas.replacementChanged(this.#tablets.get(tablet), old, now);
    this.#changed("operation", id, entry, tablet);
  }
}
