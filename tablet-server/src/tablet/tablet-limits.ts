/** How much one tablet's leader takes in before it tells front-ends to slow down, and what it keeps for retries. */
export interface TabletLimits {
  /** Writes taken and not answered. */
  readonly waitingWrites: number;
  readonly waitingBytes: number;
  /**
   * Results kept for retries. A front-end that writes has about its writes in flight among them, and up to one
   * sequence's span of numbers (10 000) for every write of it that hangs; one that fell silent leaves what was in
   * flight.
   */
  readonly outcomes: number;
  readonly outcomeBytes: number;
  /**
   * A result is kept for so long by log age: longer than a front-end tries a write (`writeMs` of its routing limits)
   * and an attempt may be under way, both together. The same on every server: replicas forget alike.
   */
  readonly retryTtlMs: number;
}

export const TABLET_LIMITS: TabletLimits = {
  waitingWrites: 20_000,
  waitingBytes: 32 * 1024 * 1024,
  outcomes: 100_000,
  outcomeBytes: 32 * 1024 * 1024,
  retryTtlMs: 5 * 60 * 1000,
};
