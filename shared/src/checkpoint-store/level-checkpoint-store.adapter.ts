/**
 * The checkpoint store on LevelDB, used without its log: batches are never synced, its `*.log` files
 * are deleted before every open, and what survives is an exact prefix of the batches, at a memtable
 * boundary (docs/STORAGE_FORMAT.md, "Checkpoint store").
 *
 * Owns: the LevelDB handle. REQUIRES: the caller holds the data directory's lock, since a second
 * opener would delete the logs that the first one's proofs look at.
 */
import { Level } from "level";
import type { Clock } from "../clock.ts";
import { syncDirectory } from "../sync-directory.adapter.ts";
import { StoreFailedError, StoreRefusedError } from "./checkpoint-store.ts";
import type {
  CheckpointStore,
  StoreIterator,
  StoreOperation,
  StoreRange,
  StoreSnapshot,
} from "./checkpoint-store.ts";
import { listLevelLogs, noteDamage, prepareLevelDirectory } from "./level-directory.adapter.ts";
import { isLevelDamage, messageOf, readErrorOf } from "./level-handle.adapter.ts";
import type { LevelHandle } from "./level-handle.adapter.ts";
import { LevelWalks } from "./level-walks.adapter.ts";
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
/** LevelDB keeps up to 1000 tables open: 8 GB of them at this size, 2 GB at its default. */
const TABLE_BYTES = 8 * MIB;

/** From and to the empty key, below every key: a range that overlaps no table, so only memory moves. */
const BELOW_ALL = Buffer.alloc(0);

/** Throws `StoreRefusedError` for a damaged store, `StoreFailedError` for any other failure. */
export async function openLevelCheckpointStore(
  options: LevelCheckpointStoreOptions,
): Promise<CheckpointStore> {
  const { directory, clock, onProof, mustExist = false } = options;
  try {
    await prepareLevelDirectory(directory, { mustExist });
    const engine = new LevelEngine(directory, await openLevel(options));
    // LevelDB renames CURRENT without a directory sync.
    await syncDirectory(directory);
    return new ProvenStore({ engine, clock, onProof });
  } catch (error) {
    if (error instanceof StoreRefusedError) throw error;
    const detail = `cannot open the store in ${directory}: ${messageOf(error)}`;
    throw new StoreFailedError(detail, { cause: error });
  }
}

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
    maxFileSize: TABLE_BYTES,
  });
  try {
    await level.open();
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    if (isLevelDamage(cause)) {
      throw new StoreRefusedError(directory, messageOf(cause), cause);
    }
    throw cause;
  }
  return level as unknown as LevelHandle;
}

class LevelEngine implements StoreEngine {
  readonly #directory: string;
  readonly #level: LevelHandle;
  readonly #walks: LevelWalks;

  constructor(directory: string, level: LevelHandle) {
    this.#directory = directory;
    this.#level = level;
    this.#walks = new LevelWalks(level);
  }

  async getMany(keys: readonly Buffer[]): Promise<(Buffer | undefined)[]> {
    try {
      return await this.#level.getMany([...keys]);
    } catch (error) {
      throw readErrorOf(error);
    }
  }

  iterate(range: StoreRange): StoreIterator {
    return this.#walks.iterate(range);
  }

  snapshot(): StoreSnapshot {
    return this.#walks.snapshot();
  }

  async writeBatch(batch: readonly StoreOperation[]): Promise<void> {
    try {
      await this.#level.batch([...batch], { sync: false });
    } catch (error) {
      if (isLevelDamage(error)) {
        // Without the note, the next start meets the damage as this one did.
        await noteDamage(this.#directory, messageOf(error)).catch(() => undefined);
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

  async close(): Promise<void> {
    await this.#walks.close();
    await this.#level.close();
  }
}
