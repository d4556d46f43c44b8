/**
 * Judges the history of one table: what its scans left out, and whether each row's operations have an order.
 *
 * J1. The budget is in steps of the search, not in time: the same history is judged the same everywhere.
 * J2. Undecided is a problem.
 */
import { unreachable } from "@stele/shared/assert.ts";
import { explainViolation } from "../check/explanation.ts";
import type { RecordedOperation } from "../check/history/row-operation.ts";
import { checkHistory, DEFAULT_MEMORY_BYTES } from "../check/linearizability.ts";
import { rowModel } from "../check/models/row.ts";
import {
  describeScanProblem,
  scanProblems,
  summarizeScanProblems,
} from "../check/scan-coverage.ts";
import type { WorkloadProblem } from "./workload.ts";

/** Slices of 200 steps: about two seconds. */
const LEAST_SLICES = 5_000;
const SCAN_PROBLEMS_SHOWN = 5;

export function judgeHistory(
  table: string,
  history: readonly RecordedOperation[],
): WorkloadProblem[] {
  return [...scanCoverage(table, history), ...linearizability(table, history)];
}

function scanCoverage(table: string, history: readonly RecordedOperation[]): WorkloadProblem[] {
  const found = scanProblems(history);
  if (found.length === 0) return [];
  const shown = found.slice(0, SCAN_PROBLEMS_SHOWN).map(describeScanProblem).join("; ");
  const detail = `${table}: ${summarizeScanProblems(found)}, such as: ${shown}`;
  return [{ checker: "scan coverage", detail }];
}

function linearizability(table: string, history: readonly RecordedOperation[]): WorkloadProblem[] {
  let slices = 0;
  const verdict = checkHistory(rowModel, history, {
    nowMs: () => slices++,
    budgetMs: LEAST_SLICES + history.length,
    memoryBytes: DEFAULT_MEMORY_BYTES,
  });
  const problem = (detail: string): WorkloadProblem => ({
    checker: "linearizability",
    detail: `${table}: ${detail}`,
  });
  switch (verdict.kind) {
    case "linearizable":
      return [];
    case "violation":
      return [problem(explainViolation(rowModel, verdict.violation))];
    case "undecided":
      return [problem(`undecided: no ${verdict.spent} was left for ${verdict.partition}`)];
    default:
      return unreachable(verdict);
  }
}
