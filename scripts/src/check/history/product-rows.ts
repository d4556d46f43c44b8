/**
 * Stele's own operations, rows and outcomes as a history records them. What a history cannot express is an
 * error at once: it would be checked as something else.
 */
import { columnText } from "@stele/frontend/rest/column-name.ts";
import { renderValue } from "@stele/frontend/rest/bytes-json.ts";
import { unreachable } from "@stele/shared/assert.ts";
import type { DatabaseErrorBody } from "@stele/shared/errors.ts";
import { rowKeyText } from "@stele/shared/row-key.ts";
import type {
  Column,
  Conditions,
  Mutation,
  Predicate,
  RowWrite,
  WriteOutcome,
  WriteResult,
} from "@stele/shared/row-operations.ts";
import type { Row } from "@stele/shared/row.ts";
import type {
  Columns,
  ColumnTest,
  Expected,
  FailedOutcome,
  ReadOutcome,
  RowMutation,
  ScannedOutcome,
  WriteOperation,
  WrittenOutcome,
} from "./row-operation.ts";

export function writeOperationOf(write: RowWrite): WriteOperation {
  if (write.otherwise.length > 0) throw new Error("a history has no mutations for `otherwise`");
  return {
    kind: "write",
    key: rowKeyText(write.key),
    expected: expectedOf(write.conditions),
    test: write.predicate === null ? null : testOf(write.predicate),
    mutations: write.mutations.map(mutationOf),
  };
}

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

function expectedOf({ ifMatch, ifNoneMatch, absent }: Conditions): Expected {
  if (ifMatch === null && ifNoneMatch === null) {
    return absent ? { kind: "no-row" } : { kind: "anything" };
  }
  if (ifMatch === null && ifNoneMatch === "any") return { kind: "no-row" };
  if (ifNoneMatch === null && !absent && ifMatch !== "any" && ifMatch?.length === 1) {
    return { kind: "version", version: ifMatch[0] as number };
  }
  throw new Error("a history knows the conditions: one version, or no row");
}

function testOf(predicate: Predicate): ColumnTest {
  if (predicate.kind === "column-equals") {
    return { column: nameOf(predicate.column), equals: renderValue(predicate.value, false) };
  }
  if (predicate.kind === "column-exists" && !predicate.exists) {
    return { column: nameOf(predicate.column), equals: null };
  }
  throw new Error(`a history has no predicate ${predicate.kind}`);
}

function mutationOf(mutation: Mutation): RowMutation {
  if ("timestamp" in mutation && mutation.timestamp !== null) {
    throw new Error("a history has no timestamps of cells");
  }
  switch (mutation.kind) {
    case "set": {
      const value = renderValue(mutation.value, mutation.int64);
      return { kind: "set", column: nameOf(mutation.column), value };
    }
    case "delete-column":
      if (mutation.from !== null || mutation.to !== null) {
        throw new Error("a history deletes all versions of a column, or none");
      }
      return { kind: "delete", column: nameOf(mutation.column) };
    case "delete-family":
      return { kind: "delete-family", family: mutation.family };
    case "delete-row":
      return { kind: "delete-row" };
    case "increment":
      return {
        kind: "increment",
        column: nameOf(mutation.column),
        amount: String(mutation.amount),
      };
    case "append":
      return {
        kind: "append",
        column: nameOf(mutation.column),
        value: renderValue(mutation.value, false),
      };
    default:
      return unreachable(mutation);
  }
}
