/**
 * The checkpoint store on LevelDB, used without its log: batches are never synced, its `*.log` files
 * are deleted before every open, and what survives is an exact prefix of the batches, at a memtable
 * boundary (docs/STORAGE_FORMAT.md, "Checkpoint store").
 *
 * Owns: the LevelDB handle. REQUIRES: the caller holds the data directory's lock, since a second
 * opener would delete the logs that the first one's proofs look at.
 */
import { Level } from "level";
import type { Iterator } from "level";
import { assert } from "../assert.ts";
import type { Clock } from "../clock.ts";
import {
  StoreClosedError,
  StoreFailedError,
  StoreReadError,
  StoreRefusedError,
} from "./checkpoint-store.ts";
import type {
  CheckpointStore,
  StoreEntry,
  StoreIterator,
  StoreOperation,
  StoreRange,
  StoreSnapshot,
} from "./checkpoint-store.ts";
import {
  listLevelLogs,
  noteDamage,
  prepareLevelDirectory,
  syncDirectory,
} from "./level-directory.adapter.ts";
import type { FlushProof } from "./proven-flush.ts";
import { ProvenStore } from "./proven-store.ts";
import type { StoreEngine } from "./store-engine.ts";

export interface LevelCheckpointStoreOptions {
  /** Made if missing. Nothing else may be in it. */
  readonly directory: string;
  readonly clock: Clock;
  /** Refuse to start from an empty directory (default: make a new store). */
  readonly mustExist?: boolean | undefined;
  /** Memtable size; up to two are in memory, and a crash replays up to so much. Default 16 MiB. */
  readonly writeBufferBytes?: number | undefined;
  /** Cache of uncompressed table blocks. Default 64 MiB. */
  readonly cacheBytes?: number | undefined;
  /** Told of every proven checkpoint. */
  readonly onProof?: ((proof: FlushProof) => void) | undefined;
}

const MIB = 1024 * 1024;
const WRITE_BUFFER_BYTES = 16 * MIB;
const CACHE_BYTES = 64 * MIB;
/** What one step of an iterator reads ahead, in bytes and in entries. */
const CHUNK_BYTES = 64 * 1024;
const CHUNK_ENTRIES = 1000;

/** From and to the empty key, below every key: a range that overlaps no table, so only memory moves. */
const BELOW_ALL = Buffer.alloc(0);

/** Throws `StoreRefusedError` for a damaged store, `StoreFailedError` for any other failure. */
export async function openLevelCheckpointStore(
  options: LevelCheckpointStoreOptions,
): Promise<CheckpointStore> {
  const { directory, clock, onProof, mustExist = false } = options;
  await prepareLevelDirectory(directory, { mustExist });
  const engine = new LevelEngine(directory, await openLevel(options));
  // LevelDB renames CURRENT without a directory sync.
  await syncDirectory(directory);
  return new ProvenStore({ engine, clock, onProof });
}

/** What `level` offers on Node beyond its types, which are those that browsers share. */
interface LevelOnNode {
  compactRange(start: Buffer, end: Buffer): Promise<void>;
  approximateSize(start: Buffer, end: Buffer): Promise<number>;
}
type LevelHandle = Level<Buffer, Buffer> & LevelOnNode;
type LevelSnapshot = ReturnType<LevelHandle["snapshot"]>;

async function openLevel({
  directory,
  writeBufferBytes = WRITE_BUFFER_BYTES,
  cacheBytes = CACHE_BYTES,
}: LevelCheckpointStoreOptions): Promise<LevelHandle> {
  const level = new Level<Buffer, Buffer>(directory, {
    keyEncoding: "buffer",
    valueEncoding: "buffer",
    writeBufferSize: writeBufferBytes,
    cacheSize: cacheBytes,
  });
  try {
    await level.open();
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    if (codeOf(cause) === "LEVEL_CORRUPTION") {
      throw new StoreRefusedError(directory, messageOf(cause), cause);
    }
    throw new StoreFailedError(`cannot open ${directory}: ${messageOf(cause)}`, { cause });
  }
  return level as unknown as LevelHandle;
}

