/**
 * Takes turns on the checkpoint store: one batch in flight per server, and moments between two batches in
 * which the store and the machines agree (for snapshots and for records of the host).
 *
 * Turns run one at a time, in the order asked.
 */
export class StoreTurn {
  #last: Promise<unknown> = Promise.resolve();

  /** Runs `work` when every turn asked before has ended, failed ones included. */
  take<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work, work);
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  /** Resolves when every turn asked so far has ended. */
  idle(): Promise<unknown> {
    return this.#last;
  }
}
