/**
 * The errors with which a tablet refuses a write, in words for the person who sent it. All of them are
 * raised before anything is proposed, so `applied` is always "no". Reads share `unknownFamily`.
 */
import { isUtf8 } from "node:buffer";
import type { DatabaseErrorBody, ErrorCode } from "@stele/shared/errors.ts";
import type { Version } from "@stele/shared/ids.ts";
import type { Column } from "@stele/shared/row-operations.ts";
import { MAX_QUALIFIER_BYTES, MAX_ROW_BYTES, MAX_VALUE_BYTES } from "@stele/shared/row.ts";
import type { SchemaFamilies } from "./schema-families.ts";

const FAMILIES_IN_HINT = 20;
const QUALIFIER_BYTES_SHOWN = 60;

function refusal(
  code: ErrorCode,
  detail: string,
  more: { readonly hint?: string; readonly version?: Version | null } = {},
): DatabaseErrorBody {
  return { code, detail, ...more, applied: "no" };
}

export function unknownFamily(name: string, families: SchemaFamilies): DatabaseErrorBody {
  const names = families.inNameOrder.map((family) => family.name);
  const more = names.length > FAMILIES_IN_HINT ? ", ..." : "";
  return {
    code: "FAMILY_NOT_FOUND",
    detail: `The table has no column family ${JSON.stringify(name)}.`,
    hint: `Its families: ${names.slice(0, FAMILIES_IN_HINT).join(", ")}${more}`,
  };
}

export function familyNotFound(name: string, families: SchemaFamilies): DatabaseErrorBody {
  return { ...unknownFamily(name, families), applied: "no" };
}

export function invalidKey(key: Buffer): DatabaseErrorBody {
  return refusal("INVALID_KEY", `A row key has 1 to 4096 bytes, this one has ${key.length}.`);
}

export function versionMismatch(detail: string, version: Version | null): DatabaseErrorBody {
  return refusal("VERSION_MISMATCH", detail, { version });
}

export function rowExists(version: Version): DatabaseErrorBody {
  return refusal("ROW_EXISTS", `The row exists already, in version ${version}.`, { version });
}

export function notANumber(column: Column, length: number): DatabaseErrorBody {
  const what = `Column ${describeColumn(column)} holds ${length} bytes`;
  return refusal("NOT_A_NUMBER", `${what}; an integer is 8 bytes, big-endian.`);
}

export function int64Overflow(column: Column, value: bigint, amount: bigint): DatabaseErrorBody {
  const sum = `${value} + ${amount}`;
  return refusal("INT64_OVERFLOW", `Column ${describeColumn(column)}: ${sum} passes 64 bits.`);
}

export function valueTooLarge(column: Column, length: number): DatabaseErrorBody {
  const limit = `a value has at most ${MAX_VALUE_BYTES} bytes`;
  return refusal("TOO_LARGE", `Column ${describeColumn(column)}: ${limit}, this one ${length}.`);
}

export function qualifierTooLong(column: Column): DatabaseErrorBody {
  const limit = `A qualifier has at most ${MAX_QUALIFIER_BYTES} bytes`;
  return refusal("INVALID_REQUEST", `${limit}, this one has ${column.qualifier.length}.`);
}

export function rowTooLarge(size: number): DatabaseErrorBody {
  return refusal("ROW_TOO_LARGE", `The row would take ${size} bytes of ${MAX_ROW_BYTES} allowed.`);
}

export function writeTooLarge(size: number, limit: number): DatabaseErrorBody {
  return refusal("TOO_LARGE", `The write would log ${size} bytes of ${limit} allowed.`, {
    hint: "Write the columns in several requests, or append to smaller values.",
  });
}

/** `family:qualifier`, shortened, in printable characters. */
function describeColumn({ family, qualifier }: Column): string {
  const shown = qualifier.subarray(0, QUALIFIER_BYTES_SHOWN);
  const text = isUtf8(qualifier) ? shown.toString("utf8") : shown.toString("latin1");
  const more = shown.length < qualifier.length ? "..." : "";
  return JSON.stringify(`${family}:${text}${more}`);
}
