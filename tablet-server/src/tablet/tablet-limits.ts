/** How much one tablet's leader takes in before it tells front-ends to slow down. */
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
}

export const TABLET_LIMITS: TabletLimits = {
  waitingWrites: 20_000,
  waitingBytes: 32 * 1024 * 1024,
  outcomes: 100_000,
  outcomeBytes: 32 * 1024 * 1024,
};
