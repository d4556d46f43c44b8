import { describe, expect, test } from "vitest";
import { checkHistory, DEFAULT_MEMORY_BYTES } from "./linearizability.ts";
import { rowModel } from "./models/row.ts";
import { isCertainViolation } from "./testing/certain-violation.ts";
import { generateHistory } from "./testing/generated-history.ts";
import type { HistoryShape } from "./testing/generated-history.ts";
import type { Fault } from "./testing/naive-table.ts";

const HISTORIES = Number(process.env["STELE_SEEDS"] ?? 500);
const limits = {
  nowMs: () => performance.now(),
  budgetMs: 20_000,
  memoryBytes: DEFAULT_MEMORY_BYTES,
};
const judge = (shape: HistoryShape): string =>
  checkHistory(rowModel, generateHistory(shape), limits).kind;

function shapeOf(seed: number, fault: Fault | null): HistoryShape {
  const mix = fault?.kind === "double-increment" ? "counters" : "everything";
  return {
    seed,
    keys: 10,
    clients: 2 + (seed % 7),
    operations: 200,
    unknownsPerKey: 3,
    mix,
    fault,
  };
}

test(`${HISTORIES} clean histories are linearizable`, () => {
  for (let seed = 1; seed <= HISTORIES; seed++) {
    expect(judge(shapeOf(seed, null)), `seed ${seed}`).toBe("linearizable");
  }
}, 60_000);

describe.each(["lost-write", "double-increment", "stale-read"] as const)("%s", (kind) => {
  test("in a clean history is flagged, every time", () => {
    let certain = 0;
    for (let seed = 1; certain < HISTORIES / 5; seed++) {
      const shape = shapeOf(seed, { kind, at: seed % 40 });
      if (!isCertainViolation(generateHistory(shape))) continue;
      certain++;
      expect(judge(shape), `seed ${seed}`).toBe("violation");
    }
  }, 60_000);
});
