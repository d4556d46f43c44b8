/**
 * Stele's own rows and outcomes as a history records them.
 */
import { columnText } from "@stele/frontend/rest/column-name.ts";
import { renderValue } from "@stele/frontend/rest/bytes-json.ts";
import type { DatabaseErrorBody } from "@stele/shared/errors.ts";
import { rowKeyText } from "@stele/shared/row-key.ts";
import type { Column, WriteOutcome, WriteResult } from "@stele/shared/row-operations.ts";
import type { Row } from "@stele/shared/row.ts";
import type {
  Columns,
  FailedOutcome,
  ReadOutcome,
  ScannedOutcome,
  WrittenOutcome,
} from "./row-operation.ts";

/** Null: the outcome is unknown. */
export function writeOutcomeOf(outcome: WriteOutcome): WrittenOutcome | FailedOutcome | null {
  return outcome.kind === "done" ? writtenOutcomeOf(outcome.result) : failedWriteOf(outcome.error);
}

export function writtenOutcomeOf({ version, matched, computed }: WriteResult): WrittenOutcome {
  const cells = computed.map(({ column, value, int64 }): [string, string] => [
    nameOf(column),
    renderValue(value, int64),
  ]);
  return { kind: "written", version, matched, computed: new Map(cells) };
}

/** Null: it may have taken effect. */
export function failedWriteOf(error: DatabaseErrorBody): FailedOutcome | null {
  const { code, applied, version = null } = error;
  if (applied !== "no") return null;
  const tellsVersion = code === "VERSION_MISMATCH" || code === "ROW_EXISTS";
  return { kind: "failed", code, version: tellsVersion ? version : null };
}

/** Of a read that gave all columns, or those of its projection. */
export function readOutcomeOf(row: Row | null): ReadOutcome {
  if (row === null) return { kind: "read", row: null };
  return { kind: "read", row: { version: row.version, columns: columnsOf(row) } };
}

/** @param resume as in a scan's chunk; null: the range is exhausted */
export function scannedOutcomeOf(rows: readonly Row[], resume: Buffer | null): ScannedOutcome {
  return {
    kind: "scanned",
    rows: rows.map((row) => ({
      key: rowKeyText(row.key),
      version: row.version,
      columns: columnsOf(row),
    })),
    resume: resume === null ? null : rowKeyText(resume),
  };
}

/** The newest value of each column: cells of a column come newest first. */
function columnsOf({ cells }: Row): Columns {
  const columns = new Map<string, string>();
  for (const cell of cells) {
    const name = nameOf(cell);
    if (!columns.has(name)) columns.set(name, renderValue(cell.value, cell.int64));
  }
  return columns;
}

function nameOf({ family, qualifier }: Column): string {
  return columnText(family, qualifier);
}
