// Whole groups on a bad network; a failing seed replays alone by its number.
import { expect, test } from "vitest";
import { RaftSimulation } from "./testing/raft-simulation.ts";

const SEEDS = 600;

test("a group keeps its promises on a network that loses, repeats and reorders", () => {
  const totals = { terms: 0, committed: 0, reads: 0, leaseTicks: 0, snapshots: 0, configs: 0 };
  for (let seed = 1; seed <= SEEDS; seed++) {
    const result = replay(seed, 2000);
    for (const key of Object.keys(totals) as (keyof typeof totals)[]) totals[key] += result[key];
  }
  // The runs are worth something only if much happened in them.
  expect(totals.terms).toBeGreaterThan(SEEDS);
  expect(totals.committed).toBeGreaterThan(SEEDS * 10);
  expect(totals.reads).toBeGreaterThan(SEEDS);
  expect(totals.leaseTicks).toBeGreaterThan(SEEDS);
  expect(totals.snapshots).toBeGreaterThan(SEEDS);
  expect(totals.configs).toBeGreaterThan(SEEDS);
});

function replay(seed: number, events: number): ReturnType<RaftSimulation["run"]> {
  try {
    return new RaftSimulation(seed).run(events);
  } catch (error) {
    throw new Error(`seed ${seed}`, { cause: error });
  }
}
