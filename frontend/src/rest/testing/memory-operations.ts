/**
 * The operations below the REST edge, kept in memory: for tests that speak HTTP to a real server.
 *
 * Scans come in chunks that end at tablet bounds, as they do in a cluster, and a test may let calls
 * fail or wait through `before`.
 */
import { DatabaseError } from "@stele/shared/errors.ts";
import type { DatabaseErrorBody, ErrorCode } from "@stele/shared/errors.ts";
import type { RowWrite, WriteOutcome } from "@stele/shared/row-operations.ts";
import { compareRowKeys, keyAfter, rowKeyText } from "@stele/shared/row-key.ts";
import { intersectRanges, isEmptyRange } from "@stele/shared/row-range.ts";
import type { RowRange } from "@stele/shared/row-range.ts";
import type { Row } from "@stele/shared/row.ts";
import type {
  CreateTable,
  TableView,
  TabletView,
  VerifyView,
} from "@stele/shared/wire/admin-views.ts";
import type {
  CallLimits,
  ClusterOperations,
  PageOf,
  RowOperations,
  ServedBy,
  TableOperations,
  TableScan,
  TableScanChunk,
} from "../../operations.ts";
import { MemoryTable } from "./memory-table.ts";

interface NamedTable {
  readonly view: TableView;
  readonly data: MemoryTable;
}

export class MemoryOperations {
  /** Runs before every call on rows: may throw, or wait. */
  before: (call: keyof RowOperations, limits: CallLimits) => Promise<void> = () =>
    Promise.resolve();
  /** Rows that cannot be read or written among many, with what they fail with. */
  readonly failingKeys = new Map<string, DatabaseErrorBody>();
  /** `readMany` answers so many keys at most, as if their rows were large. */
  rowsOfOneRead = Number.POSITIVE_INFINITY;
  /** Every `writeMany` in order, as the keys that it carried. */
  readonly sentWrites: string[][] = [];
  readonly #tables = new Map<string, NamedTable>();
  readonly #wallMicros: () => number;
  #nextId = 1;

  constructor(wallMicros: () => number) {
    this.#wallMicros = wallMicros;
  }

  readonly rows: RowOperations = {
    read: async (table, key, projection, limits) => {
      await this.before("read", limits);
      const { data } = this.#table(table);
      return { row: data.read(key, projection), servedBy: this.#servedBy(data) };
    },
    readMany: async (table, keys, projection, limits) => {
      await this.before("readMany", limits);
      const { data } = this.#table(table);
      const results = keys.slice(0, this.rowsOfOneRead).map((key) => {
        const error = this.failingKeys.get(rowKeyText(key));
        if (error !== undefined) return { kind: "failed" as const, error };
        return { kind: "read" as const, row: data.read(key, projection) };
      });
      return { results, staleness: 0, session: data.session };
    },
    write: async (table, write, limits) => {
      await this.before("write", limits);
      const { data } = this.#table(table);
      const result = data.write(write);
      return { result, servedBy: this.#servedBy(data) };
    },
    writeMany: async (table, writes, limits) => {
      const { data } = this.#table(table);
      this.sentWrites.push(writes.map(({ key }) => key.toString("latin1")));
      await this.before("writeMany", limits);
      const outcomes = writes.map((write) => this.#outcomeOf(data, write));
      return { outcomes, session: data.session };
    },
    scan: async (table, scan, limits) => {
      await this.before("scan", limits);
      return this.#scan(this.#table(table).data, scan);
    },
  };

  readonly tables: TableOperations = {
    create: async (table) => this.#create(table),
    list: async () =>
      [...this.#tables.values()].map(({ view }) => view).sort((a, b) => (a.name < b.name ? -1 : 1)),
    describe: async (table) => this.#table(table).view,
    drop: async (table) => {
      const { view } = this.#table(table);
      if (view.deletionProtection) throw failure("DELETION_PROTECTED", "the table is protected");
      this.#tables.delete(table);
    },
    tablets: async (table, { from, limit }) => {
      const { data } = this.#table(table);
      const all = this.#tabletsOf(table);
      const first = all.findIndex(
        ({ end }) => from === null || end === null || compareRowKeys(from, end) < 0,
      );
      const tablets = all.slice(first, first + limit);
      return { tablets, nextStart: tablets.at(-1)?.end ?? null, tableId: data.id };
    },
  };

  readonly cluster: ClusterOperations = {
    status: async () => ({ status: "green", reasons: [] }),
    servers: async () => [],
    masters: async () => [],
    allTablets: async ({ after, limit }) => this.#allTablets(after, limit),
    tablet: async (id) => this.#tablet(id),
    verify: async (id): Promise<VerifyView> => {
      this.#tablet(id);
      return { index: 7, equal: true, replicas: [{ server: "ts1", rows: 0, hash: "0" }] };
    },
  };

  #create(table: CreateTable): TableView {
    if (this.#tables.has(table.name)) throw failure("TABLE_EXISTS", "the table exists");
    if ((table.replicas ?? 1) > 1) throw failure("NOT_ENOUGH_SERVERS", "one server is alive");
    const families = Object.entries(table.families);
    const id = this.#nextId++;
    const data = new MemoryTable({
      id,
      splitKeys: table.splitKeys,
      families: new Map(families.map(([name, { maxVersions }]) => [name, maxVersions])),
      wallMicros: this.#wallMicros,
    });
    const view: TableView = {
      name: table.name,
      id: String(id),
      families: Object.fromEntries(
        families.map(([name, { maxVersions }]) => [name, { maxVersions, maxAgeSeconds: null }]),
      ),
      partitioning: "range",
      replicas: 1,
      tablets: table.splitKeys.length + 1,
      deletionProtection: table.deletionProtection,
      createdAt: "2026-11-21T00:00:00.000Z",
    };
    this.#tables.set(table.name, { view, data });
    return view;
  }

  #table(name: string): NamedTable {
    const table = this.#tables.get(name);
    if (table === undefined) throw failure("TABLE_NOT_FOUND", `there is no table ${name}`);
    return table;
  }

  #servedBy(data: MemoryTable): ServedBy {
    const { session } = data;
    return { server: "ts1", role: "leader", tablet: 1, generation: 1, staleness: 0, session };
  }

  #tabletsOf(name: string): TabletView[] {
    const { data } = this.#table(name);
    const bounds = [null, ...data.splitKeys, null];
    return bounds.slice(1).map((end, index) => ({
      id: String(data.id * 100 + index),
      table: name,
      start: bounds[index] ?? null,
      end,
      generation: 1,
      leader: "ts1",
      replicas: [{ server: "ts1", role: "leader", lag: 0 }],
      sizeBytes: 0,
      rows: 0,
    }));
  }

  #allTablets(after: string | null, limit: number): PageOf<TabletView> {
    const all = [...this.#tables.keys()]
      .flatMap((name) => this.#tabletsOf(name))
      .filter(({ id }) => after === null || Number(id) > Number(after))
      .sort((a, b) => Number(a.id) - Number(b.id));
    const items = all.slice(0, limit);
    return { items, next: all.length > limit ? (items.at(-1)?.id ?? null) : null };
  }

  #tablet(id: string): TabletView {
    const found = this.#allTablets(null, Infinity).items.find((tablet) => tablet.id === id);
    if (found === undefined) throw failure("TABLET_NOT_FOUND", `there is no tablet ${id}`);
    return found;
  }

  #outcomeOf(data: MemoryTable, write: RowWrite): WriteOutcome {
    const fault = this.failingKeys.get(rowKeyText(write.key));
    if (fault !== undefined) return { kind: "failed", error: fault };
    try {
      return { kind: "done", result: data.write(write) };
    } catch (error) {
      if (error instanceof DatabaseError) return { kind: "failed", error: error.body };
      throw error;
    }
  }

