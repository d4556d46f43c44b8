// A value as a person reads it in a table.
import { fromJsonBytes } from "../json-bytes.ts";
import type { JsonValue } from "../json-bytes.ts";
import { printBytes, printText } from "../key-text.ts";

const ELIDE_CHARACTERS = 60;

export interface CellTextOptions {
  /** Long values are shown whole. */
  readonly full: boolean;
}

export function cellText(value: JsonValue, { full }: CellTextOptions): string {
  const text = valueText(value);
  return full ? text : elided(text);
}

function valueText(value: JsonValue): string {
  if (typeof value === "string") return printText(value);
  return "int64" in value ? value.int64 : printBytes(fromJsonBytes(value));
}

/** Says how much it leaves out. */
function elided(text: string): string {
  if (text.length <= ELIDE_CHARACTERS) return text;
  const characters = Array.from(text);
  if (characters.length <= ELIDE_CHARACTERS) return text;
  const rest = Buffer.byteLength(characters.slice(ELIDE_CHARACTERS).join(""), "utf8");
  return `${characters.slice(0, ELIDE_CHARACTERS).join("")}...(+${rest} B)`;
}
