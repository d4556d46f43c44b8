/**
 * The iterators and snapshots of one LevelDB handle.
 *
 * W1. LevelDB's iterators step over a block that they cannot read (a bad sector, a damaged block), so
 *     that rows are missing or older ones show through, and tell only those who walk to the end. So
 *     a walk that stops early asks for the error at `close`.
 * W2. The binding ends the process if a handle is closed under a read; `close` here waits for all.
 * W3. The binding refuses reads of a closed snapshot, so the last of its iterators closes it.
 */
import type { Iterator } from "level";
import { assert } from "../assert.ts";
import { StoreClosedError } from "./checkpoint-store.ts";
import type { StoreEntry, StoreIterator, StoreRange, StoreSnapshot } from "./checkpoint-store.ts";
import { codeOf, readErrorOf } from "./level-handle.adapter.ts";
import type { LevelHandle } from "./level-handle.adapter.ts";

type LevelSnapshot = ReturnType<LevelHandle["snapshot"]>;

/** What one step reads ahead, in bytes and in entries. */
const CHUNK_BYTES = 64 * 1024;
const CHUNK_ENTRIES = 1000;

export class LevelWalks {
  readonly #level: LevelHandle;
  readonly #open = new Set<LevelIterator>();

  constructor(level: LevelHandle) {
    this.#level = level;
  }

  iterate(range: StoreRange, of?: LevelSnapshotView): StoreIterator {
    const iterator = new LevelIterator(this.#level, range, {
      snapshot: of?.snapshot,
      onClosed: async () => {
        this.#open.delete(iterator);
        await of?.iteratorClosed();
      },
    });
    this.#open.add(iterator);
    return iterator;
  }

  snapshot(): StoreSnapshot {
    return new LevelSnapshotView(this.#level.snapshot(), this);
  }

  /** Closes every iterator; what they would report is of no use any more. */
  async close(): Promise<void> {
    await Promise.allSettled([...this.#open].map((iterator) => iterator.close()));
  }
}

class LevelSnapshotView implements StoreSnapshot {
  readonly snapshot: LevelSnapshot;
  readonly #walks: LevelWalks;
  #iterators = 0;
  #isClosed = false;

  constructor(snapshot: LevelSnapshot, walks: LevelWalks) {
    this.snapshot = snapshot;
    this.#walks = walks;
  }

  iterate(range: StoreRange): StoreIterator {
    if (this.#isClosed) throw new StoreClosedError("the snapshot is closed");
    this.#iterators += 1;
    return this.#walks.iterate(range, this);
  }

  close(): Promise<void> {
    this.#isClosed = true;
    return this.#release();
  }

  iteratorClosed(): Promise<void> {
    this.#iterators -= 1;
    return this.#release();
  }

  async #release(): Promise<void> {
    if (this.#isClosed && this.#iterators === 0) await this.snapshot.close();
  }
}

interface LevelIteratorOptions {
  readonly snapshot: LevelSnapshot | undefined;
  readonly onClosed: () => Promise<void>;
}

/** The public `nextv` refuses to run once its signal is aborted; the method below it does. */
interface IteratorBelow {
  _nextv(size: number, options: object): Promise<unknown[]>;
}

/** Reads ahead in chunks of its own size and hands out what the caller's limits allow. */
class LevelIterator implements StoreIterator {
  readonly #iterator: Iterator<LevelHandle, Buffer, Buffer>;
  readonly #abort = new AbortController();
  readonly #onClosed: () => Promise<void>;
  #ahead: StoreEntry[] = [];
  /** The chunk being read; never rejects. */
  #reading: Promise<unknown> = Promise.resolve();
  /** Whether LevelDB said how the walk went: at its end, or with an error. */
  #isVerified = false;
  #closing: Promise<void> | null = null;

  constructor(level: LevelHandle, range: StoreRange, options: LevelIteratorOptions) {
    const { start, end, reverse } = range;
    const { snapshot, onClosed } = options;
    this.#onClosed = onClosed;
    this.#iterator = level.iterator({
      gte: start,
      lt: end,
      reverse,
      highWaterMarkBytes: CHUNK_BYTES,
      signal: this.#abort.signal,
      ...(snapshot === undefined ? {} : { snapshot }),
    });
  }

  async next(count: number, byteLimit: number): Promise<readonly StoreEntry[]> {
    assert(count >= 1, "an iterator is asked for one entry or more");
    const taken: StoreEntry[] = [];
    let bytes = 0;
    while (taken.length < count) {
      if (this.#ahead.length === 0) this.#ahead = await this.#readAhead(count - taken.length);
      let fitting = 0;
      for (const [key, value] of this.#ahead) {
        const first = taken.length + fitting === 0;
        const entryBytes = key.length + value.length;
        if (taken.length + fitting === count || (!first && bytes + entryBytes > byteLimit)) break;
        bytes += entryBytes;
        fitting += 1;
      }
      if (fitting === 0) return taken;
      taken.push(...this.#ahead.splice(0, fitting));
    }
    return taken;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#reading;
    try {
      if (!this.#isVerified) await this.#verify();
    } finally {
      await this.#iterator.close();
      await this.#onClosed();
    }
  }

  async #readAhead(count: number): Promise<StoreEntry[]> {
    if (this.#closing !== null) throw new StoreClosedError("the iterator is closed");
    const reading = this.#iterator.nextv(Math.min(count, CHUNK_ENTRIES));
    this.#reading = reading.catch(() => undefined);
    try {
      const chunk = await reading;
      if (chunk.length === 0) this.#isVerified = true;
      return chunk;
    } catch (error) {
      this.#isVerified = true;
      throw readErrorOf(error);
    }
  }

  /** An aborted read does not move: it answers with the walk's error if there is one (W1). */
  async #verify(): Promise<void> {
    this.#abort.abort();
    try {
      await (this.#iterator as unknown as IteratorBelow)._nextv(1, {});
    } catch (error) {
      if (codeOf(error) !== "LEVEL_ABORTED") throw readErrorOf(error);
    }
  }
}
