/** How long clients wait: not all equally long, so that some give up what others see the end of. */
import type { Random } from "@stele/shared/random.ts";
import type { CallPatience } from "./store-client.ts";

/** Of the longest. */
const SHARES = [1, 1, 1, 0.5, 0.25, 0.1];

export class Patience {
  readonly #random: Random;
  readonly #longestMs: number;

  constructor(random: Random, longestMs: number) {
    this.#random = random;
    this.#longestMs = longestMs;
  }

  call(): CallPatience {
    const share = SHARES[this.#random.below(SHARES.length)] ?? 1;
    return { patienceMs: this.#longestMs * share };
  }
}
