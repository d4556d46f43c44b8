/** Time that passes only when a test lets it: the next timer runs as soon as nothing else can. */
import type { CancelTimer, Clock } from "../clock.ts";

interface Timer {
  readonly atMs: number;
  readonly callback: () => void;
}

export class VirtualClock implements Clock {
  readonly #settle: () => Promise<void>;
  #nowMs = 0;
  #timers: Timer[] = [];

  /** `settle` resolves when every promise that can go on has done so: a turn of the event loop. */
  constructor(settle: () => Promise<void>) {
    this.#settle = settle;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  wallMicros(): number {
    return this.#nowMs * 1000;
  }

  after(delayMs: number, callback: () => void): CancelTimer {
    const timer = { atMs: this.#nowMs + delayMs, callback };
    const later = this.#timers.findIndex((each) => each.atMs > timer.atMs);
    this.#timers.splice(later < 0 ? this.#timers.length : later, 0, timer);
    return () => {
      this.#timers = this.#timers.filter((each) => each !== timer);
    };
  }

  soon(callback: () => void): void {
    this.after(0, callback);
  }

  /** Lets time pass until `done` settles, and returns its outcome. */
  async until<T>(done: Promise<T>): Promise<T> {
    let settled = false;
    const mark = (): void => void (settled = true);
    done.then(mark, mark);
    while (!settled) {
      await this.#settle();
      if (!settled && !this.#step()) throw new Error("nothing is left that could settle it");
    }
    return done;
  }

  /** Lets `steps` timers run, if there are so many. */
  async pass(steps: number): Promise<void> {
    for (let step = 0; step < steps; step++) {
      await this.#settle();
      if (!this.#step()) return;
    }
  }

  #step(): boolean {
    const timer = this.#timers.shift();
    if (timer === undefined) return false;
    this.#nowMs = Math.max(this.#nowMs, timer.atMs);
    timer.callback();
    return true;
  }
}
