/**
 * The lease of one leader: it may serve reads of its applied state without asking, until so long after it
 * *sent* a heartbeat round that a quorum acknowledged (Raft dissertation, section 6.4.1; the send time, never
 * the receipt). Followers that acknowledged the round grant no vote for longer than that (timing.ts, T1).
 *
 * Lives in the host, since the core has no clock.
 */
export class LeaderLease {
  readonly #leaseMs: number;
  /** Rounds on their way, ascending, with the time they were handed to the transport. */
  #sent: { readonly round: number; readonly atMs: number }[] = [];
  #untilMs = Number.NEGATIVE_INFINITY;

  constructor(leaseMs: number) {
    this.#leaseMs = leaseMs;
  }

  roundSent(round: number, nowMs: number): void {
    this.#sent.push({ round, atMs: nowMs });
    // Unacknowledged rounds older than a lease can no longer grant one.
    while (this.#sent.length > 1 && (this.#sent[0]?.atMs ?? 0) + this.#leaseMs < nowMs) {
      this.#sent.shift();
    }
  }

  roundAcked(round: number): void {
    while (this.#sent.length > 0 && (this.#sent[0]?.round ?? 0) <= round) {
      const { atMs } = this.#sent.shift() as { atMs: number };
      this.#untilMs = Math.max(this.#untilMs, atMs + this.#leaseMs);
    }
  }

  /** At step-down, and before a transfer begins. */
  void(): void {
    this.#sent = [];
    this.#untilMs = Number.NEGATIVE_INFINITY;
  }

  holds(nowMs: number): boolean {
    return nowMs < this.#untilMs;
  }
}
