/** What tests and simulations draw besides numbers, over one stream of randomness. */
import { assert, must } from "../assert.ts";
import type { Random } from "../random.ts";

const STEPS = 1_000_000;

export class Draws {
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  below(bound: number): number {
    return this.#random.below(bound);
  }

  /** A whole number in [least, most]. */
  between(least: number, most: number): number {
    assert(least <= most, () => `nothing is between ${least} and ${most}`);
    return least + this.#random.below(most - least + 1);
  }

  /** A number in [0, most), with three digits. */
  share(most: number): number {
    return Math.round((this.#random.below(STEPS) / STEPS) * most * 1000) / 1000;
  }

  /** True once in `n` draws. */
  oneIn(n: number): boolean {
    return this.#random.below(n) === 0;
  }

  of<T>(list: readonly T[]): T {
    return must(list[this.#random.below(list.length)], "something to draw from");
  }

  /** `count` of them, or all if there are fewer; none twice. */
  some<T>(list: readonly T[], count: number): T[] {
    return this.shuffled(list).slice(0, count);
  }

  /** Each with its weight; at least one weight above zero. */
  weighted<T>(list: readonly (readonly [T, number])[]): T {
    const total = list.reduce((sum, [, weight]) => sum + weight, 0);
    let left = this.#random.below(total);
    for (const [value, weight] of list) {
      left -= weight;
      if (left < 0) return value;
    }
    throw new Error("a draw beyond the weights");
  }

  shuffled<T>(list: readonly T[]): T[] {
    const left = [...list];
    const result: T[] = [];
    while (left.length > 0) result.push(...left.splice(this.#random.below(left.length), 1));
    return result;
  }

  /** Mostly short, sometimes long: in [least, most], its logarithm about uniform. */
  duration(leastMs: number, mostMs: number): number {
    const exponent = this.#random.below(STEPS) / STEPS;
    return Math.round(leastMs * (mostMs / leastMs) ** exponent);
  }
}
