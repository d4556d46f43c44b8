/**
 * A virtual time line: time passes only from event to event. One seed gives one order of events.
 *
 * E1. Events run in order of time; those of one moment in an order drawn from the seed, except that
 *     callbacks given to `soon` of one process run in the order given.
 * E2. Between two events every promise callback that the first one led to has run. Time stands
 *     still while code runs.
 * E3. A stopped process never runs again; a paused one runs late, what was due meanwhile at once
 *     and in order, as a process does after SIGSTOP and SIGCONT.
 */
import { assert } from "../assert.ts";
import type { CancelTimer, Clock } from "../clock.ts";
import { EventQueue } from "./event-queue.ts";
import type { SimulatedEvent } from "./event-queue.ts";
import type { Random } from "../random.ts";

/** 2026-01-01T00:00:00Z. */
const WALL_START_MICROS = 1_767_225_600_000_000;
const ORDER_BOUND = 2 ** 32;
/** Longer than anything that a test waits for, so that a promise nobody settles fails its test. */
const UNTIL_MAX_MS = 600_000;

export class SimulatedClock implements Clock {
  readonly #random: Random;
  readonly #settle: () => Promise<void>;
  readonly #events = new EventQueue();
  readonly #own: ProcessClock;
  #nowMs = 0;
  #count = 0;

  /** `settle` resolves when no promise callback is left to run: `nextMacrotask`. */
  constructor(random: Random, settle: () => Promise<void>) {
    this.#random = random;
    this.#settle = settle;
    this.#own = new ProcessClock(this, 0);
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  wallMicros(): number {
    return this.#own.wallMicros();
  }

  after(delayMs: number, callback: () => void): CancelTimer {
    return this.#own.after(delayMs, callback);
  }

  soon(callback: () => void): void {
    this.#own.soon(callback);
  }

  /** The clock of one process, whose wall clock differs by `wallSkewMicros`. */
  process(wallSkewMicros = 0): ProcessClock {
    return new ProcessClock(this, wallSkewMicros);
  }

  /** Events that have run; the same for the same seed. */
  get eventCount(): number {
    return this.#count;
  }

  /** Runs the next event and what follows from it. False: there is none. */
  async step(): Promise<boolean> {
    const event = this.#events.take();
    if (event === null) return false;
    assert(event.timeMs >= this.#nowMs, "time never steps back");
    this.#nowMs = event.timeMs;
    this.#count++;
    event.run();
    await this.#settle();
    return true;
  }

  /** Runs every event that is due within `durationMs` from now, and lets that time pass. */
  async runFor(durationMs: number): Promise<void> {
    const endMs = this.#nowMs + durationMs;
    await this.#settle();
    while (this.#isDue(endMs)) await this.step();
    this.#nowMs = endMs;
  }

  /** Runs events until the condition holds; false: it did not within `limitMs`. */
  async runUntil(condition: () => boolean, limitMs: number): Promise<boolean> {
    const endMs = this.#nowMs + limitMs;
    await this.#settle();
    while (!condition()) {
      if (!this.#isDue(endMs)) return false;
      await this.step();
    }
    return true;
  }

  /** Runs events until the promise settles, and gives its outcome. Throws if it does not in time. */
  async until<T>(promise: Promise<T>, limitMs = UNTIL_MAX_MS): Promise<T> {
    let isSettled = false;
    const settle = (): void => void (isSettled = true);
    promise.then(settle, settle);
    assert(await this.runUntil(() => isSettled, limitMs), "the promise does not settle");
    return promise;
  }

  /** Runs `count` events, or as many as there are. */
  async runEvents(count: number): Promise<void> {
    await this.#settle();
    for (let done = 0; done < count; done++) {
      if (!(await this.step())) return;
    }
  }

  /** For `ProcessClock`. */
  schedule(timeMs: number, order: number, run: () => void): SimulatedEvent {
    return this.#events.add(Math.max(timeMs, this.#nowMs), order, run);
  }

  /** For `ProcessClock`. */
  cancel(event: SimulatedEvent): void {
    this.#events.cancel(event);
  }

  /** For `ProcessClock`: a place among the events of one moment. */
  drawOrder(): number {
    return this.#random.below(ORDER_BOUND);
  }

  #isDue(endMs: number): boolean {
    const next = this.#events.first();
    return next !== null && next.timeMs <= endMs;
  }
}

/** One process on the time line. */
export class ProcessClock implements Clock {
  readonly #line: SimulatedClock;
  readonly #wallSkewMicros: number;
  #state: "running" | "paused" | "stopped" = "running";
  /** What was due while the process was paused. */
  #late: (() => void)[] = [];
  /** Where the last `soon` of this moment stands. */
  #soonMs = -1;
  #soonOrder = 0;

  constructor(line: SimulatedClock, wallSkewMicros: number) {
    this.#line = line;
    this.#wallSkewMicros = wallSkewMicros;
  }

  monotonicMs(): number {
    return this.#line.monotonicMs();
  }

  wallMicros(): number {
    const elapsedMicros = Math.floor(this.#line.monotonicMs() * 1000);
    return WALL_START_MICROS + elapsedMicros + this.#wallSkewMicros;
  }

  after(delayMs: number, callback: () => void): CancelTimer {
    let cancelled = false;
    const timeMs = this.#line.monotonicMs() + Math.max(0, delayMs);
    const event = this.#line.schedule(timeMs, this.#line.drawOrder(), () => {
      this.#run(() => {
        if (!cancelled) callback();
      });
    });
    return () => {
      cancelled = true;
      this.#line.cancel(event);
    };
  }

  soon(callback: () => void): void {
    const nowMs = this.#line.monotonicMs();
    const drawn = this.#line.drawOrder();
    // Behind the process's own last one, but not in front of everybody else for ever.
    this.#soonOrder = this.#soonMs === nowMs ? this.#soonOrder + drawn / 2 : drawn;
    this.#soonMs = nowMs;
    this.#line.schedule(nowMs, this.#soonOrder, () => this.#run(callback));
  }

  /** The process is killed: nothing of it runs any more. */
  stop(): void {
    this.#state = "stopped";
    this.#late = [];
  }

  pause(): void {
    assert(this.#state === "running", () => `pause of a ${this.#state} process`);
    this.#state = "paused";
  }

  resume(): void {
    assert(this.#state === "paused", () => `resume of a ${this.#state} process`);
    this.#state = "running";
    const late = this.#late;
    this.#late = [];
    for (const callback of late) this.soon(callback);
  }

  #run(callback: () => void): void {
    if (this.#state === "running") callback();
    else if (this.#state === "paused") this.#late.push(callback);
  }
}
