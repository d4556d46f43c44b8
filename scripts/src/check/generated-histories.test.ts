import { describe, expect, test } from "vitest";
import { checkSpoiledHistories, judgeHistory } from "./testing/generated-verdicts.ts";
import { CLEAN } from "./testing/generated-history.ts";

const HISTORIES = 500;
const SPOILED = 100;

test(`${HISTORIES} clean histories are linearizable`, () => {
  for (let seed = 1; seed <= HISTORIES; seed++) {
    const shape = { ...CLEAN, seed, clients: 2 + (seed % 7) };
    expect(judgeHistory(shape), `seed ${seed}`).toBe("linearizable");
  }
}, 60_000);

test("a history of 50 000 operations on one row is linearizable", () => {
  const shape = { ...CLEAN, clients: 8, operations: 50_000, keys: 1 };
  expect(judgeHistory(shape)).toBe("linearizable");
}, 60_000);

describe.each(["lost-write", "double-increment", "stale-read"] as const)("%s", (kind) => {
  test("in a clean history is flagged, every time", () => {
    const { missed } = checkSpoiledHistories(kind, SPOILED);
    expect(missed).toEqual([]);
  }, 60_000);
});
