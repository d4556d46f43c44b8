/**
 * Bounds how much one turn of the event loop works, so that a large batch never stalls everything else: work takes
 * its cost from the budget, and what finds it used up goes on in a later turn.
 */
import type { Clock } from "@stele/shared/clock.ts";

/** In evaluations of small rows: a few milliseconds. */
const COST_A_TURN = 400;

export class TurnBudget {
  readonly #clock: Clock;
  readonly #goOn: () => void;
  #left = COST_A_TURN;
  #renewalPlanned = false;

  /** @param goOn called in the next turn when something was refused */
  constructor(clock: Clock, goOn: () => void) {
    this.#clock = clock;
    this.#goOn = goOn;
  }

  /** Whether there is any left; what costs more than that is let through, and the turn ends with it. */
  take(cost: number): boolean {
    if (this.#left <= 0) return false;
    this.#left -= cost;
    if (!this.#renewalPlanned) {
      this.#renewalPlanned = true;
      this.#clock.soon(() => {
        this.#renewalPlanned = false;
        const wasUsedUp = this.#left <= 0;
        this.#left = COST_A_TURN;
        if (wasUsedUp) this.#goOn();
      });
    }
    return true;
  }
}
