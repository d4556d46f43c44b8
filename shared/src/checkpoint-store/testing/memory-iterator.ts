/** A walk over one version of an ordered tree, in turns of the store that owns it. */
import { assert } from "../../assert.ts";
import { StoreClosedError } from "../checkpoint-store.ts";
import type { StoreEntry, StoreIterator, StoreRange } from "../checkpoint-store.ts";
import type { OrderedTree } from "./ordered-tree.ts";

/** Runs a read in a later turn of the event loop. */
export type ReadLater = <T>(read: () => T) => Promise<T>;

export class MemoryIterator implements StoreIterator {
  readonly #tree: OrderedTree;
  readonly #later: ReadLater;
  /** What is left; null: closed. */
  #rest: StoreRange | null;
  #busy = false;

  constructor(tree: OrderedTree, range: StoreRange, later: ReadLater) {
    this.#tree = tree;
    this.#rest = range;
    this.#later = later;
  }

  async next(count: number, byteLimit: number): Promise<readonly StoreEntry[]> {
    assert(count >= 1, "an iterator is asked for one entry or more");
    assert(!this.#busy, "an iterator serves one call at a time");
    this.#busy = true;
    try {
      return await this.#later(() => this.#take(count, byteLimit));
    } finally {
      this.#busy = false;
    }
  }

  close(): Promise<void> {
    this.#rest = null;
    return Promise.resolve();
  }

  #take(count: number, byteLimit: number): StoreEntry[] {
    const range = this.#rest;
    if (range === null) throw new StoreClosedError("the iterator is closed");
    const taken: StoreEntry[] = [];
    let bytes = 0;
    this.#tree.scan(range, (key, value) => {
      bytes += key.length + value.length;
      if (taken.length > 0 && bytes > byteLimit) return false;
      taken.push([key, value]);
      return taken.length < count;
    });
    const last = taken.at(-1)?.[0];
    if (last !== undefined) this.#rest = restAfter(range, last);
    return taken;
  }
}

function restAfter(range: StoreRange, last: Buffer): StoreRange {
  // The least key above `last` is `last` and a zero byte.
  return range.reverse
    ? { ...range, end: last }
    : { ...range, start: Buffer.concat([last, Buffer.alloc(1)]) };
}
