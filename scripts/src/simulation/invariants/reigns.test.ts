import { replicaId, serverId, term } from "@stele/shared/ids.ts";
import type { GroupConfig } from "@stele/shared/raft/group-config.ts";
import { beforeEach, describe, expect, test } from "vitest";
import { Reign, Reigns } from "./reigns.ts";

const SERVER = serverId("6f1c1a52-6f0e-4d51-9d0c-0a3b51c2e001");
const [A, B, C, D] = [replicaId(1), replicaId(2), replicaId(3), replicaId(4)];
const LEASE_MS = 600;

function voters(...ids: readonly (typeof A)[]): GroupConfig {
  const members = ids.map((id) => ({ replicaId: id, serverId: SERVER }));
  return { voters: members, outgoing: [], learners: [] };
}

let reign: Reign;

beforeEach(() => {
  reign = new Reign(A, LEASE_MS, voters(A, B, C));
});

describe("a lease", () => {
  test("lasts from when a round was sent that a quorum answered", () => {
    reign.sends(1, 1_000);
    expect(reign.problemOfLease(1_001)).not.toBe(null);
    reign.answers(B, 1);
    expect(reign.problemOfLease(1_599)).toBe(null);
    expect(reign.problemOfLease(1_601)).toBe(
      "holds a lease 1 ms after the last round that a quorum answered allows",
    );
  });

  test("is not granted by a round that is older than it may last", () => {
    reign.sends(1, 1_000);
    reign.sends(2, 2_000);
    reign.answers(B, 1);
    expect(reign.problemOfLease(2_000)).not.toBe(null);
  });

  test("outlives the config that granted it, and is granted by the next one alone", () => {
    reign.sends(1, 1_000);
    reign.answers(C, 1);
    reign.changes(voters(A, B, D));
    expect(reign.problemOfLease(1_500)).toBe(null);
    reign.sends(2, 1_700);
    reign.answers(C, 2);
    expect(reign.problemOfLease(1_701)).not.toBe(null);
  });

  test("is over once another was asked to take over", () => {
    reign.sends(1, 1_000);
    reign.answers(B, 1);
    reign.handedOver = true;
    expect(reign.problemOfLease(1_001)).toContain("asked another to take over");
  });

  test("of one that is alone needs no answer", () => {
    expect(new Reign(A, LEASE_MS, voters(A)).problemOfLease(5_000)).toBe(null);
  });
});

test("a read is confirmed by a round that left after it came", () => {
  const configs = [voters(A, B, C)];
  reign.sends(7, 1_000);
  const { lastRound } = reign;
  reign.answers(B, 7);
  expect(reign.isConfirmedBehind(lastRound, configs)).toBe(false);
  reign.sends(8, 1_010);
  reign.answers(C, 8);
  expect(reign.isConfirmedBehind(lastRound, configs)).toBe(true);
});

test("a term has the reign of whoever led it first", () => {
  const reigns = new Reigns();
  expect(reigns.find(term(3))).toBe(null);
  reigns.begins(A, term(3), LEASE_MS, voters(A));
  const first = reigns.find(term(3));
  reigns.begins(B, term(3), LEASE_MS, voters(B));
  expect(reigns.find(term(3))).toBe(first);
});
