/**
 * The state of a server's replicas: an ordered key-value store without a log of its own. Writes are
 * fast and may be lost in a crash, always as a suffix (the store recovers to an exact prefix of the
 * batches); `checkpoint` proves what can be lost no more. The commit log replays the rest.
 *
 * K1. After a crash the store holds the effect of batches 1..n for some n, whole batches only.
 * K2. `checkpoint()` resolves only with proof that every batch written before the call survives; it
 *     never resolves because a flush merely said so (LevelDB's compactRange resolves without flushing).
 * K3. Any write error is sticky and fatal: the process must end.
 * K4. At most one batch is in flight.
 */
export type StoreOperation =
  | { readonly type: "put"; readonly key: Buffer; readonly value: Buffer }
  | { readonly type: "del"; readonly key: Buffer };

export interface StoreRange {
  /** Inclusive. */
  readonly start: Buffer;
  /** Exclusive. */
  readonly end: Buffer;
  readonly reverse: boolean;
}

/** An ordered walk over a consistent view. Must be closed. */
export interface StoreIterator {
  /** Up to `count` next entries, fewer at `byteLimit` or at the end; empty: the end. */
  next(count: number, byteLimit: number): Promise<readonly (readonly [Buffer, Buffer])[]>;
  close(): Promise<void>;
}

/** A consistent view of the whole store at one moment between two batches. Must be closed. */
export interface StoreSnapshot {
  iterate(range: StoreRange): StoreIterator;
  close(): Promise<void>;
}

export interface CheckpointStore {
  /** In the order of `keys`; undefined: absent. */
  getMany(keys: readonly Buffer[]): Promise<(Buffer | undefined)[]>;
  iterate(range: StoreRange): StoreIterator;
  snapshot(): StoreSnapshot;
  /** Atomic: all or nothing survives a crash. */
  write(batch: readonly StoreOperation[]): Promise<void>;
  /** Proves that all batches whose `write` resolved before the call survive any crash (K2). */
  checkpoint(): Promise<void>;
  /** Estimated bytes of the keys in [start, end). */
  approximateBytes(start: Buffer, end: Buffer): Promise<number>;
  /** Checkpoints and closes. */
  close(): Promise<void>;
}

export class StoreFailedError extends Error {
  override readonly name = "StoreFailedError";
}
