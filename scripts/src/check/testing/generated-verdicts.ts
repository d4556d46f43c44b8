// What the checker says of generated histories.
import { checkHistory, DEFAULT_MEMORY_BYTES } from "../linearizability.ts";
import { rowModel } from "../models/row.ts";
import { isCertainViolation } from "./certain-violation.ts";
import { CLEAN, generateHistory } from "./generated-history.ts";
import type { HistoryShape } from "./generated-history.ts";
import type { Fault } from "./naive-table.ts";

/** Steps of the search instead of time, so that a loaded machine gives the same verdict. */
const CLOCK_LOOKS_MAX = 10_000;

export function judgeHistory(shape: HistoryShape): string {
  let looks = 0;
  const verdict = checkHistory(rowModel, generateHistory(shape), {
    nowMs: () => looks++,
    budgetMs: CLOCK_LOOKS_MAX,
    memoryBytes: DEFAULT_MEMORY_BYTES,
  });
  return verdict.kind;
}

/** Of `count` histories in which the fault is a violation for certain: the seeds of those that pass. */
export function checkSpoiledHistories(
  kind: Fault["kind"],
  count: number,
): { readonly flagged: number; readonly missed: readonly number[] } {
  const missed: number[] = [];
  let flagged = 0;
  for (let seed = 1; flagged + missed.length < count; seed++) {
    const shape: HistoryShape = {
      ...CLEAN,
      seed,
      clients: 2 + (seed % 7),
      mix: kind === "double-increment" ? "counters" : "everything",
      fault: { kind, at: seed % 40 },
    };
    if (!isCertainViolation(generateHistory(shape))) continue;
    if (judgeHistory(shape) === "violation") flagged++;
    else missed.push(seed);
  }
  return { flagged, missed };
}
