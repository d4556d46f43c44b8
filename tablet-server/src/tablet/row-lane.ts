/**
 * The latch of one row on its leader: writes of the row are evaluated here one at a time, in the order they came,
 * each on the result of the one before, whether or not that is applied yet.
 *
 * L1. `current` is the row as all entries formed so far leave it, or not loaded yet.
 * L2. While an entry that changed the row is not applied, the store shows an older row: the lane must live on.
 */
import type { StoredRow } from "../storage/stored-row.ts";
import type { EntryBatch } from "./entry-batch.ts";
import type { IdempotencyRecord } from "./idempotency.ts";
import type { PendingWrite } from "./write-call.ts";

export interface RowLane {
  readonly key: Buffer;
  /** `rowKeyText(key)`. */
  readonly text: string;
  current: { readonly row: StoredRow | null } | null;
  /** Idempotency records beside the row that were looked up; null: there is none. */
  readonly idempotency: Map<string, IdempotencyRecord | null>;
  readonly queue: PendingWrite[];
  /** A load for the head of the queue is under way. */
  loading: boolean;
  /** Entries that changed the row and are not applied. */
  unapplied: number;
  /** The newest of them: what is read from `current` holds only if that takes effect. */
  newest: EntryBatch | null;
}

export function newRowLane(key: Buffer, text: string): RowLane {
  return {
    key,
    text,
    current: null,
    idempotency: new Map(),
    queue: [],
    loading: false,
    unapplied: 0,
    newest: null,
  };
}
