/**
 * `If-Match` and `If-None-Match` (RFC 9110 section 13): lists of entity tags, or `*` for "the row
 * exists". The tag is the row's version in quotes.
 *
 * A header that does not parse is refused, never skipped. A tag that parses but is no version of ours
 * is a tag that matches nothing.
 */
import type { IncomingHttpHeaders } from "node:http";
import type { Version } from "@stele/shared/ids.ts";
import { NO_CONDITIONS } from "@stele/shared/row-operations.ts";
import type { Conditions } from "@stele/shared/row-operations.ts";
import { versionOf } from "./decimal.ts";
import { invalidInput } from "./invalid-input.ts";

/** One element of a list, to the next comma; empty elements are allowed by RFC 9110 section 5.6.1. */
const ELEMENT = /[ \t]*(?:(?:W\/)?"([\x21\x23-\x7e\x80-\xff]*)")?[ \t]*(?:,|$)/y;

export function parseConditions(headers: IncomingHttpHeaders): Conditions {
  const ifMatch = headers["if-match"];
  const ifNoneMatch = headers["if-none-match"];
  if (ifMatch === undefined && ifNoneMatch === undefined) return NO_CONDITIONS;
  return {
    ifMatch: ifMatch === undefined ? null : parseTags("If-Match", ifMatch),
    ifNoneMatch: ifNoneMatch === undefined ? null : parseTags("If-None-Match", ifNoneMatch),
    absent: false,
  };
}

/** Whether a row at `version` is one that the condition names. */
export function namesVersion(condition: "any" | readonly Version[], version: Version): boolean {
  return condition === "any" || condition.includes(version);
}

function parseTags(header: string, text: string): "any" | readonly Version[] {
  if (text.trim() === "*") return "any";
  const versions: Version[] = [];
  let count = 0;
  ELEMENT.lastIndex = 0;
  while (ELEMENT.lastIndex < text.length) {
    const match = ELEMENT.exec(text);
    if (match === null) throw notTags(header);
    const tag = match[1];
    if (tag === undefined) continue;
    count++;
    const version = versionOf(tag);
    if (version !== null) versions.push(version);
  }
  if (count === 0) throw notTags(header);
  return versions;
}

function notTags(header: string): Error {
  const detail = 'must be * or a list of versions in quotes, such as "1764000000000000"';
  return invalidInput(header, detail, "INVALID_CONDITION");
}
