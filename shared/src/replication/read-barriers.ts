/**
 * The strong reads that wait at one leader: first for a quorum to confirm its leadership, then for the state to
 * reach the index that was committed when they came.
 *
 * B1. Every barrier settles exactly once: "ready", or "not-leader".
 * B2. Reads share a round only if they came before it was sent: a round that is on its way proves nothing to a
 *     read that came later.
 */
import type { LogIndex } from "../ids.ts";

export type ReadOutcome = "ready" | "not-leader";

type Waiting = ((outcome: ReadOutcome) => void)[];

export class ReadBarriers {
  /** Reads that came since the last round left; they share one read of the core. */
  #open: Waiting | null = null;
  /** By the core's read id. */
  readonly #unconfirmed = new Map<number, Waiting>();
  /** Ascending by index. */
  #confirmed: { readonly index: LogIndex; readonly waiting: Waiting }[] = [];

  /** `request` asks the core for a read and gives its id, or null if it does not lead. */
  wait(request: () => number | null): Promise<ReadOutcome> {
    if (this.#open === null) {
      const readId = request();
      if (readId === null) return Promise.resolve("not-leader");
      this.#open = [];
      this.#unconfirmed.set(readId, this.#open);
    }
    const waiting = this.#open;
    return new Promise((resolve) => waiting.push(resolve));
  }

  /** The core's messages are about to leave (B2). */
  roundLeaves(): void {
    this.#open = null;
  }

  confirmed(readId: number, index: LogIndex, applied: LogIndex): void {
    const waiting = this.#take(readId);
    if (index <= applied) settle(waiting, "ready");
    else if (waiting.length > 0) this.#confirmed.push({ index, waiting });
  }

  failed(readId: number): void {
    settle(this.#take(readId), "not-leader");
  }

  appliedTo(index: LogIndex): void {
    while (this.#confirmed.length > 0 && (this.#confirmed[0]?.index ?? 0) <= index) {
      settle(this.#confirmed.shift()?.waiting ?? [], "ready");
    }
  }

  /** The leadership ended. */
  abandon(): void {
    const waiting = [...this.#unconfirmed.values(), ...this.#confirmed.map((each) => each.waiting)];
    this.#open = null;
    this.#unconfirmed.clear();
    this.#confirmed = [];
    for (const each of waiting) settle(each, "not-leader");
  }

  #take(readId: number): Waiting {
    const waiting = this.#unconfirmed.get(readId) ?? [];
    this.#unconfirmed.delete(readId);
    return waiting;
  }
}

function settle(waiting: Waiting, outcome: ReadOutcome): void {
  for (const resolve of waiting) resolve(outcome);
}
