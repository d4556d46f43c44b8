/**
 * The tablets of one table in key order: which tablet holds a key, in O(log n).
 *
 * O1. Starts are distinct and ascending; null, the first key, sorts before all.
 */
import { assert, must } from "@stele/shared/assert.ts";
import type { TabletId } from "@stele/shared/ids.ts";
import { compareRowKeys } from "@stele/shared/row-key.ts";

interface Place {
  readonly start: Buffer | null;
  readonly tabletId: TabletId;
}

export class TabletOrder {
  readonly #places: Place[] = [];

  get size(): number {
    return this.#places.length;
  }

  /** Appending in key order costs O(1). */
  add(start: Buffer | null, tabletId: TabletId): void {
    const at = this.#firstAbove(start);
    const before = this.#places[at - 1];
    assert(
      before === undefined || compareStarts(before.start, start) !== 0,
      () => `tablets ${before?.tabletId} and ${tabletId} start at the same key`,
    );
    if (at === this.#places.length) this.#places.push({ start, tabletId });
    else this.#places.splice(at, 0, { start, tabletId });
  }

  /** Removing the last costs O(1). */
  remove(start: Buffer | null): void {
    const at = this.#firstAbove(start) - 1;
    const place = this.#places[at];
    assert(
      place !== undefined && compareStarts(place.start, start) === 0,
      "no tablet starts there",
    );
    if (at === this.#places.length - 1) this.#places.pop();
    else this.#places.splice(at, 1);
  }

  /** The position of the tablet whose range holds `key`; null stands for the first key. */
  positionOf(key: Buffer | null): number {
    return Math.max(0, this.#firstAbove(key) - 1);
  }

  at(position: number): TabletId {
    return must(this.#places[position], `no tablet at position ${position}`).tabletId;
  }

  /** Positions [from, to). */
  slice(from: number, to: number): TabletId[] {
    return this.#places.slice(from, to).map((place) => place.tabletId);
  }

  #firstAbove(start: Buffer | null): number {
    let low = 0;
    let high = this.#places.length;
    const last = this.#places[high - 1];
    if (last !== undefined && compareStarts(last.start, start) <= 0) return high;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const place = must(this.#places[middle], "in bounds");
      if (compareStarts(place.start, start) <= 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function compareStarts(a: Buffer | null, b: Buffer | null): number {
  if (a === null) return b === null ? 0 : -1;
  return b === null ? 1 : compareRowKeys(a, b);
}
