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
 * K5. What an iterator handed out may be relied on only once its `close` resolved: entries that could
 *     not be read may have been stepped over, or replaced by older ones.
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

export type StoreEntry = readonly [key: Buffer, value: Buffer];

/** An ordered walk over a consistent view. Must be closed before its entries are relied on (K5). */
export interface StoreIterator {
  /**
   * Up to `count` >= 1 next entries, fewer at the end or where keys and values would pass `byteLimit`; a
   * single entry may pass it. Empty: the end. One call at a time.
   */
  next(count: number, byteLimit: number): Promise<readonly StoreEntry[]>;
  /** Rejects with `StoreReadError` if entries may be missing; the iterator is closed all the same. */
  close(): Promise<void>;
}

/**
 * A consistent view of the whole store at one moment between two batches. Must be closed; iterators
 * made before that go on.
 */
export interface StoreSnapshot {
  iterate(range: StoreRange): StoreIterator;
  close(): Promise<void>;
}

/**
 * Keys are 1 byte and longer. Buffers passed in must not change until the call settled, and are not
 * kept; buffers handed out must not be changed at all. Every call of a store that failed or was
 * closed fails with `StoreFailedError` or `StoreClosedError`.
 */
export interface CheckpointStore {
  /** In the order of `keys`; undefined: absent. */
  getMany(keys: readonly Buffer[]): Promise<(Buffer | undefined)[]>;
  iterate(range: StoreRange): StoreIterator;
  snapshot(): StoreSnapshot;
  /** Atomic: all or nothing survives a crash. The later of two operations on one key wins. */
  write(batch: readonly StoreOperation[]): Promise<void>;
  /** Proves that all batches whose `write` resolved before the call survive any crash (K2). */
  checkpoint(): Promise<void>;
  /** Estimated bytes of the keys in [start, end); young writes may be missing from it. */
  approximateBytes(start: Buffer, end: Buffer): Promise<number>;
  /** Checkpoints and closes; REQUIRES no batch in flight. A failed store is only closed. */
  close(): Promise<void>;
}

/** A write, a flush or its proof failed (K3): the process must end. */
export class StoreFailedError extends Error {
  override readonly name = "StoreFailedError";
}

/** A read met bytes that the store cannot read or decode: the replicas that hold the keys are suspect. */
export class StoreReadError extends Error {
  override readonly name = "StoreReadError";
  /** The bytes themselves are wrong or gone; false: the disk failed, which may pass. */
  readonly isDamage: boolean;

  constructor(message: string, options: ErrorOptions & { readonly isDamage: boolean }) {
    super(message, options);
    this.isDamage = options.isDamage;
  }
}

/** The call came after `close`. */
export class StoreClosedError extends Error {
  override readonly name = "StoreClosedError";
}

/**
 * The store's files are damaged beyond use, so nothing was opened or changed. The server keeps the
 * directory aside and starts as one whose disk was wiped.
 */
export class StoreRefusedError extends Error {
  override readonly name = "StoreRefusedError";
  readonly directory: string;

  constructor(directory: string, detail: string, cause?: unknown) {
    super(
      `The store in ${directory} is damaged and was not opened: ${detail}`,
      cause === undefined ? undefined : { cause },
    );
    this.directory = directory;
  }
}
