/**
 * A virtual time line: time passes only from event to event. One seed gives one order of events.
 *
 * E1. Events run in order of time; those of one moment in an order drawn from the seed, except that
 *     callbacks given to `soon` of one process run in the order given.
 * E2. Between two events every promise callback that the first one led to has run. Time stands
 *     still while code runs.
 * E3. A stopped process never runs again; a paused one runs late, what was due meanwhile at once, as
 *     a process does after SIGSTOP and SIGCONT: timers before or behind what came from elsewhere, and
 *     of that only what came from one source in its order.
 * E4. A process's own clock may run faster or slower than the time line. Its timers run when its own
 *     clock reaches their time, whatever its rate was since they were set.
 */
import { assert } from "../assert.ts";
import type { CancelTimer, Clock } from "../clock.ts";
import { EventQueue } from "./event-queue.ts";
import type { SimulatedEvent } from "./event-queue.ts";
import type { Random } from "../random.ts";
import { resumed } from "./resumption.ts";
import { RollingHash } from "./rolling-hash.ts";

/** 2026-01-01T00:00:00Z. */
const WALL_START_MICROS = 1_767_225_600_000_000;
const ORDER_BOUND = 2 ** 32;
/** Longer than anything that a test waits for, so that a promise nobody settles fails its test. */
const UNTIL_MAX_MS = 600_000;

/** Turns of the event loop, between which every promise callback runs: `nextMacrotask`. */
export interface Turns {
  /** Resolves in the next turn. */
  (): Promise<void>;
  /** Calls `turn` in one turn after another, beginning with the next, until it answers false. */
  each(turn: () => boolean): Promise<void>;
}

export class SimulatedClock implements Clock {
  /**
   * Called after each event, when every promise callback that it led to has run, with the process
   * whose event it was. An error that it throws reaches whoever runs the clock.
   */
  onEvent: ((process: ProcessClock) => void) | null = null;
  readonly #random: Random;
  readonly #turns: Turns;
  readonly #events = new EventQueue<ProcessClock>();
  readonly #hash = new RollingHash();
  readonly #own: ProcessClock;
  #nowMs = 0;
  #count = 0;
  #processes = 0;
  /** Whose event ran last, and `onEvent` does not know it yet. */
  #ran: ProcessClock | null = null;

