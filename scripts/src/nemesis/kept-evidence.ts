/** What is left of a run in its directory, so that a failure can be read without the cluster. */
import { closeSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { renderHistoryLine } from "../check/history/render-history-line.ts";
import type { RecordedOperation } from "../check/history/row-operation.ts";

/** Lines of a history that are written at once. */
const BLOCK_LINES = 1_000;

/** One file a table, each to be judged by `stele check`; none of a table that nobody asked for. */
export function keepHistories(
  directory: string,
  histories: ReadonlyMap<string, readonly RecordedOperation[]>,
): void {
  for (const [table, history] of histories) {
    if (history.length === 0) continue;
    const file = openSync(historyPath(directory, table), "w");
    for (let from = 0; from < history.length; from += BLOCK_LINES) {
      const lines = history.slice(from, from + BLOCK_LINES).map(renderHistoryLine);
      writeSync(file, `${lines.join("\n")}\n`);
    }
    closeSync(file);
  }
}

function historyPath(directory: string, table: string): string {
  return join(directory, `history-${table}.ndjson`);
}
