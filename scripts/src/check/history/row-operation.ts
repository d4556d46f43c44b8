/**
 * Operations on the rows of one table as their clients saw them: what a history of Stele consists of.
 *
 * H1. Keys are `rowKeyText`: one character a byte, so that `<` is byte order. Columns are spelled as in the
 *     REST API. Values are their JSON text there, so equal values are equal texts.
 * H2. `outcome` null is an unknown outcome: the operation took effect at some time after its call, or never.
 * H3. Attempts of one request (same key and `request`) took effect at most once together.
 * H4. Writes of one `batch` to one row took effect in the order of their indices.
 */
import type { ErrorCode } from "@stele/shared/errors.ts";

export interface RecordedOperation {
  readonly client: string;
  /** Milliseconds of a clock that orders all clients of the history. */
  readonly call: number;
  readonly operation: RowOperation;
  readonly outcome: { readonly at: number; readonly output: RowOutcome } | null;
  /** The Idempotency-Key, or whatever else makes attempts one request. */
  readonly request: string | null;
  /** The call over many rows that carried it, and its place there. */
  readonly batch: { readonly id: string; readonly index: number } | null;
}

/** A recorded operation on one row. */
export interface OneRowOperation extends RecordedOperation {
  readonly operation: GetOperation | WriteOperation;
}

/** With where it stands in the history: one line, or those of the attempts that it is made of. */
export interface NumberedOperation extends OneRowOperation {
  /** From 1 on, in their order. */
  readonly lines: readonly number[];
}

export type RowOperation = GetOperation | WriteOperation | ScanOperation;

export interface GetOperation {
  readonly kind: "get";
  readonly key: string;
  /** The columns asked for; null: all. */
  readonly columns: readonly string[] | null;
}

/**
 * One attempt of a request that only deletes (`request-attempts.ts`, A3): at most one of the request's
 * attempts changes the row.
 */
export interface AttemptOperation {
  readonly kind: "attempt";
  /** Of the row's requests that have such attempts, from 0 on. */
  readonly request: number;
  readonly write: WriteOperation;
  /** Of rows, all that answers to attempts of the request told. */
  readonly versions: readonly number[];
  /** Of an attempt without an answer: which of `versions` its effect gave; null: none of them. */
  readonly effect: number | null;
}

/** Atomic: `mutations` in their order if `expected` and `test` hold. */
export interface WriteOperation {
  readonly kind: "write";
  readonly key: string;
  /** Refused if it does not hold. */
  readonly expected: Expected;
  /** Does nothing if it does not hold, and says so (`matched`). Null: none. */
  readonly test: ColumnTest | null;
  readonly mutations: readonly RowMutation[];
}

export interface ScanOperation {
  readonly kind: "scan";
  /** Inclusive; null: from the first key. */
  readonly start: string | null;
  /** Exclusive; null: to the end of the table. */
  readonly end: string | null;
  readonly reverse: boolean;
  /** As of a get. */
  readonly columns: readonly string[] | null;
}

export type Expected =
  | { readonly kind: "anything" }
  | { readonly kind: "no-row" }
  | { readonly kind: "version"; readonly version: number };

export interface ColumnTest {
  readonly column: string;
  /** Null: the column is absent. */
  readonly equals: string | null;
}

export type RowMutation =
  | { readonly kind: "set"; readonly column: string; readonly value: string }
  | { readonly kind: "delete"; readonly column: string }
  | { readonly kind: "delete-family"; readonly family: string }
  | { readonly kind: "delete-row" }
  /** `amount` is a decimal. */
  | { readonly kind: "increment"; readonly column: string; readonly amount: string }
  | { readonly kind: "append"; readonly column: string; readonly value: string };

/** The newest value of each column. */
export type Columns = ReadonlyMap<string, string>;

/** What the row consists of after a write that replaces it (none: a delete); null: it is another write. */
export function replacementOf({ test, mutations }: WriteOperation): Columns | null {
  const [first, ...others] = mutations;
  if (first?.kind !== "delete-row" || test !== null) return null;
  const cells = new Map<string, string>();
  for (const mutation of others) {
    if (mutation.kind !== "set" || cells.has(mutation.column)) return null;
    cells.set(mutation.column, mutation.value);
  }
  return cells;
}

export function sameColumns(a: Columns, b: Columns): boolean {
  if (a.size !== b.size) return false;
  for (const [name, value] of a) if (b.get(name) !== value) return false;
  return true;
}

export type RowOutcome = ReadOutcome | WrittenOutcome | ScannedOutcome | FailedOutcome;

export interface ReadOutcome {
  readonly kind: "read";
  readonly row: { readonly version: number; readonly columns: Columns } | null;
}

export interface WrittenOutcome {
  readonly kind: "written";
  /** Null: no row is left. */
  readonly version: number | null;
  readonly matched: boolean;
  /** New values of increments and appends; null: the client did not look. */
  readonly computed: Columns | null;
}

export interface ScannedOutcome {
  readonly kind: "scanned";
  readonly rows: readonly {
    readonly key: string;
    readonly version: number;
    /** Null: only keys were asked for. */
    readonly columns: Columns | null;
  }[];
  /** What is left begins here: forward the next key, inclusive; in reverse the next `end`. Null: nothing. */
  readonly resume: string | null;
}

/** Certainly without effect. */
export interface FailedOutcome {
  readonly kind: "failed";
  readonly code: ErrorCode;
  /** Of VERSION_MISMATCH and ROW_EXISTS: the row's version; null: no row. */
  readonly version: number | null;
}