class LevelEngine implements StoreEngine {
  readonly #directory: string;
  readonly #level: LevelHandle;

  constructor(directory: string, level: LevelHandle) {
    this.#directory = directory;
    this.#level = level;
  }

  async getMany(keys: readonly Buffer[]): Promise<(Buffer | undefined)[]> {
    try {
      return await this.#level.getMany([...keys]);
    } catch (error) {
      throw readErrorOf(error);
    }
  }

  iterate(range: StoreRange): StoreIterator {
    return new LevelIterator(this.#level, { range });
  }

  snapshot(): StoreSnapshot {
    return new LevelSnapshotView(this.#level);
  }

  async writeBatch(batch: readonly StoreOperation[]): Promise<void> {
    try {
      await this.#level.batch([...batch], { sync: false });
    } catch (error) {
      if (codeOf(error) === "LEVEL_CORRUPTION") {
        await noteDamage(this.#directory, messageOf(error));
      }
      throw error;
    }
  }

  approximateBytes(start: Buffer, end: Buffer): Promise<number> {
    return this.#level.approximateSize(start, end);
  }

  listLogs(): Promise<number[]> {
    return listLevelLogs(this.#directory);
  }

  flush(): Promise<void> {
    return this.#level.compactRange(BELOW_ALL, BELOW_ALL);
  }

  close(): Promise<void> {
    return this.#level.close();
  }
}

/** LevelDB's binding refuses reads after a snapshot's close, so the last iterator closes it. */
class LevelSnapshotView implements StoreSnapshot {
  readonly #level: LevelHandle;
  readonly #snapshot: LevelSnapshot;
  #iterators = 0;
  #closed = false;

  constructor(level: LevelHandle) {
    this.#level = level;
    this.#snapshot = level.snapshot();
  }

  iterate(range: StoreRange): StoreIterator {
    if (this.#closed) throw new StoreClosedError("the snapshot is closed");
    this.#iterators += 1;
    return new LevelIterator(this.#level, {
      range,
      snapshot: this.#snapshot,
      onClose: () => {
        this.#iterators -= 1;
        return this.#release();
      },
    });
  }

  close(): Promise<void> {
    this.#closed = true;
    return this.#release();
  }

  async #release(): Promise<void> {
    if (this.#closed && this.#iterators === 0) await this.#snapshot.close();
  }
}

interface LevelIteratorOptions {
  readonly range: StoreRange;
  readonly snapshot?: LevelSnapshot;
  readonly onClose?: () => Promise<void>;
}

/** Reads ahead in chunks of its own size and hands out what the caller's limits allow. */
class LevelIterator implements StoreIterator {
  readonly #iterator: Iterator<LevelHandle, Buffer, Buffer>;
  readonly #onClose: (() => Promise<void>) | undefined;
  #ahead: StoreEntry[] = [];
  #closing: Promise<void> | null = null;

  constructor(level: LevelHandle, { range, snapshot, onClose }: LevelIteratorOptions) {
    const { start, end, reverse } = range;
    this.#onClose = onClose;
    this.#iterator = level.iterator({
      gte: start,
      lt: end,
      reverse,
      highWaterMarkBytes: CHUNK_BYTES,
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
    this.#closing ??= this.#iterator.close().then(this.#onClose);
    return this.#closing;
  }

  async #readAhead(count: number): Promise<StoreEntry[]> {
    try {
      return await this.#iterator.nextv(Math.min(count, CHUNK_ENTRIES));
    } catch (error) {
      throw readErrorOf(error);
    }
  }
}

function readErrorOf(error: unknown): unknown {
  const code = codeOf(error);
  if (code === "LEVEL_ITERATOR_NOT_OPEN" || code === "LEVEL_DATABASE_NOT_OPEN") {
    return new StoreClosedError("the store or its iterator is closed", { cause: error });
  }
  if (code !== "LEVEL_CORRUPTION" && code !== "LEVEL_IO_ERROR") return error;
  return new StoreReadError(`LevelDB cannot read: ${messageOf(error)}`, { cause: error });
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
