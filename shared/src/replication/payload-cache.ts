/**
 * Bounds the entry payloads that all replicas of a server keep in memory, oldest out first. The payloads
 * themselves sit in each `ReplicaLog`, aligned with its entries; this file only decides who leaves.
 *
 * H1. The queue names every payload that is held; names of payloads that left by themselves (compacted,
 *     overwritten) are at most as many, and a constant.
 */
export interface PayloadHolder {
  /** Whether the entry's payload is still held. */
  holdsPayload(index: number, term: number): boolean;
  /** Forgets the payload of the entry, if it is still held; gives the bytes that were freed. */
  dropPayload(index: number, term: number): number;
}

interface Held {
  readonly holder: PayloadHolder;
  readonly index: number;
  readonly term: number;
}

const STALE_ALLOWED = 1024;

export class PayloadCache {
  readonly #limitBytes: number;
  #bytes = 0;
  #held = 0;
  #queue: Held[] = [];
  #head = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Names in the queue, stale ones included. */
  get queued(): number {
    return this.#queue.length - this.#head;
  }

  /** The holder has just kept a payload of so many bytes. */
  admitted(holder: PayloadHolder, index: number, term: number, bytes: number): void {
    this.#bytes += bytes;
    this.#held++;
    this.#queue.push({ holder, index, term });
    while (this.#bytes > this.#limitBytes && this.#head < this.#queue.length) {
      const oldest = this.#queue[this.#head++] as Held;
      if (!oldest.holder.holdsPayload(oldest.index, oldest.term)) continue;
      this.#bytes -= oldest.holder.dropPayload(oldest.index, oldest.term);
      this.#held--;
    }
    this.#tidy();
  }

  /** The holder gave up a payload of so many bytes by itself. */
  released(bytes: number): void {
    this.#bytes -= bytes;
    this.#held--;
  }

  /** H1. */
  #tidy(): void {
    if (this.queued > 2 * this.#held + STALE_ALLOWED) {
      this.#queue = this.#queue
        .slice(this.#head)
        .filter(({ holder, index, term }) => holder.holdsPayload(index, term));
      this.#head = 0;
    } else if (this.#head > 1024 && this.#head * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
  }
}
