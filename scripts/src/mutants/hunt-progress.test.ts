import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { HuntProgress } from "./hunt-progress.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("hunts beside each other are told apart, and every ten seconds how far each is", () => {
  const told: string[] = [];
  const progress = new HuntProgress({
    count: 3,
    range: { from: 5, seeds: 200 },
    tell: (line) => void told.push(line),
  });
  vi.advanceTimersByTime(10_000);
  expect(told).toEqual([]);
  const [first, second] = [progress.begin(), progress.begin()];
  first.tell("trying: a");
  second.tell("trying: b");
  first.tell("caught: a");
  first.end();
  const third = progress.begin();
  second.trying(17);
  vi.advanceTimersByTime(10_000);
  expect(told).toEqual([
    "[1/3] trying: a",
    "[2/3] trying: b",
    "[1/3] caught: a",
    "mutants: 1 of 3 done, [2/3] at seed 17, [3/3] at seed 5 of 5 to 204",
  ]);
  third.end();
  progress.stop();
  vi.advanceTimersByTime(60_000);
  expect(told).toHaveLength(4);
});
