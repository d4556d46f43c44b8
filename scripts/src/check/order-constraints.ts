/**
 * What forbids an operation to come next beside real time: the order given with the partition, and the
 * order of open operations that mean the same.
 *
 * O1. Of a pair [a, b], a is never placed behind b; a with an outcome, which will be placed, comes first.
 * O2. Of open operations with equal inputs and without pairs, the one called first goes first: in any
 *     linearization they can change places.
 */
import { assert, must } from "@stele/shared/assert.ts";
import type { HistoryOperation } from "./model.ts";
import type { PlacedSet } from "./placed-set.ts";

export class OrderConstraints {
  /** By operation: those that must not be placed yet. */
  readonly #before = new Map<number, number[]>();
  /** By operation: those that must be placed already. */
  readonly #behind = new Map<number, number[]>();
  readonly #second = new Set<number>();

  constructor(
    operations: readonly HistoryOperation<unknown, unknown>[],
    pairs: readonly (readonly [number, number])[],
  ) {
    const paired = new Set<number>(pairs.flat());
    for (const [first, second] of pairs) {
      assert(first !== second, "an operation comes before itself");
      append(this.#before, first, second);
      this.#second.add(second);
      if (must(operations[first], "the operation of a pair").outcome !== null) {
        append(this.#behind, second, first);
      }
    }
    const lastOpen = new Map<string, number>();
    operations.forEach(({ input, outcome }, at) => {
      if (outcome !== null || paired.has(at)) return;
      const text = JSON.stringify(input);
      const twin = lastOpen.get(text);
      if (twin !== undefined) append(this.#behind, at, twin);
      lastOpen.set(text, at);
    });
  }

  allow(operation: number, placed: PlacedSet): boolean {
    const tooLate = this.#before.get(operation)?.some((other) => placed.has(other)) ?? false;
    return !tooLate && (this.#behind.get(operation)?.every((other) => placed.has(other)) ?? true);
  }

  /** Placing it takes from another the right to come later. */
  holdsBack(operation: number): boolean {
    return this.#second.has(operation);
  }
}

function append(lists: Map<number, number[]>, key: number, value: number): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}
