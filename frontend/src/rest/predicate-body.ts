/** The `if` of a PATCH: a test of the row as it is before the mutations. */
import type { Predicate } from "@stele/shared/row-operations.ts";
import { parseValue } from "./bytes-json.ts";
import { parseColumn } from "./column-body.ts";
import { parseVersion } from "./decimal.ts";
import { at, invalidBody, listOf, objectOf } from "./invalid-input.ts";
import type { Pointer } from "./invalid-input.ts";
import { LIMITS } from "./limits.ts";
import { refuseFilter } from "./no-filters.ts";

type JsonObject = Readonly<Record<string, unknown>>;

const FORMS =
  '{"column","equals"}, {"column","exists"}, {"exists"}, {"version"}, {"all"}, {"any"} or {"not"}';

export function parsePredicate(value: unknown, pointer: Pointer, depth = 1): Predicate {
  if (depth > LIMITS.predicateDepth) {
    throw invalidBody(pointer, `is nested deeper than ${LIMITS.predicateDepth} levels`);
  }
  const object = objectOf(value, pointer);
  refuseFilter(object, pointer);
  switch (Object.keys(object).sort().join()) {
    case "column,equals":
      return {
        kind: "column-equals",
        column: parseColumn(object.column, at(pointer, "column")),
        value: parseValue(object.equals, at(pointer, "equals")).value,
      };
    case "column,exists":
      return {
        kind: "column-exists",
        column: parseColumn(object.column, at(pointer, "column")),
        exists: parseExists(object, pointer),
      };
    case "exists":
      return { kind: "row-exists", exists: parseExists(object, pointer) };
    case "version":
      return { kind: "row-version", version: parseVersion(object.version, at(pointer, "version")) };
    case "all":
      return { kind: "all", of: parseList(object.all, at(pointer, "all"), depth) };
    case "any":
      return { kind: "any", of: parseList(object.any, at(pointer, "any"), depth) };
    case "not":
      return { kind: "not", of: parsePredicate(object.not, at(pointer, "not"), depth + 1) };
    default:
      throw invalidBody(pointer, `must be ${FORMS}`);
  }
}

function parseList(value: unknown, pointer: Pointer, depth: number): readonly Predicate[] {
  return listOf(value, pointer).map((item, index) =>
    parsePredicate(item, at(pointer, index), depth + 1),
  );
}

function parseExists(object: JsonObject, pointer: Pointer): boolean {
  if (typeof object.exists === "boolean") return object.exists;
  throw invalidBody(at(pointer, "exists"), "must be true or false");
}
