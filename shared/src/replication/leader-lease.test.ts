import { describe, expect, test } from "vitest";
import { LeaderLease } from "./leader-lease.ts";

describe("a leader's lease", () => {
  test("counts from the sending of the acknowledged round, not from the acknowledgement", () => {
    const lease = new LeaderLease(600);
    lease.roundSent(1, 1_000);
    lease.roundAcked(1);
    expect(lease.holds(1_599)).toBe(true);
    expect(lease.holds(1_600)).toBe(false);
  });

  test("is renewed by the latest round that the acknowledgement covers, and by no later one", () => {
    const lease = new LeaderLease(600);
    for (const [round, atMs] of [
      [1, 0],
      [2, 150],
      [4, 300],
    ] as const) {
      lease.roundSent(round, atMs);
    }
    lease.roundAcked(3);
    expect(lease.holds(749)).toBe(true);
    expect(lease.holds(750)).toBe(false);
    lease.roundAcked(4);
    expect(lease.holds(899)).toBe(true);
  });

  test("never ends earlier because an older round is acknowledged late", () => {
    const lease = new LeaderLease(600);
    lease.roundSent(1, 0);
    lease.roundSent(2, 500);
    lease.roundAcked(2);
    lease.roundAcked(1);
    expect(lease.holds(1_099)).toBe(true);
  });

  test("is over once void, also for rounds that were on their way", () => {
    const lease = new LeaderLease(600);
    lease.roundSent(1, 0);
    lease.roundAcked(1);
    lease.roundSent(2, 100);
    lease.void();
    expect(lease.holds(101)).toBe(false);
    lease.roundAcked(2);
    expect(lease.holds(101)).toBe(false);
  });

  test("comes from no round that was sent longer ago than a lease", () => {
    const lease = new LeaderLease(600);
    lease.roundSent(1, 0);
    lease.roundAcked(1);
    expect(lease.holds(5_000)).toBe(false);
    for (let round = 2; round < 100; round++) lease.roundSent(round, round * 1_000);
    lease.roundAcked(50);
    expect(lease.holds(99_100)).toBe(false);
  });
});
