/**
 * Bounds the entry payloads that all replicas of a server keep in memory, oldest out first. The payloads
 * themselves sit in each `ReplicaLog`, aligned with its entries; this file only decides who leaves.
 */
export interface PayloadHolder {
  /** Forgets the payload of the entry, if it is still held; gives the bytes that were freed. */
  dropPayload(index: number, term: number): number;
}

interface Held {
  readonly holder: PayloadHolder;
  readonly index: number;
  readonly term: number;
}

export class PayloadCache {
  readonly #limitBytes: number;
  #bytes = 0;
  #queue: Held[] = [];
  #head = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The holder has just kept a payload of so many bytes. */
  admitted(holder: PayloadHolder, index: number, term: number, bytes: number): void {
    this.#bytes += bytes;
    this.#queue.push({ holder, index, term });
    while (this.#bytes > this.#limitBytes && this.#head < this.#queue.length) {
      const oldest = this.#queue[this.#head++] as Held;
      this.#bytes -= oldest.holder.dropPayload(oldest.index, oldest.term);
    }
    if (this.#head > 1024 && this.#head * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
  }

  /** The holder gave up so many bytes by itself. */
  released(bytes: number): void {
    this.#bytes -= bytes;
  }
}
