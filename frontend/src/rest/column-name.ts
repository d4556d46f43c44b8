/**
 * Column names as text: `family:qualifier`, cut at the first colon (docs/REST_API.md).
 *
 * C1. One escape rule everywhere: `\\` is a backslash, `\xHH` one byte, any other backslash is refused.
 * C2. Rendering escapes only backslashes and bytes that are not UTF-8, so equal columns are equal text.
 * C3. Parsing gives octets: the escape rule applies to text after its own decoding (UTF-8 of a JSON
 *     string, percent-decoding of a URL).
 */
import { isUtf8 } from "node:buffer";
import { DatabaseError } from "@stele/shared/errors.ts";
import type { Column } from "@stele/shared/row-operations.ts";
import { LIMITS } from "./limits.ts";

/** A column, or with `qualifier` null a whole family. */
export interface ColumnOrFamily {
  readonly family: string;
  readonly qualifier: Buffer | null;
}

export const FAMILY_NAME = /^[A-Za-z0-9_.-]{1,64}$/;

/** What is wrong with a column's text: the caller knows where it stands. */
export class ColumnNameError extends Error {
  override readonly name = "ColumnNameError";
}

/** From the text of a JSON string. Throws `ColumnNameError`, or FAMILY_NOT_FOUND. */
export function columnOrFamilyOfText(text: string): ColumnOrFamily {
  if (text.includes("\\")) return columnOrFamilyOfOctets(Buffer.from(text, "utf8"));
  const colon = text.indexOf(":");
  if (colon === -1) return { family: familyName(text), qualifier: null };
  return {
    family: familyName(text.slice(0, colon)),
    qualifier: checkedQualifier(Buffer.from(text.slice(colon + 1), "utf8")),
  };
}

/** From the octets of a URL, percent-decoded already. */
export function columnOrFamilyOfOctets(octets: Buffer): ColumnOrFamily {
  const text = octets.toString("latin1");
  const colon = text.indexOf(":");
  if (colon === -1) return { family: familyName(unescaped(text)), qualifier: null };
  return {
    family: familyName(unescaped(text.slice(0, colon))),
    qualifier: checkedQualifier(Buffer.from(unescaped(text.slice(colon + 1)), "latin1")),
  };
}

export function columnOf(parsed: ColumnOrFamily): Column {
  if (parsed.qualifier === null) {
    throw new ColumnNameError(
      `names a family; a column is "${parsed.family}:" and a qualifier, which may be empty`,
    );
  }
  return parsed as Column;
}

/** A string that two columns share exactly when they are the same. */
export function columnIdentity({ family, qualifier }: Column): string {
  return `${family}:${qualifier.toString("latin1")}`;
}

const PLAIN = /^[ !#-[\]-~]*$/;

/** The name as JSON text, quotes included. */
export function renderColumn(family: string, qualifier: Buffer): string {
  const text = qualifier.toString("latin1");
  if (PLAIN.test(text)) return `"${family}:${text}"`;
  return JSON.stringify(columnText(family, qualifier));
}

/** The name as text, escaped as C2 says. */
export function columnText(family: string, qualifier: Buffer): string {
  if (isUtf8(qualifier)) {
    return `${family}:${qualifier.toString("utf8").replaceAll("\\", "\\\\")}`;
  }
  let text = `${family}:`;
  for (let index = 0; index < qualifier.length;) {
    const length = sequenceLength(qualifier, index);
    const bytes = qualifier.subarray(index, index + Math.max(length, 1));
    if (length === 0) text += `\\x${bytes.toString("hex").toUpperCase()}`;
    else text += bytes.toString("utf8").replace("\\", "\\\\");
    index += bytes.length;
  }
  return text;
}

/** Bytes of the UTF-8 sequence that begins at `index`; 0: none does. */
function sequenceLength(bytes: Buffer, index: number): number {
  for (let length = 1; length <= 4 && index + length <= bytes.length; length++) {
    if (isUtf8(bytes.subarray(index, index + length))) return length;
  }
  return 0;
}

/** Text with one character a byte, before and after. */
function unescaped(text: string): string {
  if (!text.includes("\\")) return text;
  return text.replace(/\\(?:(\\)|x([0-9A-Fa-f]{2})|)/g, (_match, backslash, hex) => {
    if (backslash !== undefined) return "\\";
    if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex as string, 16));
    throw new ColumnNameError("has a backslash that is neither \\\\ nor \\xHH");
  });
}

function familyName(name: string): string {
  if (name === "") throw new ColumnNameError("has no family name");
  if (FAMILY_NAME.test(name) && name !== "__proto__") return name;
  throw new DatabaseError({
    code: "FAMILY_NOT_FOUND",
    detail: `there is no column family ${JSON.stringify(name.slice(0, 100))}`,
  });
}

function checkedQualifier(qualifier: Buffer): Buffer {
  if (qualifier.length > LIMITS.qualifierBytes) {
    throw new ColumnNameError(
      `has a qualifier of ${qualifier.length} bytes, at most ${LIMITS.qualifierBytes}`,
    );
  }
  return qualifier;
}
