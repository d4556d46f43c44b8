import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { checkHistory, DEFAULT_MEMORY_BYTES } from "../linearizability.ts";
import { rowModel } from "../models/row.ts";
import { scanProblems } from "../scan-coverage.ts";
import { parseHistoryLine } from "./history-line.ts";
import { renderHistoryLine } from "./render-history-line.ts";

test("the history in docs/TESTING.md is valid, linearizable and complete", () => {
  const page = readFileSync(new URL("../../../../docs/TESTING.md", import.meta.url), "utf8");
  const [, example = ""] = /## Histories[^]*?```json\n([^]*?)```/.exec(page) ?? [];
  const lines = example.trim().split("\n");
  expect(lines.length).toBeGreaterThan(5);
  const history = lines.map((line, at) => parseHistoryLine(Buffer.from(line), at + 1));
  const limits = { nowMs: () => 0, budgetMs: 1, memoryBytes: DEFAULT_MEMORY_BYTES };
  expect(checkHistory(rowModel, history, limits).kind).toBe("linearizable");
  expect(scanProblems(history)).toEqual([]);
  const rendered = history.map(renderHistoryLine);
  expect(rendered.map((line, at) => parseHistoryLine(Buffer.from(line), at + 1))).toEqual(history);
});
