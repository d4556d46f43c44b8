/**
 * Every duration of the consensus and lease protocols, in one place and with one scale factor, so
 * that the relations between them hold whatever the scale.
 *
 * T1. lease <= (promise - tick) x 0.9: a leader stops trusting its lease before any follower that
 *     acknowledged it may vote for another.
 * T2. promise <= electionMin: a follower that keeps its promise never delays its own campaign.
 */
import { assert } from "./assert.ts";

export interface Timing {
  readonly tickMs: number;
  /** A leader sends a heartbeat round each so many ticks. */
  readonly heartbeatTicks: number;
  /** An election timeout is drawn uniformly from [electionMinTicks, electionMaxTicks). */
  readonly electionMinTicks: number;
  readonly electionMaxTicks: number;
  /** A follower grants no vote for so many ticks after it heard from a leader, or started. */
  readonly promiseTicks: number;
  /** A leader serves reads for so long after it *sent* a round that a quorum acknowledged. */
  readonly leaseMs: number;
}

/** `scale` 1 is for real use; simulations and slow machines may stretch it. */
export function timing(scale = 1): Timing {
  const result: Timing = {
    tickMs: 50 * scale,
    heartbeatTicks: 3,
    electionMinTicks: 16,
    electionMaxTicks: 32,
    promiseTicks: 16,
    leaseMs: 600 * scale,
  };
  assert(
    result.leaseMs <= (result.promiseTicks - 1) * result.tickMs * 0.9,
    "T1: the lease must end before the promise does",
  );
  assert(result.promiseTicks <= result.electionMinTicks, "T2: promise within election timeout");
  return result;
}
