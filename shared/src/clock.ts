/**
 * Time, passed in. Two clocks: monotonic for leases, deadlines and timeouts; wall for cell
 * timestamps and for people. The simulator implements `Clock` on a virtual time line.
 */
export interface Clock {
  /** Milliseconds since an arbitrary start, with fractions; never steps back, counts stopped time. */
  monotonicMs(): number;
  /** Microseconds since 1970; may step in both directions. */
  wallMicros(): number;
  /** Calls `callback` once, at least `delayMs` from now. The returned function cancels it. */
  after(delayMs: number, callback: () => void): CancelTimer;
  /** Calls `callback` after everything already queued in this turn has run. */
  soon(callback: () => void): void;
}

export type CancelTimer = () => void;

/** Resolves after `delayMs`. */
export function delay(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => void clock.after(delayMs, resolve));
}

export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMicros: () => Date.now() * 1000,
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
  soon: (callback) => void setImmediate(callback),
};
