/**
 * Deletes garbage ranges in slices between other turns on the store: rewriting everything in one batch blocks
 * the loop for seconds.
 */
import type { CheckpointStore } from "../checkpoint-store/checkpoint-store.ts";
import type { Garbage, SpaceLedger } from "./space-ledger.ts";
import type { StoreTurn } from "./store-turn.ts";

const SLICE_KEYS = 1000;
const SLICE_BYTES = 1024 * 1024;

export class GarbageCollection {
  readonly #store: CheckpointStore;
  readonly #turn: StoreTurn;
  readonly #ledger: SpaceLedger;
  readonly #failed: (error: unknown) => void;
  #running = false;
  #closed = false;

  constructor(
    parts: { store: CheckpointStore; turn: StoreTurn; ledger: SpaceLedger },
    failed: (error: unknown) => void,
  ) {
    this.#store = parts.store;
    this.#turn = parts.turn;
    this.#ledger = parts.ledger;
    this.#failed = failed;
  }

  /** Begins to collect what is on the list, unless it is at it already. */
  wake(): void {
    if (this.#running || this.#closed) return;
    this.#running = true;
    void this.#run().catch(this.#failed);
  }

  close(): void {
    this.#closed = true;
  }

  async #run(): Promise<void> {
    let garbage = this.#ledger.nextCollectable();
    while (garbage !== null && !this.#closed) {
      const slice = garbage;
      await this.#turn.take(() => this.#collectSlice(slice));
      garbage = this.#ledger.nextCollectable();
    }
    this.#running = false;
  }

  async #collectSlice(garbage: Garbage): Promise<void> {
    for (const range of garbage.ranges) {
      const iterator = this.#store.iterate({ ...range, reverse: false });
      let found;
      try {
        found = await iterator.next(SLICE_KEYS, SLICE_BYTES);
      } finally {
        await iterator.close();
      }
      if (found.length > 0) {
        await this.#store.write(found.map(([key]) => ({ type: "del", key })));
        return;
      }
    }
    await this.#store.write([this.#ledger.remove(garbage)]);
  }
}
