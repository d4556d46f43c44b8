import type { CancelTimer, Clock } from "../clock.ts";

/** Calls `expired` when it was not touched for its limit; one timer however often it is touched. */
export class Watchdog {
  readonly #clock: Clock;
  readonly #expired: () => void;
  #limitMs: number;
  #touchedMs: number;
  #cancel: CancelTimer;

  constructor(clock: Clock, limitMs: number, expired: () => void) {
    this.#clock = clock;
    this.#limitMs = limitMs;
    this.#expired = expired;
    this.#touchedMs = clock.monotonicMs();
    this.#cancel = clock.after(limitMs, () => this.#check());
  }

  touch(): void {
    this.#touchedMs = this.#clock.monotonicMs();
  }

  /** Another limit from now on. */
  restart(limitMs: number): void {
    this.stop();
    this.touch();
    this.#limitMs = limitMs;
    this.#cancel = this.#clock.after(limitMs, () => this.#check());
  }

  stop(): void {
    this.#cancel();
  }

  #check(): void {
    const leftMs = this.#touchedMs + this.#limitMs - this.#clock.monotonicMs();
    if (leftMs <= 0) this.#expired();
    else this.#cancel = this.#clock.after(leftMs, () => this.#check());
  }
}
