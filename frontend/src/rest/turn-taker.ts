/** Lets other requests have a turn while one does long work in small steps. */
import type { Clock } from "@stele/shared/clock.ts";

const TURN_MS = 10;
/** The clock is read once in so many steps. */
const STEPS = 64;

export class TurnTaker {
  readonly #clock: Clock;
  #sinceMs: number;
  #steps = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#sinceMs = clock.monotonicMs();
  }

  /** To be asked once a step; true: `take` before the next. */
  get isDue(): boolean {
    if (++this.#steps % STEPS !== 0) return false;
    return this.#clock.monotonicMs() - this.#sinceMs >= TURN_MS;
  }

  /** For steps that take long themselves. */
  async takeIfLate(): Promise<void> {
    if (this.#clock.monotonicMs() - this.#sinceMs >= TURN_MS) await this.take();
  }

  async take(): Promise<void> {
    await new Promise<void>((resolve) => this.#clock.soon(resolve));
    this.#sinceMs = this.#clock.monotonicMs();
  }
}
