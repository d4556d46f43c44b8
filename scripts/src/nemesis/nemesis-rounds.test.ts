import { expect, test } from "vitest";
import { ROUND_MS, roundsOf } from "./nemesis-rounds.ts";

test("a run that one round can hold is that round", () => {
  const run = { durationMs: ROUND_MS, seed: 7, directory: "/kept" };
  expect(roundsOf(run)).toEqual([run]);
});

test("a longer run is rounds of equal length, each with the next seed and its own directory", () => {
  const rounds = roundsOf({ durationMs: 2 * ROUND_MS + 30_000, seed: 7, directory: "/kept" });
  expect(rounds).toEqual([
    { durationMs: 90_000, seed: 7, directory: "/kept/seed-7" },
    { durationMs: 90_000, seed: 8, directory: "/kept/seed-8" },
    { durationMs: 90_000, seed: 9, directory: "/kept/seed-9" },
  ]);
});
