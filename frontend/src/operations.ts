/**
 * The typed operations between the REST edge and the routing below it. The edge parses a request into
 * one of these and renders the answer; routing knows no HTTP. Tests and the simulator enter here.
 *
 * Every call takes a deadline and settles by it: with a result, or with a `DatabaseError` (504 DEADLINE
 * when the time ran out). A failed write's error says `applied: "no" | "unknown"`.
 */
import type { DatabaseErrorBody } from "@stele/shared/errors.ts";
import type { TableId, Version } from "@stele/shared/ids.ts";
import type { Row } from "@stele/shared/row.ts";
import type {
  Projection,
  ReadResult,
  RowWrite,
  WriteOutcome,
  WriteResult,
} from "@stele/shared/row-operations.ts";
import type { RowRange } from "@stele/shared/row-range.ts";
import type {
  CreateTable,
  MasterView,
  ServerView,
  StatusView,
  TableView,
  TabletView,
  VerifyView,
} from "@stele/shared/wire/admin-views.ts";

export interface CallLimits {
  /** On the process's monotonic clock, milliseconds. */
  readonly deadlineMs: number;
  /** Fires when the client went away: work may stop. */
  readonly signal: AbortSignal;
}

/** Who served a call: the source of `Stele-Served-By`, `Stele-Staleness` and `Stele-Session`. */
export interface ServedBy {
  /** The tablet server's name. */
  readonly server: string;
  readonly role: "leader" | "follower";
  readonly tablet: number;
  readonly generation: number;
  /** Seconds; 0 for strong reads and writes. */
  readonly staleness: number;
  /** The tablet's highest applied version. */
  readonly session: Version;
}

export interface TableScan {
  /** Intersected already; rows outside are never given. */
  readonly range: RowRange;
  readonly reverse: boolean;
  /** Rows wanted at most in this chunk, after projection. */
  readonly limit: number;
  /** The chunk ends after the row that passes so many bytes. */
  readonly byteBudget: number;
  readonly projection: Projection;
  readonly countOnly: boolean;
  /** A continued scan names the table it began on: another one now under the name is INVALID_PAGE_TOKEN. */
  readonly tableId: TableId | null;
}

export interface TableScanChunk {
  readonly tableId: TableId;
  readonly rows: readonly Row[];
  /** Rows counted when `countOnly`, else rows.length. */
  readonly count: number;
  /**
   * What is left of the range, to be passed as the next chunk's range; null: exhausted. A chunk may hold
   * fewer rows than asked, even none, and still leave something.
   */
  readonly rest: RowRange | null;
  readonly staleness: number;
  readonly session: Version;
}

export interface RowOperations {
  read(
    table: string,
    key: Buffer,
    projection: Projection,
    limits: CallLimits,
  ): Promise<{ readonly row: ReadResult; readonly servedBy: ServedBy }>;

  /**
   * One result a key, in order; keys may repeat. Unreadable ones carry their error. Fewer results than
   * keys, but one at least, when the rows are large: the caller asks again for the others.
   */
  readMany(
    table: string,
    keys: readonly Buffer[],
    projection: Projection,
    limits: CallLimits,
  ): Promise<{
    readonly results: readonly (
      | { readonly kind: "read"; readonly row: ReadResult }
      | { readonly kind: "failed"; readonly error: DatabaseErrorBody }
    )[];
    readonly staleness: number;
    readonly session: Version;
  }>;

  write(
    table: string,
    write: RowWrite,
    limits: CallLimits,
  ): Promise<{ readonly result: WriteResult; readonly servedBy: ServedBy }>;

  /**
   * One outcome a write, in order. Writes of one row apply in the order given, rows in any order. Rejects
   * only when nothing was done (no such table).
   */
  writeMany(
    table: string,
    writes: readonly RowWrite[],
    limits: CallLimits,
  ): Promise<{ readonly outcomes: readonly WriteOutcome[]; readonly session: Version }>;

  scan(table: string, scan: TableScan, limits: CallLimits): Promise<TableScanChunk>;
}

/** A page of a list; `next` continues it, null is the end. */
export interface PageOf<T> {
  readonly items: readonly T[];
  readonly next: string | null;
}

export interface TableOperations {
  create(table: CreateTable, limits: CallLimits): Promise<TableView>;
  list(limits: CallLimits): Promise<readonly TableView[]>;
  describe(table: string, limits: CallLimits): Promise<TableView>;
  drop(table: string, idempotencyKey: string | null, limits: CallLimits): Promise<void>;
  /** In key order, beginning with the tablet that holds `from` (null: the first). `next` is a position. */
  tablets(
    table: string,
    page: { readonly from: Buffer | null; readonly limit: number },
    limits: CallLimits,
  ): Promise<{
    readonly tablets: readonly TabletView[];
    readonly nextStart: Buffer | null;
    readonly tableId: TableId;
  }>;
}

export interface ClusterOperations {
  status(limits: CallLimits): Promise<StatusView>;
  servers(limits: CallLimits): Promise<readonly ServerView[]>;
  masters(limits: CallLimits): Promise<readonly MasterView[]>;
  /** All tablets of the cluster by id; `after` is the last id of the page before, null: from the first. */
  allTablets(
    page: { readonly after: string | null; readonly limit: number },
    limits: CallLimits,
  ): Promise<PageOf<TabletView>>;
  tablet(id: string, limits: CallLimits): Promise<TabletView>;
  verify(id: string, limits: CallLimits): Promise<VerifyView>;
}