  /** One chunk: of one tablet, and no more than the limits allow. */
  #scan(data: MemoryTable, scan: TableScan): TableScanChunk {
    if (scan.tableId !== null && scan.tableId !== data.id) {
      throw failure("INVALID_PAGE_TOKEN", "the table was dropped");
    }
    const within = tabletPart(data.splitKeys, scan);
    const matching = data.scan(within, scan.projection);
    if (scan.reverse) matching.reverse();
    const taken: Row[] = [];
    let bytes = 0;
    for (const row of matching) {
      if (taken.length >= scan.limit || bytes > scan.byteBudget) break;
      taken.push(row);
      for (const cell of row.cells) bytes += cell.value.length;
    }
    const last = taken.length < matching.length ? taken.at(-1) : undefined;
    return {
      tableId: data.id,
      rows: scan.countOnly ? [] : taken,
      count: taken.length,
      rest: restOf(scan, last === undefined ? within : upTo(within, last.key, scan.reverse)),
      staleness: 0,
      session: data.session,
    };
  }
}

/** The part of the scan's range in the tablet where it begins. */
function tabletPart(splitKeys: readonly Buffer[], { range, reverse }: TableScan): RowRange {
  const bounds = [null, ...splitKeys, null];
  const tablets = bounds.slice(1).map((end, index) => ({ start: bounds[index] ?? null, end }));
  if (reverse) tablets.reverse();
  const parts = tablets.map((tablet) => intersectRanges(tablet, range));
  return parts.find((part) => !isEmptyRange(part)) ?? range;
}

function upTo(range: RowRange, key: Buffer, reverse: boolean): RowRange {
  return reverse ? { start: key, end: range.end } : { start: range.start, end: keyAfter(key) };
}

function restOf({ range, reverse }: TableScan, done: RowRange): RowRange | null {
  const rest = reverse
    ? { start: range.start, end: done.start }
    : { start: done.end, end: range.end };
  const isExhausted = reverse
    ? done.start === null || sameBound(done.start, range.start)
    : done.end === null || sameBound(done.end, range.end);
  return isExhausted || isEmptyRange(rest) ? null : rest;
}

function sameBound(a: Buffer, b: Buffer | null): boolean {
  return b !== null && compareRowKeys(a, b) === 0;
}

function failure(code: ErrorCode, detail: string): DatabaseError {
  return new DatabaseError({ code, detail });
}
