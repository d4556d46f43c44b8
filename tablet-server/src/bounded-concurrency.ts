/** Lets a few pieces of work run at a time; a bounded number of others waits, in order. */
export class BoundedConcurrency {
  readonly #limits: { readonly running: number; readonly waiting: number };
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(limits: { readonly running: number; readonly waiting: number }) {
    this.#limits = limits;
  }

  /** Runs `work` now or later, which must not reject; false: too many wait. */
  tryRun(work: () => Promise<void>): boolean {
    if (this.#running < this.#limits.running) {
      this.#start(work);
      return true;
    }
    if (this.#waiting.length >= this.#limits.waiting) return false;
    this.#waiting.push(() => this.#start(work));
    return true;
  }

  #start(work: () => Promise<void>): void {
    this.#running++;
    void work().finally(() => {
      this.#running--;
      this.#waiting.shift()?.();
    });
  }
}
