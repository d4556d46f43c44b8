/**
 * The time to check large histories. Run it with the checkout's Node; each line tells the verdict, what was
 * checked, and how long it took, generation and parsing apart.
 */
import { parseHistoryLine } from "./history/history-line.ts";
import { renderHistoryLine } from "./history/render-history-line.ts";
import { checkHistory, DEFAULT_MEMORY_BYTES } from "./linearizability.ts";
import { rowModel } from "./models/row.ts";
import { scanProblems } from "./scan-coverage.ts";
import { CLEAN, generateHistory } from "./testing/generated-history.ts";
import type { HistoryShape } from "./testing/generated-history.ts";

const LARGE: HistoryShape = { ...CLEAN, clients: 8, operations: 50_000 };

function measure(name: string, shape: HistoryShape): void {
  const lines = generateHistory(shape).map(renderHistoryLine);
  const startedMs = performance.now();
  const history = lines.map((line, at) => parseHistoryLine(Buffer.from(line), at + 1));
  const parsedMs = performance.now();
  const verdict = checkHistory(rowModel, history, {
    nowMs: () => performance.now(),
    budgetMs: 600_000,
    memoryBytes: DEFAULT_MEMORY_BYTES,
  });
  const checkedMs = performance.now();
  const problems = scanProblems(history).length;
  const scannedMs = performance.now();
  const seconds = (from: number, to: number): string => `${((to - from) / 1000).toFixed(2)} s`;
  process.stdout.write(
    `${name}: ${verdict.kind}, ${problems} scan problems; ${lines.length} operations, ` +
      `${verdict.figures.entered} steps; parse ${seconds(startedMs, parsedMs)}, ` +
      `check ${seconds(parsedMs, checkedMs)}, scans ${seconds(checkedMs, scannedMs)}\n`,
  );
}

measure("10 rows, 8 clients, 3 unknown a row", LARGE);
measure("1 row, 8 clients, 3 unknown", { ...LARGE, keys: 1 });
measure("10 rows, 40 clients, 20 unknown a row", { ...LARGE, clients: 40, unknownsPerKey: 20 });
measure("10 rows, a lost write", { ...LARGE, fault: { kind: "lost-write", at: 10_000 } });
measure("1 counter, a double increment", {
  ...LARGE,
  keys: 1,
  unknownsPerKey: 0,
  mix: "counters",
  fault: { kind: "double-increment", at: 10_000 },
});
