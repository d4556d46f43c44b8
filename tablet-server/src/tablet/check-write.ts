/**
 * What can be said about a write without looking at the row: it is refused for these whatever the row
 * holds and whichever branch would run, before any condition is judged.
 */
import { unreachable } from "@stele/shared/assert.ts";
import type { DatabaseErrorBody } from "@stele/shared/errors.ts";
import { isRowKey } from "@stele/shared/row-key.ts";
import type { Column, Mutation, Predicate, RowWrite } from "@stele/shared/row-operations.ts";
import { MAX_QUALIFIER_BYTES, MAX_VALUE_BYTES } from "@stele/shared/row.ts";
import {
  familyNotFound,
  invalidKey,
  notANumber,
  qualifierTooLong,
  valueTooLarge,
} from "./refusals.ts";
import type { SchemaFamilies } from "./schema-families.ts";

const INT64_BYTES = 8;

/** The refusal, or null when the write may be evaluated. */
export function invalidWrite(write: RowWrite, families: SchemaFamilies): DatabaseErrorBody | null {
  if (!isRowKey(write.key)) return invalidKey(write.key);
  for (const mutation of write.mutations) {
    const invalid = invalidMutation(mutation, families);
    if (invalid !== null) return invalid;
  }
  for (const mutation of write.otherwise) {
    const invalid = invalidMutation(mutation, families);
    if (invalid !== null) return invalid;
  }
  return write.predicate === null ? null : invalidPredicate(write.predicate, families);
}

function invalidMutation(mutation: Mutation, families: SchemaFamilies): DatabaseErrorBody | null {
  switch (mutation.kind) {
    case "delete-row":
      return null;
    case "delete-family":
      return families.byName.has(mutation.family)
        ? null
        : familyNotFound(mutation.family, families);
    case "set":
      if (mutation.int64 && mutation.value.length !== INT64_BYTES) {
        return notANumber(mutation.column, mutation.value.length);
      }
      return (
        invalidColumn(mutation.column, families) ?? invalidValue(mutation.column, mutation.value)
      );
    case "append":
      return (
        invalidColumn(mutation.column, families) ?? invalidValue(mutation.column, mutation.value)
      );
    case "increment":
    case "delete-column":
      return invalidColumn(mutation.column, families);
    default:
      return unreachable(mutation);
  }
}

function invalidPredicate(
  predicate: Predicate,
  families: SchemaFamilies,
): DatabaseErrorBody | null {
  switch (predicate.kind) {
    case "column-equals":
    case "column-exists":
      return invalidColumn(predicate.column, families);
    case "all":
    case "any":
      for (const part of predicate.of) {
        const invalid = invalidPredicate(part, families);
        if (invalid !== null) return invalid;
      }
      return null;
    case "not":
      return invalidPredicate(predicate.of, families);
    case "row-exists":
    case "row-version":
      return null;
    default:
      return unreachable(predicate);
  }
}

function invalidColumn(column: Column, families: SchemaFamilies): DatabaseErrorBody | null {
  if (!families.byName.has(column.family)) return familyNotFound(column.family, families);
  return column.qualifier.length > MAX_QUALIFIER_BYTES ? qualifierTooLong(column) : null;
}

function invalidValue(column: Column, value: Buffer): DatabaseErrorBody | null {
  return value.length > MAX_VALUE_BYTES ? valueTooLarge(column, value.length) : null;
}
