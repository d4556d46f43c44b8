/** Pauses between attempts: doubling up to a limit, each drawn from the upper half of its span. */
import type { Random } from "@stele/shared/random.ts";

export interface PauseLimits {
  readonly pauseMs: number;
  readonly pauseMaxMs: number;
}

export class Pauses {
  readonly #random: Random;
  readonly #limits: PauseLimits;
  #spanMs: number;

  constructor(random: Random, limits: PauseLimits) {
    this.#random = random;
    this.#limits = limits;
    this.#spanMs = limits.pauseMs;
  }

  /** The length of the next pause, milliseconds. */
  next(): number {
    const spanMs = this.#spanMs;
    this.#spanMs = Math.min(this.#limits.pauseMaxMs, spanMs * 2);
    return spanMs / 2 + this.#random.below(1 + Math.floor(spanMs / 2));
  }
}
