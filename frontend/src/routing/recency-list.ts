/**
 * Entries in order of use, as a linked list through the entries themselves: moving one to the front
 * costs a few pointer writes and no allocation, which a look-up can afford.
 */
export interface Recent<Entry> {
  newer: Entry | null;
  older: Entry | null;
}

export class RecencyList<Entry extends Recent<Entry>> {
  #newest: Entry | null = null;
  #oldest: Entry | null = null;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The entry that was not used for longest. */
  get oldest(): Entry | null {
    return this.#oldest;
  }

  /** REQUIRES: not in the list. */
  add(entry: Entry): void {
    entry.newer = null;
    entry.older = this.#newest;
    if (this.#newest !== null) this.#newest.newer = entry;
    this.#newest = entry;
    this.#oldest ??= entry;
    this.#size++;
  }

  /** REQUIRES: in the list. */
  used(entry: Entry): void {
    if (entry === this.#newest) return;
    this.remove(entry);
    this.add(entry);
  }

  /** REQUIRES: in the list. */
  remove(entry: Entry): void {
    if (entry.newer === null) this.#newest = entry.older;
    else entry.newer.older = entry.older;
    if (entry.older === null) this.#oldest = entry.newer;
    else entry.older.newer = entry.newer;
    entry.newer = null;
    entry.older = null;
    this.#size--;
  }
}
