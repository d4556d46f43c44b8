/**
 * Loads the rows that writes are evaluated on: everything asked for in one turn is one read of the store.
 */
import type { CheckpointStore } from "@stele/shared/checkpoint-store/checkpoint-store.ts";

interface Wanted {
  readonly keys: readonly Buffer[];
  readonly loaded: (values: readonly (Buffer | undefined)[]) => void;
}

export class RowLoader {
  readonly #store: CheckpointStore;
  readonly #failed: (error: unknown) => void;
  #wanted: Wanted[] = [];

  /** @param failed a read failed, or a `loaded` callback threw what it could not handle */
  constructor(store: CheckpointStore, failed: (error: unknown) => void) {
    this.#store = store;
    this.#failed = failed;
  }

  /** Calls `loaded` with the values in the order of `keys`. */
  want(keys: readonly Buffer[], loaded: Wanted["loaded"]): void {
    this.#wanted.push({ keys, loaded });
    if (this.#wanted.length > 1) return;
    // At the end of the turn, so that all that came with it is read together.
    void Promise.resolve()
      .then(() => this.#read())
      .catch(this.#failed);
  }

  async #read(): Promise<void> {
    const wanted = this.#wanted;
    this.#wanted = [];
    const values = await this.#store.getMany(wanted.flatMap(({ keys }) => keys));
    let at = 0;
    for (const { keys, loaded } of wanted) {
      loaded(values.slice(at, at + keys.length));
      at += keys.length;
    }
  }
}
