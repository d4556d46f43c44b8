/**
 * Timers of the faults on the time line. They draw nothing: an event's place among those of its moment is fixed, in
 * front of all others, so that a fault that is taken out of the list, or finds nothing to act on, shifts no draw.
 */
import type { ProcessClock, SimulatedClock } from "@stele/shared/testing/simulated-clock.ts";

/** Below every order that a process draws. */
const FIRST_ORDER = -(2 ** 40);

export class FaultTimers {
  readonly #line: SimulatedClock;
  readonly #owner: ProcessClock;
  readonly #pending = new Set<() => void>();
  #order = FIRST_ORDER;

  constructor(line: SimulatedClock) {
    this.#line = line;
    this.#owner = line.process();
  }

  nowMs(): number {
    return this.#line.monotonicMs();
  }

  /** Returns what cancels it. */
  after(delayMs: number, act: () => void): () => void {
    const cancel = (): void => {
      this.#pending.delete(cancel);
      this.#line.cancel(event);
    };
    const event = this.#line.schedule(
      this.#owner,
      this.#line.monotonicMs() + delayMs,
      this.#order++,
      null,
      () => {
        this.#pending.delete(cancel);
        act();
      },
    );
    this.#pending.add(cancel);
    return cancel;
  }

  cancelAll(): void {
    for (const cancel of this.#pending) cancel();
  }
}
