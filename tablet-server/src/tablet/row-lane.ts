/**
 * The latch of one row on its leader: writes of the row are evaluated here one at a time, in the order they came,
 * each on the result of the one before, whether or not that is applied yet.
 *
 * L1. `current` is the row as all entries formed so far leave it, or not loaded yet.
 * L2. While an entry that changed the row is not applied, the store shows an older row: the lane must live on.
 */
import type { WriteOutcome } from "@stele/shared/row-operations.ts";
import { rowKeyText } from "@stele/shared/row-key.ts";
import type { StoredRow } from "../storage/stored-row.ts";
import type { IdempotencyRecord } from "./idempotency.ts";
import type { PendingWrite } from "./write-call.ts";

/** An outcome without effect: it was read from the row as the entries formed so far leave it. */
export interface UnchangedOutcome {
  readonly pending: PendingWrite;
  readonly outcome: WriteOutcome;
}

/** What a lane knows of an entry. */
export interface UnappliedEntry {
  /** They hold only if the entry takes effect. */
  readonly dependents: UnchangedOutcome[];
}

export class RowLane {
  readonly key: Buffer;
  /** `rowKeyText(key)`. */
  readonly text: string;
  current: { readonly row: StoredRow | null } | null = null;
  /** About the bytes of the row's record: what evaluating a write of it costs. */
  recordBytes = 0;
  /** Idempotency records beside the row that were looked up; null: there is none. */
  readonly idempotency = new Map<string, IdempotencyRecord | null>();
  /** A load for the head of the queue is under way. */
  loading = false;
  /** It waits among the lanes that have something to evaluate. */
  ready = false;
  /** Entries that changed the row and are not applied. */
  unapplied = 0;
  /** The newest of them: what is read from `current` holds only if that takes effect. */
  newest: UnappliedEntry | null = null;
  readonly #queue: PendingWrite[] = [];
  #head = 0;

  constructor(key: Buffer, text: string) {
    this.key = key;
    this.text = text;
  }

  get first(): PendingWrite | undefined {
    return this.#queue[this.#head];
  }

  get isIdle(): boolean {
    return this.first === undefined && this.unapplied === 0;
  }

  add(pending: PendingWrite): void {
    this.#queue.push(pending);
  }

  removeFirst(): void {
    this.#head++;
    if (this.#head < this.#queue.length) return;
    this.#queue.length = 0;
    this.#head = 0;
  }
}

/** The rows that have something under way. */
export class RowLanes {
  readonly #lanes = new Map<string, RowLane>();

  get size(): number {
    return this.#lanes.size;
  }

  lane(key: Buffer): RowLane {
    const text = rowKeyText(key);
    let lane = this.#lanes.get(text);
    if (lane === undefined) {
      // A copy: the call's buffer, of which the key is a view, must not live as long as the lane.
      lane = new RowLane(Buffer.from(key), text);
      this.#lanes.set(text, lane);
    }
    return lane;
  }

  /** False for a lane of before `clear`: what it knows of the row does not hold any more. */
  isCurrent(lane: RowLane): boolean {
    return this.#lanes.get(lane.text) === lane;
  }

  dropIfIdle(lane: RowLane): void {
    if (lane.isIdle && this.isCurrent(lane)) this.#lanes.delete(lane.text);
  }

  clear(): void {
    this.#lanes.clear();
  }
}