  constructor(random: Random, turns: Turns) {
    this.#random = random;
    this.#turns = turns;
    this.#own = this.process();
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
    return new ProcessClock(this, this.#processes++, wallSkewMicros);
  }

  /** Events that have run; the same for the same seed. */
  get eventCount(): number {
    return this.#count;
  }

  /** A hash of which process ran when, event by event: equal for two runs that are the same. */
  get digest(): string {
    return this.#hash.digest;
  }

  /** Takes something else that happened into the digest. */
  mixIn(value: number): void {
    this.#hash.add(value);
  }

  /** Runs the next event and what follows from it. False: there is none. */
  async step(): Promise<boolean> {
    if (!this.#runNext(Number.POSITIVE_INFINITY)) return false;
    if (this.#ran === null) return true;
    await this.#turns();
    this.#reportEvent();
    return true;
  }

  /**
   * Runs every event that is due within `durationMs` from now, and lets that time pass: true. `goesOn`
   * is asked before each event; when it says no, time stays there: false.
   */
  async runFor(durationMs: number, goesOn: () => boolean = () => true): Promise<boolean> {
    const endMs = this.#nowMs + durationMs;
    let isStopped = false;
    await this.#turns.each(() => {
      this.#reportEvent();
      isStopped = !goesOn();
      return !isStopped && this.#runNext(endMs);
    });
    if (!isStopped) this.#nowMs = endMs;
    return !isStopped;
  }

  /** Runs events until the condition holds; false: it did not within `limitMs`. */
  async runUntil(condition: () => boolean, limitMs: number): Promise<boolean> {
    const endMs = this.#nowMs + limitMs;
    let holds = false;
    await this.#turns.each(() => {
      this.#reportEvent();
      holds = condition();
      return !holds && this.#runNext(endMs);
    });
    return holds;
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
    const end = this.#count + count;
    await this.#turns.each(() => {
      this.#reportEvent();
      return this.#count < end && this.#runNext(Number.POSITIVE_INFINITY);
    });
  }

  /** For `ProcessClock`. `ownTimeMs`, `source`: see `SimulatedEvent`. */
  schedule(
    process: ProcessClock,
    timeMs: number,
    order: number,
    ownTimeMs: number | null,
    callback: () => void,
    source: object | null = null,
  ): SimulatedEvent<ProcessClock> {
    const atMs = Math.max(timeMs, this.#nowMs);
    return this.#events.add(atMs, order, process, ownTimeMs, callback, source);
  }

  /** For `ProcessClock`: what came while it was paused comes again, now. */
  scheduleAgain(event: SimulatedEvent<ProcessClock>, order: number): void {
    this.#events.addAgain(event, this.#nowMs, order);
  }

  /** For `ProcessClock`. */
  cancel(event: SimulatedEvent<ProcessClock>): void {
    this.#events.cancel(event);
  }

  /** For `ProcessClock`: its timers come when its clock, as it runs now, reaches their time. */
  retime(process: ProcessClock): void {
    this.#events.retime(({ owner, ownTimeMs, timeMs }) =>
      owner === process && ownTimeMs !== null
        ? Math.max(this.#nowMs, process.lineTimeMs(ownTimeMs))
        : timeMs,
    );
  }

  /** For `ProcessClock`: a place among the events of one moment. */
  drawOrder(): number {
    return this.below(ORDER_BOUND);
  }

  /** For `ProcessClock`: a draw of what the seed orders. */
  below(bound: number): number {
    return this.#random.below(bound);
  }

  /** Runs the next event, if it is due by `endMs`; what follows from it is left to the caller. */
  #runNext(endMs: number): boolean {
    const next = this.#events.first();
    if (next === null || next.timeMs > endMs) return false;
    const event = this.#events.take() ?? next;
    assert(event.timeMs >= this.#nowMs, "time never steps back");
    this.#nowMs = event.timeMs;
    const { owner } = event;
    if (!owner.admit(event)) return true;
    this.#count++;
    this.#hash.add(event.timeMs);
    this.#hash.add(owner.id * 2 ** 40 + event.sequence);
    this.#ran = owner;
    event.callback();
    return true;
  }

  #reportEvent(): void {
    const ran = this.#ran;
    if (ran === null) return;
    this.#ran = null;
    this.onEvent?.(ran);
  }
}

/** What is to happen right before the nth next callback. */
interface CrashPoint {
  countdown: number;
  readonly act: () => void;
}

/** One process on the time line. */
export class ProcessClock implements Clock {
  /** Unique on its time line, counting up. */
  readonly id: number;
  readonly #line: SimulatedClock;
  #wallSkewMicros: number;
  #state: "running" | "paused" | "stopped" = "running";
  /** What was due while the process was paused. */
  #late: SimulatedEvent<ProcessClock>[] = [];
  /** Where the last `soon` of this moment stands. */
  #soonMs = -1;
  #soonOrder = 0;
  /** It showed `#ownBaseMs` when the line's time was `#lineBaseMs`, and has run at `#rate` since. */
  #ownBaseMs = 0;
  #lineBaseMs = 0;
  #rate = 1;
  #crashPoints: CrashPoint[] = [];

  /** For `SimulatedClock.process`. */
  constructor(line: SimulatedClock, id: number, wallSkewMicros: number) {
    this.#line = line;
    this.id = id;
    this.#wallSkewMicros = wallSkewMicros;
  }

  monotonicMs(): number {
    return this.#ownTimeMs(this.#line.monotonicMs());
  }

  wallMicros(): number {
    return WALL_START_MICROS + Math.floor(this.monotonicMs() * 1000) + this.#wallSkewMicros;
  }

  after(delayMs: number, callback: () => void): CancelTimer {
    return this.#in(delayMs, callback, null);
  }

  soon(callback: () => void): void {
    this.#line.schedule(this, this.#line.monotonicMs(), this.#nextSoon(), null, callback);
  }

