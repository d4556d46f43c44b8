/**
 * Point reads of the store, shared: everything asked for in one turn is read together, in slices that keep both the
 * work of a turn and the bytes in memory bounded.
 *
 * L1. At most `MAX_READS` slices are being read; what is asked for meanwhile gathers for the next one.
 * L2. Bytes that the store cannot decode concern only those who asked for them.
 */
import {
  StoreClosedError,
  StoreReadError,
  type CheckpointStore,
} from "@stele/shared/checkpoint-store/checkpoint-store.ts";

interface Wanted {
  readonly keys: readonly Buffer[];
  readonly loaded: (values: Values) => void;
  readonly unreadable: (error: StoreReadError) => void;
}

type Values = readonly (Buffer | undefined)[];

/** One is on its way back while the next is being read. */
const MAX_READS = 2;
const MAX_SLICE_KEYS = 512;
/** A slice that gave more makes the next one smaller; one of large rows, the smallest. */
const SLICE_BYTES = 1024 * 1024;
const LARGE_SLICE_BYTES = 16 * SLICE_BYTES;

export class RowLoader {
  readonly #store: CheckpointStore;
  readonly #failed: (error: unknown) => void;
  #wanted: Wanted[] = [];
  /** Of `wanted`, so many have been taken. */
  #taken = 0;
  #readPlanned = false;
  #reads = 0;
  #sliceKeys = MAX_SLICE_KEYS;

  /** @param failed the store failed, or a callback threw what it could not handle */
  constructor(store: CheckpointStore, failed: (error: unknown) => void) {
    this.#store = store;
    this.#failed = failed;
  }

  /** So many keys are read together now; few when the records read last were large. */
  get sliceKeys(): number {
    return this.#sliceKeys;
  }

  /** Calls `loaded` with the values in the order of `keys`, or `unreadable`. */
  want(keys: readonly Buffer[], loaded: Wanted["loaded"], unreadable: Wanted["unreadable"]): void {
    this.#wanted.push({ keys, loaded, unreadable });
    if (this.#readPlanned) return;
    this.#readPlanned = true;
    // At the end of the turn, so that all that came with it is read together.
    void Promise.resolve().then(() => {
      this.#readPlanned = false;
      this.#readOn();
    });
  }

  #readOn(): void {
    while (this.#reads < MAX_READS && this.#taken < this.#wanted.length) {
      this.#reads++;
      void this.#readSlice(this.#takeSlice())
        .catch((error: unknown) => {
          // Whoever waits for a closed store is going away with it.
          if (!(error instanceof StoreClosedError)) this.#failed(error);
        })
        .finally(() => {
          this.#reads--;
          this.#readOn();
        });
    }
  }

  #takeSlice(): Wanted[] {
    const slice: Wanted[] = [];
    let keys = 0;
    for (; this.#taken < this.#wanted.length; this.#taken++) {
      const wanted = this.#wanted[this.#taken] as Wanted;
      keys += wanted.keys.length;
      if (slice.length > 0 && keys > this.#sliceKeys) return slice;
      slice.push(wanted);
    }
    this.#wanted = [];
    this.#taken = 0;
    return slice;
  }

  async #readSlice(slice: readonly Wanted[]): Promise<void> {
    let values: Values;
    try {
      values = await this.#store.getMany(slice.flatMap(({ keys }) => keys));
    } catch (error) {
      if (!(error instanceof StoreReadError)) throw error;
      await this.#readApart(slice, error);
      return;
    }
    this.#adapt(values);
    let at = 0;
    for (const { keys, loaded } of slice) {
      loaded(values.slice(at, at + keys.length));
      at += keys.length;
    }
  }

  /** L2. */
  async #readApart(slice: readonly Wanted[], error: StoreReadError): Promise<void> {
    if (slice.length === 1) {
      for (const { unreadable } of slice) unreadable(error);
      return;
    }
    for (const wanted of slice) await this.#readSlice([wanted]);
  }

  #adapt(values: Values): void {
    let bytes = 0;
    for (const value of values) bytes += value?.length ?? 0;
    if (bytes > LARGE_SLICE_BYTES) this.#sliceKeys = 1;
    else if (bytes > SLICE_BYTES) this.#sliceKeys = Math.max(1, this.#sliceKeys >> 2);
    else this.#sliceKeys = Math.min(MAX_SLICE_KEYS, this.#sliceKeys * 2);
  }
}
