/**
 * Which key spaces of a server's store were handed out, and which key ranges are garbage that waits to be deleted.
 *
 * G1. A space id is never handed out twice, not even after a crash: the counter is in the store before, or in the
 *     same batch as, the first key of the space, and in the commit log with every replica that uses one.
 * G2. Data that is not (or no longer) part of a replica is on the garbage list, from before its first key is
 *     written: a crash at any moment leaves nothing behind for ever.
 */
import type { StoreOperation } from "../checkpoint-store/checkpoint-store.ts";
import { spaceId, type SpaceId } from "../ids.ts";
import { COUNTERS_KEY, garbageKey } from "./host-keys.ts";
import { openValue, sealValue } from "./sealed-value.ts";
import type { KeyRange } from "./state-machine.ts";

export interface Counters {
  readonly nextSpace: number;
  readonly nextGarbage: number;
}

export interface Garbage {
  readonly number: number;
  readonly ranges: readonly KeyRange[];
}

export class SpaceLedger {
  #nextSpace: number;
  #nextGarbage: number;
  readonly #garbage = new Map<number, Garbage>();
  /** Not to be collected: staged snapshots that may be installed yet, and what could not be read. */
  readonly #held = new Set<number>();

  constructor(counters: Counters, garbage: readonly Garbage[]) {
    this.#nextSpace = counters.nextSpace;
    this.#nextGarbage = counters.nextGarbage;
    for (const item of garbage) {
      this.#garbage.set(item.number, item);
      this.#nextGarbage = Math.max(this.#nextGarbage, item.number + 1);
    }
  }

  get nextSpace(): number {
    return this.#nextSpace;
  }

  takeSpace(): SpaceId {
    return spaceId(this.#nextSpace++);
  }

  /** Recovery found `space` in use. */
  seen(space: SpaceId): void {
    this.#nextSpace = Math.max(this.#nextSpace, space + 1);
  }

  countersOperation(): StoreOperation {
    const value = JSON.stringify({ nextSpace: this.#nextSpace, nextGarbage: this.#nextGarbage });
    return {
      type: "put",
      key: COUNTERS_KEY,
      value: sealValue(COUNTERS_KEY, Buffer.from(value)),
    };
  }

  /** Puts ranges on the list; write the operation in the batch that makes them garbage, or before. */
  discard(ranges: readonly KeyRange[]): { garbage: Garbage; operation: StoreOperation } {
    const garbage = { number: this.#nextGarbage++, ranges };
    this.#garbage.set(garbage.number, garbage);
    const key = garbageKey(garbage.number);
    const text = JSON.stringify(
      ranges.map(({ start, end }) => [start.toString("base64"), end.toString("base64")]),
    );
    return { garbage, operation: { type: "put", key, value: sealValue(key, Buffer.from(text)) } };
  }

  /** All that is on the list. */
  get ranges(): readonly KeyRange[] {
    return [...this.#garbage.values()].flatMap(({ ranges }) => ranges);
  }

  hold(number: number): void {
    if (this.#garbage.has(number)) this.#held.add(number);
  }

  release(number: number): void {
    this.#held.delete(number);
  }

  /** The ranges are empty, or have become a replica's data. */
  remove(number: number): StoreOperation {
    this.#garbage.delete(number);
    this.#held.delete(number);
    return { type: "del", key: garbageKey(number) };
  }

  /** Something that may be deleted, or null. */
  nextCollectable(): Garbage | null {
    for (const garbage of this.#garbage.values()) {
      if (!this.#held.has(garbage.number)) return garbage;
    }
    return null;
  }
}

export function decodeCounters(sealed: Buffer): Counters {
  return JSON.parse(openValue(COUNTERS_KEY, sealed).toString()) as Counters;
}

export function decodeGarbage(number: number, sealed: Buffer): Garbage {
  const pairs = JSON.parse(openValue(garbageKey(number), sealed).toString()) as [string, string][];
  return {
    number,
    ranges: pairs.map(([start, end]) => ({
      start: Buffer.from(start, "base64"),
      end: Buffer.from(end, "base64"),
    })),
  };
}
