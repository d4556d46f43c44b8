/** Column names in JSON bodies and lists, with their place in refusals. */
import type { Column } from "@stele/shared/row-operations.ts";
import {
  ColumnNameError,
  columnOf,
  columnOrFamilyOfOctets,
  columnOrFamilyOfText,
} from "./column-name.ts";
import type { ColumnOrFamily } from "./column-name.ts";
import { at, invalidBody, invalidParameter, listOf, nameOfType } from "./invalid-input.ts";
import type { Pointer } from "./invalid-input.ts";
import { LIMITS } from "./limits.ts";

/** The name of a member of an object of columns. */
export function parseColumnMember(name: string, pointer: Pointer): Column {
  try {
    return columnOf(columnOrFamilyOfText(name));
  } catch (error) {
    if (error instanceof ColumnNameError) throw invalidBody(at(pointer, name), error.message);
    throw error;
  }
}

/** A string that names a column. */
export function parseColumn(value: unknown, pointer: Pointer): Column {
  return parseWith(value, pointer, (text) => columnOf(columnOrFamilyOfText(text)));
}

/** A string that names a column or a family. */
export function parseColumnOrFamily(value: unknown, pointer: Pointer): ColumnOrFamily {
  return parseWith(value, pointer, columnOrFamilyOfText);
}

/** `"columns":["grade:cs214","info"]`. */
export function parseColumnList(value: unknown, pointer: Pointer): readonly ColumnOrFamily[] {
  const list = listOf(value, pointer);
  checkCount(list.length, () => invalidBody(pointer, COUNT_DETAIL));
  return list.map((item, index) => parseColumnOrFamily(item, at(pointer, index)));
}

/** `?columns=grade:cs214,info`; a comma inside a qualifier is `\x2C`. */
export function columnListOfOctets(octets: Buffer): readonly ColumnOrFamily[] {
  const parts = octets.toString("latin1").split(",");
  checkCount(parts.length, () => invalidParameter("columns", COUNT_DETAIL));
  return parts.map((part) => {
    try {
      return columnOrFamilyOfOctets(Buffer.from(part, "latin1"));
    } catch (error) {
      if (!(error instanceof ColumnNameError)) throw error;
      throw invalidParameter("columns", `one of the columns ${error.message}`);
    }
  });
}

const COUNT_DETAIL = `must name 1 to ${LIMITS.columns} columns or families`;

function checkCount(count: number, refusal: () => Error): void {
  if (count < 1 || count > LIMITS.columns) throw refusal();
}

function parseWith<T>(value: unknown, pointer: Pointer, parse: (text: string) => T): T {
  if (typeof value !== "string") {
    throw invalidBody(pointer, `must be a column as a string, not ${nameOfType(value)}`);
  }
  try {
    return parse(value);
  } catch (error) {
    if (error instanceof ColumnNameError) throw invalidBody(pointer, error.message);
    throw error;
  }
}
