/** Pauses between attempts: doubling up to a limit, each drawn from the upper half of its span. */
import type { Random } from "@stele/shared/random.ts";
import { DoublingSpan } from "./doubling-span.ts";

export interface PauseLimits {
  readonly pauseMs: number;
  readonly pauseMaxMs: number;
}

export class Pauses {
  readonly #random: Random;
  readonly #spans: DoublingSpan;

  constructor(random: Random, { pauseMs, pauseMaxMs }: PauseLimits) {
    this.#random = random;
    this.#spans = new DoublingSpan(pauseMs, pauseMaxMs);
  }

  /** The length of the next pause, milliseconds. */
  next(): number {
    const spanMs = this.#spans.next();
    return spanMs / 2 + this.#random.below(1 + Math.floor(spanMs / 2));
  }
}
