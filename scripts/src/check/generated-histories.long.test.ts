import { expect, test } from "vitest";
import { scanProblems } from "./scan-coverage.ts";
import { CLEAN, generateHistory } from "./testing/generated-history.ts";
import { checkSpoiledHistories, judgeHistory } from "./testing/generated-verdicts.ts";

const HISTORIES = 10_000;

test(`${HISTORIES} clean histories raise no false alarm`, () => {
  const alarms: number[] = [];
  for (let seed = 1; seed <= HISTORIES; seed++) {
    const shape = { ...CLEAN, seed, clients: 2 + (seed % 7) };
    const problems = scanProblems(generateHistory(shape));
    if (judgeHistory(shape) !== "linearizable" || problems.length > 0) alarms.push(seed);
  }
  expect(alarms).toEqual([]);
});

test.each(["lost-write", "double-increment", "stale-read"] as const)(
  "2000 histories with a %s are all flagged",
  (kind) => {
    const { flagged, missed } = checkSpoiledHistories(kind, 2000);
    expect(missed).toEqual([]);
    expect(flagged).toBe(2000);
  },
);
