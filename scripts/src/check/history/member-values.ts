/** The values that stand in a line of a history, spelled as in the REST API. */
import { parseBytes, parseValue, renderValue } from "@stele/frontend/rest/bytes-json.ts";
import {
  parseColumn,
  parseColumnList,
  parseColumnMember,
  parseColumnOrFamily,
} from "@stele/frontend/rest/column-body.ts";
import { columnText } from "@stele/frontend/rest/column-name.ts";
import type { ColumnOrFamily } from "@stele/frontend/rest/column-name.ts";
import { int64Of } from "@stele/frontend/rest/decimal.ts";
import { at, invalidBody, nameOfType, objectOf } from "@stele/frontend/rest/invalid-input.ts";
import type { Pointer } from "@stele/frontend/rest/invalid-input.ts";
import { ERROR_KINDS } from "@stele/shared/errors.ts";
import type { ErrorCode } from "@stele/shared/errors.ts";
import { isRowKey, rowKeyText } from "@stele/shared/row-key.ts";
import type { Columns } from "./row-operation.ts";

export function parseText(value: unknown, pointer: Pointer): string {
  if (typeof value === "string" && value !== "") return value;
  throw invalidBody(pointer, `must be a string that is not empty, not ${nameOfType(value)}`);
}

export function parseBoolean(value: unknown, pointer: Pointer): boolean {
  if (typeof value === "boolean") return value;
  throw invalidBody(pointer, `must be true or false, not ${nameOfType(value)}`);
}

export function parseTrue(value: unknown, pointer: Pointer): true {
  if (value === true) return value;
  throw invalidBody(pointer, "must be true");
}

/** Below it doubles are a microsecond apart at most: times that differ stay different, and in their order. */
const TIME_MS_BOUND = 2 ** 43;

export function parseTimeMs(value: unknown, pointer: Pointer): number {
  if (typeof value !== "number" || !(value >= 0)) {
    throw invalidBody(pointer, "must be milliseconds, from 0 on");
  }
  if (value < TIME_MS_BOUND) return value;
  const range = `must be milliseconds below ${TIME_MS_BOUND}`;
  throw invalidBody(pointer, `${range}: larger ones, such as nanoseconds, are not kept apart`);
}

export function parseIndex(value: unknown, pointer: Pointer): number {
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
  throw invalidBody(pointer, "must be an integer, from 0 on");
}

export function parseKey(value: unknown, pointer: Pointer): string {
  const key = parseBytes(value, pointer);
  if (isRowKey(key)) return rowKeyText(key);
  throw invalidBody(pointer, `is not a row key: it has ${key.length} bytes`);
}

/** Of a range: any bytes. The key behind the longest key is longer than a key. */
export function parseBound(value: unknown, pointer: Pointer): string {
  return rowKeyText(parseBytes(value, pointer));
}

/** To the JSON text of the value. */
export function parseCell(value: unknown, pointer: Pointer): string {
  const { value: bytes, int64 } = parseValue(value, pointer);
  return renderValue(bytes, int64);
}

export function parseAmount(value: unknown, pointer: Pointer): string {
  const amount = typeof value === "string" ? int64Of(value) : null;
  if (amount === null) throw invalidBody(pointer, "must be a 64-bit integer as a decimal string");
  return String(amount);
}

export function parseCode(value: unknown, pointer: Pointer): ErrorCode {
  if (typeof value === "string" && Object.hasOwn(ERROR_KINDS, value)) return value as ErrorCode;
  throw invalidBody(pointer, "must be an error code of Stele");
}

export function parseColumnName(value: unknown, pointer: Pointer): string {
  return columnOrFamilyText(parseColumn(value, pointer));
}

/** A family's name has no colon, a column's has. */
export function parseColumnOrFamilyName(value: unknown, pointer: Pointer): string {
  return columnOrFamilyText(parseColumnOrFamily(value, pointer));
}

export function parseColumnNames(value: unknown, pointer: Pointer): string[] {
  return parseColumnList(value, pointer).map(columnOrFamilyText);
}

export function parseCells(value: unknown, pointer: Pointer): Columns {
  const cells = new Map<string, string>();
  for (const [name, cell] of Object.entries(objectOf(value, pointer))) {
    const text = columnOrFamilyText(parseColumnMember(name, pointer));
    if (cells.has(text)) throw invalidBody(at(pointer, name), "names a column a second time");
    cells.set(text, parseCell(cell, at(pointer, name)));
  }
  return cells;
}

function columnOrFamilyText({ family, qualifier }: ColumnOrFamily): string {
  return qualifier === null ? family : columnText(family, qualifier);
}
