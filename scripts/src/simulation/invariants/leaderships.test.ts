import { replicaId, serverId, term } from "@stele/shared/ids.ts";
import type { GroupConfig } from "@stele/shared/raft/group-config.ts";
import { beforeEach, describe, expect, test } from "vitest";
import { Leadership, Leaderships } from "./leaderships.ts";

const SERVER = serverId("6f1c1a52-6f0e-4d51-9d0c-0a3b51c2e001");
const [A, B, C, D] = [replicaId(1), replicaId(2), replicaId(3), replicaId(4)];
const LEASE_MS = 600;

function voters(...ids: readonly (typeof A)[]): GroupConfig {
  const members = ids.map((id) => ({ replicaId: id, serverId: SERVER }));
  return { voters: members, outgoing: [], learners: [] };
}

let leadership: Leadership;

beforeEach(() => {
  leadership = new Leadership(A, LEASE_MS, voters(A, B, C));
});

describe("a lease", () => {
  test("lasts from when a round was sent that a quorum answered", () => {
    leadership.sends(1, 1_000);
    expect(leadership.problemOfLease(1_001)).not.toBe(null);
    leadership.answers(B, 1);
    expect(leadership.problemOfLease(1_599)).toBe(null);
    expect(leadership.problemOfLease(1_601)).toBe(
      "holds a lease 1 ms after the last round that a quorum answered allows",
    );
  });

  test("is not granted by a round that is older than it may last", () => {
    leadership.sends(1, 1_000);
    leadership.sends(2, 2_000);
    leadership.answers(B, 1);
    expect(leadership.problemOfLease(2_000)).not.toBe(null);
  });

  test("outlives the config that granted it, and is granted by the next one alone", () => {
    leadership.sends(1, 1_000);
    leadership.answers(C, 1);
    leadership.changes(voters(A, B, D));
    expect(leadership.problemOfLease(1_500)).toBe(null);
    leadership.sends(2, 1_700);
    leadership.answers(C, 2);
    expect(leadership.problemOfLease(1_701)).not.toBe(null);
  });

  test("is over once another was asked to take over", () => {
    leadership.sends(1, 1_000);
    leadership.answers(B, 1);
    leadership.handedOver = true;
    expect(leadership.problemOfLease(1_001)).toContain("asked another to take over");
  });

  test("of one that is alone needs no answer", () => {
    expect(new Leadership(A, LEASE_MS, voters(A)).problemOfLease(5_000)).toBe(null);
  });
});

test("a read is confirmed by a round that left after it came", () => {
  const configs = [voters(A, B, C)];
  leadership.sends(7, 1_000);
  const { lastRound } = leadership;
  leadership.answers(B, 7);
  expect(leadership.isConfirmedBehind(lastRound, configs)).toBe(false);
  leadership.sends(8, 1_010);
  leadership.answers(C, 8);
  expect(leadership.isConfirmedBehind(lastRound, configs)).toBe(true);
});

test("a term has the leadership of whoever led it first", () => {
  const leaderships = new Leaderships();
  expect(leaderships.find(term(3))).toBe(null);
  leaderships.begins(A, term(3), LEASE_MS, voters(A));
  const first = leaderships.find(term(3));
  leaderships.begins(B, term(3), LEASE_MS, voters(B));
  expect(leaderships.find(term(3))).toBe(first);
});
