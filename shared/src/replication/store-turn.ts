/**
 * Takes turns on the checkpoint store: one batch in flight per server, and moments between two batches in
 * which the store and the machines agree (for snapshots and for records of the host).
 *
 * Turns run one at a time, in the order asked.
 */

/** The host was closed, or has failed, before it came to this. */
export class HostStoppedError extends Error {
  override readonly name = "HostStoppedError";
}

export class StoreTurn {
  #last: Promise<unknown> = Promise.resolve();
  #closed = false;

  /**
   * Runs `work` when every turn asked before has ended, failed ones included. Rejects with
   * `HostStoppedError` after `close`.
   */
  take<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closed) return Promise.reject(new HostStoppedError("the replica host is closed"));
    const turn = this.#last.then(work, work);
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  /** Takes no more turns; resolves when every one asked so far has ended. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#last;
  }
}
