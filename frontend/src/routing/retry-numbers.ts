/**
 * The numbers under which this process sends writes again (architecture section 7, "Idempotency").
 *
 * R1. A number is given out once; `bootId` is drawn anew by each process.
 * R2. `doneBelow` never passes a number that is still open: its write may be sent again.
 */
import type { Random } from "@stele/shared/random.ts";

export class RetryNumbers {
  readonly bootId: bigint;
  #next = 1;
  #lowestOpen = 1;
  /** In rising order, as a set iterates in order of insertion. */
  readonly #open = new Set<number>();

  constructor(random: Random) {
    this.bootId = random.bytes(8).readBigUInt64BE();
  }

  /** Every number below it is settled or given up. */
  get doneBelow(): number {
    return this.#lowestOpen;
  }

  /** A number for a new write; open until it is settled. */
  take(): number {
    const seq = this.#next++;
    this.#open.add(seq);
    return seq;
  }

  /** The write is decided or given up: it is never sent again. */
  settle(seq: number): void {
    this.#open.delete(seq);
    if (seq !== this.#lowestOpen) return;
    const [lowest = this.#next] = this.#open;
    this.#lowestOpen = lowest;
  }
}
