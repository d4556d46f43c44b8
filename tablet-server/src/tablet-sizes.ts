/** Estimates of how many bytes each tablet takes in the store, refreshed a few at a time. */
import type { CheckpointStore } from "@stele/shared/checkpoint-store/checkpoint-store.ts";
import type { TabletId } from "@stele/shared/ids.ts";
import type { Tablet } from "./tablet/tablet.ts";
import { tabletRanges } from "./tablet/tablet-ranges.ts";

const REFRESHED_AT_ONCE = 50;

export class TabletSizes {
  readonly #store: CheckpointStore;
  readonly #bytes = new Map<TabletId, number>();
  #turn = 0;

  constructor(store: CheckpointStore) {
    this.#store = store;
  }

  /** 0 until it was estimated. */
  bytesOf(tablet: TabletId): number {
    return this.#bytes.get(tablet) ?? 0;
  }

  /** Estimates the next few of them anew, and forgets tablets that are gone. */
  async refresh(tablets: readonly Tablet[]): Promise<void> {
    const present = new Set(tablets.map(({ tabletId }) => tabletId));
    for (const tablet of this.#bytes.keys()) if (!present.has(tablet)) this.#bytes.delete(tablet);
    for (let count = 0; count < Math.min(REFRESHED_AT_ONCE, tablets.length); count++) {
      const tablet = tablets[this.#turn++ % tablets.length] as Tablet;
      let bytes = 0;
      for (const { start, end } of tabletRanges(tablet.state)) {
        bytes += await this.#store.approximateBytes(start, end);
      }
      this.#bytes.set(tablet.tabletId, bytes);
    }
  }
}
