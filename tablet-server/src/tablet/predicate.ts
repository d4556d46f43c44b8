/**
 * The `if` of a PATCH: a test of the row as it is before the mutations.
 */
import { must, unreachable } from "@stele/shared/assert.ts";
import type { Column, Predicate } from "@stele/shared/row-operations.ts";
import { findColumn } from "../storage/stored-row.ts";
import type { StoredRow } from "../storage/stored-row.ts";
import type { SchemaFamilies } from "./schema-families.ts";

/** Every family that the predicate names is in the schema (`unknownFamily` checked it). */
export function holds(
  predicate: Predicate,
  row: StoredRow | null,
  families: SchemaFamilies,
): boolean {
  switch (predicate.kind) {
    case "column-equals":
      return newestValue(row, predicate.column, families)?.equals(predicate.value) ?? false;
    case "column-exists":
      return (newestValue(row, predicate.column, families) !== null) === predicate.exists;
    case "row-exists":
      return (row !== null) === predicate.exists;
    case "row-version":
      return row?.version === predicate.version;
    case "all":
      return predicate.of.every((part) => holds(part, row, families));
    case "any":
      return predicate.of.some((part) => holds(part, row, families));
    case "not":
      return !holds(predicate.of, row, families);
    default:
      return unreachable(predicate);
  }
}

function newestValue(
  row: StoredRow | null,
  column: Column,
  families: SchemaFamilies,
): Buffer | null {
  const { number } = must(families.byName.get(column.family), "a predicate's family is known");
  return findColumn(row, number, column.qualifier)?.cells[0]?.value ?? null;
}
