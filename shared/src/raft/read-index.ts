/**
 * Linearizable reads without a log entry (Raft dissertation, section 6.4): note the commit index,
 * prove in one heartbeat round that no later leader exists, wait until that index is applied.
 *
 * D1. A round number is used once, whatever is lost, late or repeated (etcd #20418).
 * D2. A read is confirmed only by a round that was sent after the read was opened.
 * D3. A read's index is taken when its round is sent, after the leader committed in its own term:
 *     before that it may not know all that is committed.
 */
import { logIndex } from "../ids.ts";
import type { ReadState } from "./ready.ts";

/** Waiting reads share the next round once so many are unacknowledged. */
const MAX_ROUNDS_IN_FLIGHT = 4;

interface PendingRound {
  readonly round: number;
  readonly index: number;
  readonly readIds: readonly number[];
}

export class ReadRounds {
  /** Opened since the last round was sent. */
  #opened: number[] = [];
  /** Ascending by round. */
  #pending: PendingRound[] = [];

  open(readId: number): void {
    this.#opened.push(readId);
  }

  /** Whether a round should go out for the sake of waiting reads. */
  wantsRound(): boolean {
    return this.#opened.length > 0 && this.#pending.length < MAX_ROUNDS_IN_FLIGHT;
  }

  /** The opened reads travel with this round and may be served once `commit` is applied. */
  roundSent(round: number, commit: number): void {
    if (this.#opened.length === 0) return;
    this.#pending.push({ round, index: commit, readIds: this.#opened });
    this.#opened = [];
  }

  /** A quorum acknowledged `round`, and so every round before. Returns the reads this confirms. */
  roundAcked(round: number): ReadState[] {
    const confirmed: ReadState[] = [];
    while (this.#pending[0] !== undefined && this.#pending[0].round <= round) {
      const { index, readIds } = this.#pending[0];
      for (const readId of readIds) confirmed.push({ readId, index: logIndex(index) });
      this.#pending.shift();
    }
    return confirmed;
  }

  /** Every read that is not confirmed; the leadership that opened them ended. */
  abandon(): number[] {
    const readIds = [...this.#pending.flatMap((pending) => pending.readIds), ...this.#opened];
    this.#pending = [];
    this.#opened = [];
    return readIds;
  }

  isIdle(): boolean {
    return this.#opened.length === 0 && this.#pending.length === 0;
  }
}
