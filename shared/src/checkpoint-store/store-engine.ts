/**
 * What stands below the proof: a log-structured store with its weaknesses. LevelDB and its in-memory
 * twin implement it; `ProvenStore` makes a `CheckpointStore` of either.
 */
import type {
  StoreIterator,
  StoreOperation,
  StoreRange,
  StoreSnapshot,
} from "./checkpoint-store.ts";
import type { FlushableEngine } from "./proven-flush.ts";

export interface StoreEngine extends Omit<FlushableEngine, "writeProbe"> {
  getMany(keys: readonly Buffer[]): Promise<(Buffer | undefined)[]>;
  iterate(range: StoreRange): StoreIterator;
  snapshot(): StoreSnapshot;
  /** Copies the operations before it returns. Called again only after it settled. */
  writeBatch(batch: readonly StoreOperation[]): Promise<void>;
  approximateBytes(start: Buffer, end: Buffer): Promise<number>;
  /** After everything in flight settled. */
  close(): Promise<void>;
}
