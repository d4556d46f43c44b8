/**
 * What a tablet server does from time to time, for as long as it runs: measures its tablets, and forgets what has
 * expired in them.
 *
 * U1. A round begins a whole period after the one before it ended.
 */
import type { CheckpointStore } from "@stele/shared/checkpoint-store/checkpoint-store.ts";
import { delay, type Clock } from "@stele/shared/clock.ts";
import { IdempotencyExpiry } from "./idempotency-expiry.ts";
import type { TabletSet } from "./tablet-set.ts";
import type { TabletSizes } from "./tablet-sizes.ts";

const REFRESH_SIZES_MS = 10_000;
const EXPIRY_TICK_MS = 1_000;

export interface UpkeepParts {
  readonly clock: Clock;
  readonly store: CheckpointStore;
  readonly tablets: TabletSet;
  readonly sizes: TabletSizes;
  readonly failed: (error: unknown) => void;
}

export class Upkeep {
  readonly #parts: UpkeepParts;
  readonly #expiry: IdempotencyExpiry;
  #isOver = false;

  constructor(parts: UpkeepParts) {
    const { store, clock, tablets, failed } = parts;
    this.#parts = parts;
    this.#expiry = new IdempotencyExpiry({
      store,
      clock,
      tablets: () => tablets.tablets(),
      failed,
    });
  }

  start(): void {
    const { sizes, tablets, failed } = this.#parts;
    const refresh = (): Promise<void> => sizes.refresh([...tablets.tablets()]);
    this.#every(REFRESH_SIZES_MS, refresh).catch(failed);
    this.#every(EXPIRY_TICK_MS, () => this.#expiry.tick()).catch(failed);
  }

  /** A round that is under way ends; no other begins. */
  stop(): void {
    this.#isOver = true;
  }

  /** U1. */
  async #every(periodMs: number, round: () => Promise<void>): Promise<void> {
    for (;;) {
      await delay(this.#parts.clock, periodMs);
      if (this.#isOver) return;
      await round();
    }
  }
}
