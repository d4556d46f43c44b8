/**
 * The proposals of one leader that wait for their entry to be applied, by log index.
 *
 * T1. Every waiter is settled exactly once: with the result of its own entry, or as `lost`.
 * T2. An entry of another term at a waiter's index proves that the proposal never takes effect ("no");
 *     the end of the leadership proves nothing ("unknown").
 */
import { assert } from "../assert.ts";
import type { LogIndex, Term } from "../ids.ts";

export interface Waiter<Result> {
  done(result: Result): void;
  lost(applied: "no" | "unknown"): void;
}

export class ProposalTracker<Result> {
  readonly #waiting = new Map<LogIndex, { readonly term: Term; readonly waiter: Waiter<Result> }>();

  get size(): number {
    return this.#waiting.size;
  }

  add(index: LogIndex, term: Term, waiter: Waiter<Result>): void {
    assert(!this.#waiting.has(index), () => `two proposals wait for index ${index}`);
    this.#waiting.set(index, { term, waiter });
  }

  /** The entry at `index` was applied and is readable. `result` is only asked for when someone waits. */
  applied(index: LogIndex, term: Term, result: () => Result): void {
    const found = this.#waiting.get(index);
    if (found === undefined) return;
    this.#waiting.delete(index);
    if (found.term === term) found.waiter.done(result());
    else found.waiter.lost("no");
  }

  /** The leadership ended. */
  abandon(): void {
    const waiters = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { waiter } of waiters) waiter.lost("unknown");
  }
}
