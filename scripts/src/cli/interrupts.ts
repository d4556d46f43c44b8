// What the signals that ask this process to end mean.
//
// I1. The first means: stop in order.
// I2. One that comes soon after it is its echo: a terminal and `kill` on a process group reach every process of
//     the group, and whoever started this one hands on what it got itself.
// I3. A later one is meant: stop at once.

/** Longer than an echo takes, shorter than it takes to lose patience. */
const ECHO_MS = 1000;

export class Interrupts {
  readonly #nowMs: () => number;
  readonly #interrupt = new AbortController();
  readonly #abandon = new AbortController();
  #firstMs = 0;

  /** `nowMs`: a clock that never goes back. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** Fires at the first signal. */
  get interrupt(): AbortSignal {
    return this.#interrupt.signal;
  }

  /** Fires at the first that is meant as a second. */
  get abandon(): AbortSignal {
    return this.#abandon.signal;
  }

  /** A signal came. */
  take(): void {
    if (!this.#interrupt.signal.aborted) {
      this.#firstMs = this.#nowMs();
      this.#interrupt.abort();
    } else if (this.#nowMs() - this.#firstMs >= ECHO_MS) {
      this.#abandon.abort();
    }
  }
}
