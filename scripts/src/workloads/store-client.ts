/**
 * A client of a cluster as workloads see it: the front-end's typed operations in a simulation, the REST API of real
 * processes. It speaks in the terms of histories, so that what it is told can be recorded as it is.
 *
 * K1. Every call settles, after `patienceMs` at the latest, and never rejects.
 * K2. Null is an unknown outcome: the operation may have taken effect, may yet, or never will. It is given whenever
 *     the answer does not say for certain that nothing was done.
 * K3. An answer that only a fault of the program gives (status 500, INTERNAL, a body that makes no sense) is told to
 *     whoever made the client, whatever the outcome is recorded as.
 */
import type { ErrorCode } from "@stele/shared/errors.ts";
import type {
  FailedOutcome,
  GetOperation,
  ReadOutcome,
  ScanOperation,
  ScannedOutcome,
  WriteOperation,
  WrittenOutcome,
} from "../check/history/row-operation.ts";

export type ReadAnswer = ReadOutcome | FailedOutcome | null;

export type WriteAnswer = WrittenOutcome | FailedOutcome | null;

/**
 * What a call about a table comes to; "failed" was judged and refused. An earlier attempt of the same request may be
 * under way all the same: only "done" ends a request.
 */
export type TableAnswer =
  | { readonly kind: "done" }
  | { readonly kind: "failed"; readonly code: ErrorCode }
  | { readonly kind: "unknown" };

/** Of several rows at once: each is read by itself. */
export interface GetManyOperation {
  /** One at least; they may repeat. */
  readonly keys: readonly string[];
  /** As of a get. */
  readonly columns: readonly string[] | null;
}

export interface CallPatience {
  readonly patienceMs: number;
}

/** Of a scan: rows as they are, or their keys and versions alone. */
export type RowsShown = "columns" | "keys";

export interface ScanCall extends CallPatience {
  /** Columns, unless given. */
  readonly shows?: RowsShown;
}

export interface StoreClient {
  get(table: string, operation: GetOperation, call: CallPatience): Promise<ReadAnswer>;

  /** One call over many rows, one answer a key, in order. */
  getMany(
    table: string,
    operation: GetManyOperation,
    call: CallPatience,
  ): Promise<readonly ReadAnswer[]>;

  /** @param call.request the Idempotency-Key; null: none, and whoever tries again may do it twice */
  write(
    table: string,
    operation: WriteOperation,
    call: CallPatience & { readonly request: string | null },
  ): Promise<WriteAnswer>;

  /** One call over many rows, one answer a write, in order. Writes of one row apply in the order given. */
  writeMany(
    table: string,
    operations: readonly WriteOperation[],
    call: CallPatience,
  ): Promise<readonly WriteAnswer[]>;

  /** The whole range unless it gives up: then `resume` says where the rest begins. */
  scan(
    table: string,
    operation: ScanOperation,
    call: ScanCall,
  ): Promise<ScannedOutcome | FailedOutcome | null>;

  /**
   * With the families `d` and `e`, which keep one version, and three replicas.
   *
   * @param options.splitKeys the bounds of its first tablets, as text of keys, in order
   * @param options.request the Idempotency-Key: calls under the same one create one table together
   */
  createTable(
    table: string,
    options: CallPatience & { readonly splitKeys: readonly string[]; readonly request: string },
  ): Promise<TableAnswer>;

  /** @param call.request the Idempotency-Key: calls under the same one drop one table together */
  dropTable(table: string, call: CallPatience & { readonly request: string }): Promise<TableAnswer>;
}