  /** As `after`, but it is no timer: it comes from elsewhere, from `source` (E3). */
  arrive(delayMs: number, source: object, callback: () => void): CancelTimer {
    return this.#in(delayMs, callback, source);
  }

  /**
   * From now on both clocks of the process run `rate` times as fast as true time, without a jump
   * (E4). 1, where it begins, is true time, and keeps what was gained or lost before.
   */
  setRate(rate: number): void {
    assert(rate > 0 && Number.isFinite(rate), () => `a clock's rate of ${rate}`);
    const lineMs = this.#line.monotonicMs();
    this.#ownBaseMs = this.#ownTimeMs(lineMs);
    this.#lineBaseMs = lineMs;
    this.#rate = rate;
    this.#line.retime(this);
  }

  /** The wall clock is set ahead, or back. */
  jumpWall(byMicros: number): void {
    assert(Number.isSafeInteger(byMicros), () => `a jump of ${byMicros} microseconds`);
    this.#wallSkewMicros += byMicros;
  }

  /**
   * Calls `act` right before the process's nth next callback; 1 is the next. The callback does not
   * run if `act` stops the process, and runs late if it pauses it.
   */
  beforeNthEvent(nth: number, act: () => void): void {
    assert(nth >= 1, () => `the ${nth}th next event`);
    this.#crashPoints.push({ countdown: nth, act });
  }

  /** The process is killed: nothing of it runs any more. */
  stop(): void {
    this.#state = "stopped";
    this.#late = [];
    this.#crashPoints = [];
  }

  pause(): void {
    assert(this.#state === "running", () => `pause of a ${this.#state} process`);
    this.#state = "paused";
  }

  resume(): void {
    assert(this.#state === "paused", () => `resume of a ${this.#state} process`);
    this.#state = "running";
    const late = this.#late.filter(({ state }) => state !== "cancelled");
    this.#late = [];
    for (const event of resumed(late, (bound) => this.#line.below(bound))) {
      this.#line.scheduleAgain(event, this.#nextSoon());
    }
  }

  /** For `SimulatedClock`: whether the event's callback is to run now. */
  admit(event: SimulatedEvent<ProcessClock>): boolean {
    if (this.#crashPoints.length > 0 && this.#state === "running") this.#reachCrashPoints();
    if (this.#state === "paused") this.#late.push(event);
    return this.#state === "running";
  }

  /** For `SimulatedClock`: when this clock, as it runs now, shows `ownTimeMs` or a trifle more. */
  lineTimeMs(ownTimeMs: number): number {
    let lineMs = this.#lineBaseMs + (ownTimeMs - this.#ownBaseMs) / this.#rate;
    // Rounded up: a timer that came a trifle early would be set again for no time at all, for ever.
    while (this.#ownTimeMs(lineMs) < ownTimeMs) lineMs += Math.max(1, lineMs) * Number.EPSILON;
    return lineMs;
  }

  #in(delayMs: number, callback: () => void, source: object | null): CancelTimer {
    const ownTimeMs = this.monotonicMs() + Math.max(0, delayMs);
    const timeMs = this.lineTimeMs(ownTimeMs);
    const order = this.#line.drawOrder();
    const event = this.#line.schedule(this, timeMs, order, ownTimeMs, callback, source);
    return () => this.#line.cancel(event);
  }

  #ownTimeMs(lineMs: number): number {
    return this.#ownBaseMs + (lineMs - this.#lineBaseMs) * this.#rate;
  }

  /** Behind the process's own last one, but not in front of everybody else for ever. */
  #nextSoon(): number {
    const nowMs = this.#line.monotonicMs();
    const drawn = this.#line.drawOrder();
    this.#soonOrder = this.#soonMs === nowMs ? this.#soonOrder + drawn / 2 : drawn;
    this.#soonMs = nowMs;
    return this.#soonOrder;
  }

  #reachCrashPoints(): void {
    const reached = this.#crashPoints.filter((point) => --point.countdown === 0);
    if (reached.length === 0) return;
    this.#crashPoints = this.#crashPoints.filter(({ countdown }) => countdown > 0);
    for (const { act } of reached) act();
  }
}
