/**
 * The appends that are on their way to one follower, bounded by count and by bytes, so that a slow
 * follower holds back its leader and not the memory of both.
 */
import { must } from "../assert.ts";

export interface WindowLimits {
  readonly maxMessages: number;
  readonly maxBytes: number;
}

export class InflightWindow {
  /** The last index of each append, ascending, and its bytes; live from `#head` on. */
  #lasts: number[] = [];
  #sizes: number[] = [];
  #head = 0;
  #bytes = 0;
  readonly #limits: WindowLimits;

  constructor(limits: WindowLimits) {
    this.#limits = limits;
  }

  get messages(): number {
    return this.#lasts.length - this.#head;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** A single append may exceed the bytes, so that an entry of any size can travel. */
  isFull(): boolean {
    return this.messages >= this.#limits.maxMessages || this.#bytes >= this.#limits.maxBytes;
  }

  add(last: number, bytes: number): void {
    this.#lasts.push(last);
    this.#sizes.push(bytes);
    this.#bytes += bytes;
  }

  /** The follower has everything up to `match`. */
  freeTo(match: number): void {
    while (this.#head < this.#lasts.length && must(this.#lasts[this.#head], "hole") <= match) {
      this.#bytes -= must(this.#sizes[this.#head], "hole");
      this.#head += 1;
    }
    // Moving the rest costs no more than what was freed since the last move.
    if (this.#head * 2 >= this.#lasts.length) {
      this.#lasts.splice(0, this.#head);
      this.#sizes.splice(0, this.#head);
      this.#head = 0;
    }
  }

  clear(): void {
    this.#lasts = [];
    this.#sizes = [];
    this.#head = 0;
    this.#bytes = 0;
  }
}
