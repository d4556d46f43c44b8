/**
 * The operations on rows, as the front-end sends them and a tablet evaluates them: what the REST
 * calls of docs/REST_API.md mean, free of their spelling. `wire/row-calls.ts` encodes them.
 */
import type { DatabaseErrorBody } from "./errors.ts";
import type { Version } from "./ids.ts";
import type { Row } from "./row.ts";

/** One column: a family name and qualifier bytes. */
export interface Column {
  readonly family: string;
  readonly qualifier: Buffer;
}

/** One step of an ordered mutation list. `timestamp` null: the row's new version decides. */
export type Mutation =
  | {
      readonly kind: "set";
      readonly column: Column;
      readonly value: Buffer;
      readonly int64: boolean;
      readonly timestamp: Version | null;
    }
  | {
      /** All cells of the column with `from` <= timestamp < `to`; null is unbounded. */
      readonly kind: "delete-column";
      readonly column: Column;
      readonly from: Version | null;
      readonly to: Version | null;
    }
  | { readonly kind: "delete-family"; readonly family: string }
  | { readonly kind: "delete-row" }
  | {
      readonly kind: "increment";
      readonly column: Column;
      readonly amount: bigint;
      readonly timestamp: Version | null;
    }
  | {
      readonly kind: "append";
      readonly column: Column;
      readonly value: Buffer;
      readonly timestamp: Version | null;
    };

/** Levels of `all`, `any` and `not` inside one another, the innermost test included. */
export const MAX_PREDICATE_DEPTH = 32;

/** A test of the row as it is before the mutations. */
export type Predicate =
  | { readonly kind: "column-equals"; readonly column: Column; readonly value: Buffer }
  | { readonly kind: "column-exists"; readonly column: Column; readonly exists: boolean }
  | { readonly kind: "row-exists"; readonly exists: boolean }
  | { readonly kind: "row-version"; readonly version: Version }
  | { readonly kind: "all"; readonly of: readonly Predicate[] }
  | { readonly kind: "any"; readonly of: readonly Predicate[] }
  | { readonly kind: "not"; readonly of: Predicate };

/**
 * What must hold or the write is refused, judged in this order: `ifMatch` (412), `ifNoneMatch` (412),
 * `absent` (409 ROW_EXISTS).
 */
export interface Conditions {
  readonly ifMatch: "any" | readonly Version[] | null;
  readonly ifNoneMatch: "any" | readonly Version[] | null;
  /** The row must not exist: POST of a row. */
  readonly absent: boolean;
}

export const NO_CONDITIONS: Conditions = { ifMatch: null, ifNoneMatch: null, absent: false };

/** A user's Idempotency-Key with a digest of the whole request, so that a key reused for another is seen. */
export interface IdempotencyKey {
  readonly key: string;
  readonly fingerprint: Buffer;
}

/**
 * One atomic write of one row. The result tells what the mutations that ran did.
 */
export interface RowWrite {
  readonly key: Buffer;
  readonly conditions: Conditions;
  /** Chooses between `mutations` and `otherwise`; null: `mutations`. */
  readonly predicate: Predicate | null;
  readonly mutations: readonly Mutation[];
  readonly otherwise: readonly Mutation[];
  readonly idempotency: IdempotencyKey | null;
}

export interface WriteResult {
  /** The row's version after the write; null when no row is left. */
  readonly version: Version | null;
  /** The row did not exist before. */
  readonly createdRow: boolean;
  /** Some column that was set did not exist before. */
  readonly createdColumn: boolean;
  /** False only when a predicate chose `otherwise`. */
  readonly matched: boolean;
  /** New values of increments and appends, one a column, in the order first touched. */
  readonly computed: readonly {
    readonly column: Column;
    readonly value: Buffer;
    readonly int64: boolean;
  }[];
  /** The result was stored by an earlier request with the same Idempotency-Key. */
  readonly replayed: boolean;
}

export type WriteOutcome =
  | { readonly kind: "done"; readonly result: WriteResult }
  | { readonly kind: "failed"; readonly error: DatabaseErrorBody };

/** Which cells of a row a read gives. */
export interface Projection {
  /** Columns (`qualifier` set) and whole families (`qualifier` null) to keep; null keeps all. */
  readonly columns:
    | readonly { readonly family: string; readonly qualifier: Buffer | null }[]
    | null;
  /** At most so many newest cells a column; null: all. */
  readonly versions: number | null;
  /** Only the cell with exactly this timestamp; null: any. Raw cell reads use it. */
  readonly timestamp: Version | null;
  /** Leave out cells but tell key and version. */
  readonly keysOnly: boolean;
}

/** An existing row, with the cells the projection left (possibly none), or null: no row. */
export type ReadResult = Row | null;

/**
 * One chunk of a scan inside one tablet. Bounds are row keys, null is open. `limit` counts rows after
 * projection: a row in which the projection left no cell is omitted (unless `keysOnly`).
 */
export interface ScanRequest {
  /** Inclusive. */
  readonly start: Buffer | null;
  /** Exclusive. */
  readonly end: Buffer | null;
  readonly reverse: boolean;
  readonly limit: number;
  /** The chunk ends after the row that passes so many encoded bytes. */
  readonly byteBudget: number;
  readonly projection: Projection;
  /** Count rows instead of returning them. */
  readonly countOnly: boolean;
}

export interface ScanChunk {
  readonly rows: readonly Row[];
  /** Rows counted, when `countOnly`; else rows.length. */
  readonly count: number;
  /**
   * Where to go on: forward, the next `start` (inclusive); in reverse, the next `end` (exclusive).
   * Null: the asked range is exhausted within this tablet's bounds.
   */
  readonly resume: Buffer | null;
}
