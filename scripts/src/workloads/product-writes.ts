/** The operations of histories as the front-end takes them: the way back from `product-rows.ts`. */
import { parseValue } from "@stele/frontend/rest/bytes-json.ts";
import { columnOf, columnOrFamilyOfText } from "@stele/frontend/rest/column-name.ts";
import { withIdempotency } from "@stele/frontend/rest/idempotency.ts";
import { unreachable } from "@stele/shared/assert.ts";
import type { Version } from "@stele/shared/ids.ts";
import { NO_CONDITIONS } from "@stele/shared/row-operations.ts";
import type {
  Column,
  Conditions,
  Mutation,
  Predicate,
  Projection,
  RowWrite,
} from "@stele/shared/row-operations.ts";
import type { RowRange } from "@stele/shared/row-range.ts";
import type {
  ColumnTest,
  Expected,
  RowMutation,
  ScanOperation,
  WriteOperation,
} from "../check/history/row-operation.ts";
import type { RowsShown } from "./store-client.ts";

/** Of a key's text: one character a byte. */
export function keyBytes(keyText: string): Buffer {
  return Buffer.from(keyText, "latin1");
}

/** @param request the Idempotency-Key; null: none */
export function rowWriteOf(operation: WriteOperation, request: string | null): RowWrite {
  const { key, expected, test, mutations } = operation;
  const write: RowWrite = {
    key: keyBytes(key),
    conditions: conditionsOf(expected),
    predicate: test === null ? null : predicateOf(test),
    mutations: mutations.map(mutationOf),
    otherwise: [],
    idempotency: null,
  };
  return withIdempotency(write, "PATCH", request);
}

/** The newest cell of each column asked for, or none. */
export function projectionOf(
  columns: readonly string[] | null,
  shows: RowsShown = "columns",
): Projection {
  const kept = columns === null ? null : columns.map(columnOrFamilyOfText);
  return { columns: kept, versions: 1, timestamp: null, keysOnly: shows === "keys" };
}

export function rangeOf({ start, end }: ScanOperation): RowRange {
  return {
    start: start === null ? null : keyBytes(start),
    end: end === null ? null : keyBytes(end),
  };
}

function conditionsOf(expected: Expected): Conditions {
  switch (expected.kind) {
    case "anything":
      return NO_CONDITIONS;
    case "no-row":
      return { ...NO_CONDITIONS, absent: true };
    case "version":
      return { ...NO_CONDITIONS, ifMatch: [expected.version as Version] };
    default:
      return unreachable(expected);
  }
}

function predicateOf({ column, equals }: ColumnTest): Predicate {
  return equals === null
    ? { kind: "column-exists", column: columnNamed(column), exists: false }
    : { kind: "column-equals", column: columnNamed(column), value: valueOf(equals).value };
}

function mutationOf(mutation: RowMutation): Mutation {
  switch (mutation.kind) {
    case "set": {
      const column = columnNamed(mutation.column);
      return { kind: "set", column, ...valueOf(mutation.value), timestamp: null };
    }
    case "delete": {
      const column = columnNamed(mutation.column);
      return { kind: "delete-column", column, from: null, to: null };
    }
    case "delete-family":
      return { kind: "delete-family", family: mutation.family };
    case "delete-row":
      return { kind: "delete-row" };
    case "increment": {
      const column = columnNamed(mutation.column);
      return { kind: "increment", column, amount: BigInt(mutation.amount), timestamp: null };
    }
    case "append": {
      const column = columnNamed(mutation.column);
      return { kind: "append", column, value: valueOf(mutation.value).value, timestamp: null };
    }
    default:
      return unreachable(mutation);
  }
}

function columnNamed(text: string): Column {
  return columnOf(columnOrFamilyOfText(text));
}

function valueOf(jsonText: string): { readonly value: Buffer; readonly int64: boolean } {
  return parseValue(JSON.parse(jsonText), null);
}
