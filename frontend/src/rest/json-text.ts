/**
 * JSON text read strictly (docs/REST_API.md): UTF-8, no lone surrogate, no member given twice.
 *
 * `JSON.parse` keeps only the last of two equal members, so a pass over the bytes counts the members
 * that the text has, and a walk of the parsed value those that were kept. Both cost less than the parse;
 * the exact search for the culprit runs only when the counts differ.
 */
import { isUtf8 } from "node:buffer";
import { duplicateMember } from "./duplicate-member.ts";
import { invalidBody } from "./invalid-input.ts";
import type { Pointer } from "./invalid-input.ts";

/** Nesting beyond it is refused; no call needs a tenth of it. */
const MAX_DEPTH = 128;

/**
 * Throws 400 INVALID_REQUEST. `container`: of the text where it is a slice of a body; only a whole body's
 * duplicate is named exactly. `what` the text is, for problems of all of it.
 */
export function parseJson(
  bytes: Buffer,
  container: Pointer = null,
  what: "the body" | "the line" = "the body",
): unknown {
  if (!isUtf8(bytes)) throw invalidBody(null, `${what} is not UTF-8`);
  const text = bytes.toString("utf8");
  const members = countMembersOfText(bytes, what);
  const value = parseText(text, what);
  if (text.includes("\\u")) refuseLoneSurrogates(value, what);
  if (members !== countMembersOfValue(value)) {
    if (container !== null) throw invalidBody(container, "holds a member that is given twice");
    throw invalidBody(duplicateMember(text), "is given twice");
  }
  return value;
}

function parseText(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const reason = error instanceof SyntaxError ? error.message : "it cannot be parsed";
    throw invalidBody(null, `${what} is not JSON: ${reason}`);
  }
}

const QUOTE = 0x22;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** Colons outside strings. What is not JSON gives any number, and is refused by the parse. */
function countMembersOfText(bytes: Buffer, what: string): number {
  let members = 0;
  let depth = 0;
  for (let index = 0; index < bytes.length; index++) {
    switch (bytes[index]) {
      case QUOTE:
        index = endOfString(bytes, index);
        break;
      case COLON:
        members++;
        break;
      case OPEN_LIST:
      case OPEN_OBJECT:
        if (++depth > MAX_DEPTH) {
          throw invalidBody(null, `${what} is nested deeper than ${MAX_DEPTH} levels`);
        }
        break;
      case CLOSE_LIST:
      case CLOSE_OBJECT:
        depth--;
        break;
      default:
    }
  }
  return members;
}

/** Strings up to here are passed byte by byte: a native search costs as much to call. */
const SHORT_STRING = 32;

/** The index of the closing quote of the string that opens at `open`; the length if none closes it. */
export function endOfString(bytes: Buffer, open: number): number {
  const near = Math.min(bytes.length, open + SHORT_STRING);
  let index = open + 1;
  for (; index < near; index++) {
    const byte = bytes[index];
    if (byte === QUOTE) return index;
    if (byte === BACKSLASH) index++;
  }
  for (;;) {
    const quote = bytes.indexOf(QUOTE, index);
    if (quote === -1) return bytes.length;
    let backslashes = 0;
    while (quote - backslashes > index && bytes[quote - 1 - backslashes] === BACKSLASH) {
      backslashes++;
    }
    if (backslashes % 2 === 0) return quote;
    index = quote + 1;
  }
}

function countMembersOfValue(root: unknown): number {
  if (typeof root !== "object" || root === null) return 0;
  let members = 0;
  const open: object[] = [root];
  for (let value = open.pop(); value !== undefined; value = open.pop()) {
    if (Array.isArray(value)) {
      for (const item of value as unknown[]) {
        if (typeof item === "object" && item !== null) open.push(item);
      }
      continue;
    }
    for (const name in value) {
      members++;
      const member = (value as Record<string, unknown>)[name];
      if (typeof member === "object" && member !== null) open.push(member);
    }
  }
  return members;
}

function refuseLoneSurrogates(root: unknown, what: string): void {
  const open: unknown[] = [root];
  while (open.length > 0) {
    const value = open.pop();
    if (typeof value === "string") refuseLoneSurrogate(value, what);
    else if (Array.isArray(value)) for (const item of value as unknown[]) open.push(item);
    else if (typeof value === "object" && value !== null) {
      for (const [name, member] of Object.entries(value)) {
        refuseLoneSurrogate(name, what);
        open.push(member);
      }
    }
  }
}

function refuseLoneSurrogate(text: string, what: string): void {
  if (!text.isWellFormed()) {
    throw invalidBody(null, `${what} holds a lone surrogate, which is no character`);
  }
}
