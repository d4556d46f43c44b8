/**
 * The product's writes back as operations of a history: the inverse of `rowWriteOf`, which tests hold it against. What
 * a history cannot express is an error at once.
 */
import { columnText } from "@stele/frontend/rest/column-name.ts";
import { renderValue } from "@stele/frontend/rest/bytes-json.ts";
import { unreachable } from "@stele/shared/assert.ts";
import { rowKeyText } from "@stele/shared/row-key.ts";
import type {
  Column,
  Conditions,
  Mutation,
  Predicate,
  RowWrite,
} from "@stele/shared/row-operations.ts";
import type {
  ColumnTest,
  Expected,
  RowMutation,
  WriteOperation,
} from "../../check/history/row-operation.ts";

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

function nameOf({ family, qualifier }: Column): string {
  return columnText(family, qualifier);
}
