/**
 * A store whose batches are watched: whatever changes a replica's data says in the same batch how far the data goes
 * (state-machine.ts, M3), or a crash between two batches leaves data that nobody knows the index of.
 */
import type {
  CheckpointStore,
  StoreOperation,
  StoreRange,
} from "@stele/shared/checkpoint-store/checkpoint-store.ts";
import { APPLIED_STATE } from "@stele/shared/replication/host-keys.ts";

/** The first kind of key that belongs to machines (host-keys.ts). */
const FIRST_MACHINE_KIND = 0x10;

export class WatchedStore implements CheckpointStore {
  readonly #store: CheckpointStore;
  /** Keys of machines are about to be written without an applied state. */
  readonly #unplaced: (keys: readonly Buffer[]) => void;

  constructor(store: CheckpointStore, unplaced: (keys: readonly Buffer[]) => void) {
    this.#store = store;
    this.#unplaced = unplaced;
  }

  getMany(keys: readonly Buffer[]): ReturnType<CheckpointStore["getMany"]> {
    return this.#store.getMany(keys);
  }

  iterate(range: StoreRange): ReturnType<CheckpointStore["iterate"]> {
    return this.#store.iterate(range);
  }

  snapshot(): ReturnType<CheckpointStore["snapshot"]> {
    return this.#store.snapshot();
  }

  write(batch: readonly StoreOperation[]): Promise<void> {
    const isPlaced = batch.some(({ key }) => key[0] === APPLIED_STATE);
    const data = isPlaced ? [] : batch.filter(({ key }) => (key[0] ?? 0) >= FIRST_MACHINE_KIND);
    if (data.length > 0) this.#unplaced(data.map(({ key }) => key));
    return this.#store.write(batch);
  }

  checkpoint(): Promise<void> {
    return this.#store.checkpoint();
  }

  approximateBytes(start: Buffer, end: Buffer): Promise<number> {
    return this.#store.approximateBytes(start, end);
  }

  close(): Promise<void> {
    return this.#store.close();
  }
}
