/**
 * Deletes garbage ranges in slices between other turns on the store: rewriting everything in one batch blocks
 * the loop for seconds.
 */
import { StoreReadError, type CheckpointStore } from "../checkpoint-store/checkpoint-store.ts";
import type { Log } from "../log.ts";
import type { Garbage, SpaceLedger } from "./space-ledger.ts";
import type { KeyRange } from "./state-machine.ts";
import { HostStoppedError, type StoreTurn } from "./store-turn.ts";

const SLICE_KEYS = 1000;
const SLICE_BYTES = 1024 * 1024;

export interface GarbageCollectionParts {
  readonly store: CheckpointStore;
  readonly turn: StoreTurn;
  readonly ledger: SpaceLedger;
  readonly log: Log;
  readonly failed: (error: unknown) => void;
}

export class GarbageCollection {
  readonly #parts: GarbageCollectionParts;
  #running = false;
  #closed = false;

  constructor(parts: GarbageCollectionParts) {
    this.#parts = parts;
  }

  /** Begins to collect what is on the list, unless it is at it already. */
  wake(): void {
    if (this.#running || this.#closed) return;
    this.#running = true;
    void this.#run().catch((error: unknown) => {
      if (!(error instanceof HostStoppedError)) this.#parts.failed(error);
    });
  }

  close(): void {
    this.#closed = true;
  }

  async #run(): Promise<void> {
    const { ledger, log } = this.#parts;
    for (;;) {
      const garbage = ledger.nextCollectable();
      if (garbage === null || this.#closed) break;
      try {
        await this.#collect(garbage);
      } catch (error) {
        if (!(error instanceof StoreReadError)) throw error;
        // It costs space, not data; the next start tries again.
        ledger.hold(garbage.number);
        log.warn({ garbage: garbage.number, reason: error.message }, "garbage cannot be read");
      }
    }
    this.#running = false;
  }

  async #collect(garbage: Garbage): Promise<void> {
    const { store, turn, ledger } = this.#parts;
    for (const range of garbage.ranges) {
      let start: Buffer | null = range.start;
      while (start !== null && !this.#closed) {
        const from: Buffer = start;
        start = await turn.take(() => this.#collectSlice({ start: from, end: range.end }));
      }
    }
    if (this.#closed) return;
    await turn.take(() => store.write([ledger.remove(garbage.number)]));
  }

  /** Gives where the next slice starts, so that it does not walk over what this one deleted; null: the end. */
  async #collectSlice(range: KeyRange): Promise<Buffer | null> {
    const { store } = this.#parts;
    const iterator = store.iterate({ ...range, reverse: false });
    let found;
    try {
      found = await iterator.next(SLICE_KEYS, SLICE_BYTES);
    } finally {
      await iterator.close();
    }
    const last = found.at(-1);
    if (last === undefined) return null;
    await store.write(found.map(([key]) => ({ type: "del", key })));
    return Buffer.concat([last[0], Buffer.of(0)]);
  }
}
