// Row keys on the command line: text with C-escapes, in both directions.
//
// K1. What is printed is valid input again, and means the same bytes.
// K2. What is printed holds no byte that a terminal could act on, and no invisible character.
// K3. Input knows `\\` and `\xHH`, like columns everywhere, and the prefixes `hex:` and `b64:`.
import { isUtf8 } from "node:buffer";
import { MAX_KEY_BYTES } from "@stele/shared/row-key.ts";
import { usageError } from "./cli-error.ts";

/** Controls, formats such as direction marks, unassigned, private use, line separators. */
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/gu;
const ESCAPE = /\\(?:(\\)|x([0-9A-Fa-f]{2})|)/g;
const HEX = /^(?:[0-9A-Fa-f]{2})+$/;
const BASE64 = /^[A-Za-z0-9+/_-]+={0,2}$/;

/** Throws a usage error that quotes `text`. `what` names the argument. */
export function parseKey(text: string, what = "key"): Buffer {
  const key = parseBytes(text, what);
  if (key.length === 0) throw usageError(`the ${what} is empty`);
  if (key.length > MAX_KEY_BYTES) {
    throw usageError(`the ${what} has ${key.length} bytes, at most ${MAX_KEY_BYTES}`);
  }
  return key;
}

function parseBytes(text: string, what: string): Buffer {
  if (text.startsWith("hex:")) {
    const digits = text.slice(4);
    if (HEX.test(digits)) return Buffer.from(digits, "hex");
    throw usageError(`the ${what} ${JSON.stringify(text)} is not hex: and pairs of digits`);
  }
  if (text.startsWith("b64:")) {
    const digits = text.slice(4);
    if (BASE64.test(digits)) return Buffer.from(digits, "base64url");
    throw usageError(`the ${what} ${JSON.stringify(text)} is not b64: and base64`);
  }
  if (!text.includes("\\")) return Buffer.from(text, "utf8");
  const octets = Buffer.from(text, "utf8").toString("latin1");
  const unescaped = octets.replace(ESCAPE, (_match, backslash, hex) => {
    if (backslash !== undefined) return "\\";
    if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex as string, 16));
    throw usageError(
      `the ${what} ${JSON.stringify(text)} has a backslash that is neither \\\\ nor \\xHH`,
    );
  });
  return Buffer.from(unescaped, "latin1");
}

/** The inverse of `parseKey`, fit for a terminal. */
export function printKey(key: Buffer): string {
  const text = printBytes(key);
  // A prefix that means something else, or a dash that would look like an option.
  if (/^(?:hex:|b64:|-)/.test(text)) return escapeByte(key[0] as number) + text.slice(1);
  return text.replace(/^ | $/g, "\\x20");
}

/** Any bytes, backslashes and the unprintable escaped. */
export function printBytes(bytes: Buffer): string {
  if (isUtf8(bytes)) return printText(bytes.toString("utf8").replaceAll("\\", "\\\\"));
  // One character a byte: ASCII stays readable.
  return bytes.toString("latin1").replace(/[^ -[\]-~]/g, (character) => {
    return character === "\\" ? "\\\\" : escapeByte(character.charCodeAt(0));
  });
}

/** Text that is escaped already, or not meant as input: only what a terminal could act on goes. */
export function printText(text: string): string {
  return text.replace(UNPRINTABLE, (character) =>
    [...Buffer.from(character, "utf8")].map(escapeByte).join(""),
  );
}

function escapeByte(byte: number): string {
  return `\\x${byte.toString(16).padStart(2, "0")}`;
}
