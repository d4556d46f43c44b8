/**
 * Ranges of rows as calls spell them: `prefix`, `start` or `startAfter`, `end`, `key` (docs/REST_API.md).
 *
 * All that are given are intersected, in both directions of a scan; what is absent is open. A start at
 * or above the end is an empty range, not an error.
 */
import { keyAfter, prefixEnd } from "@stele/shared/row-key.ts";
import { WHOLE_TABLE, intersectRanges, mergeRanges } from "@stele/shared/row-range.ts";
import type { RowRange } from "@stele/shared/row-range.ts";
import { parseBytes } from "./bytes-json.ts";
import {
  at,
  invalidBody,
  invalidParameter,
  listOf,
  objectOf,
  onlyMembers,
} from "./invalid-input.ts";
import type { Pointer } from "./invalid-input.ts";
import { LIMITS } from "./limits.ts";
import { decodeKey } from "./path-octets.ts";
import type { QueryParameters } from "./query-parameters.ts";
import { checkedKey, keyEncodingOf } from "./row-path.ts";

export const RANGE_MEMBERS = ["prefix", "start", "startAfter", "end", "key"] as const;
const RANGE_MEMBER_SET: ReadonlySet<string> = new Set(RANGE_MEMBERS);
export const RANGE_PARAMETERS = ["prefix", "start", "startAfter", "end"] as const;

interface Bounds {
  readonly prefix: Buffer | null;
  readonly start: Buffer | null;
  readonly startAfter: Buffer | null;
  readonly end: Buffer | null;
}

/** Contains no key, and merges away. */
const NOTHING: RowRange = { start: Buffer.of(0), end: Buffer.of(0) };

export function rangesOfQuery(query: QueryParameters): readonly RowRange[] {
  const encoding = keyEncodingOf(query);
  const bound = (name: (typeof RANGE_PARAMETERS)[number]) => {
    const octets = query.octets(name);
    if (octets === null) return null;
    const key = decodeKey(octets, encoding);
    if (key === null) throw invalidParameter(name, `is not ${encoding}`, "INVALID_KEY");
    return checkedBound(key, `?${name}`);
  };
  const bounds = {
    prefix: bound("prefix"),
    start: bound("start"),
    startAfter: bound("startAfter"),
    end: bound("end"),
  };
  if (bounds.start !== null && bounds.startAfter !== null) {
    throw invalidParameter("startAfter", "excludes start");
  }
  return mergeRanges([rangeOf(bounds)]);
}

/** One range inline, or `"ranges":[..]`: sorted and merged, so that no row comes twice. */
export function rangesOfBody(body: Readonly<Record<string, unknown>>): readonly RowRange[] {
  if (body.ranges === undefined) return mergeRanges([rangeOfObject(body, null)]);
  const inline = RANGE_MEMBERS.find((name) => body[name] !== undefined);
  if (inline !== undefined) throw invalidBody(at(null, inline), "excludes ranges");
  const place = at(null, "ranges");
  const list = listOf(body.ranges, place);
  if (list.length > LIMITS.ranges) {
    throw invalidBody(place, `must hold at most ${LIMITS.ranges} ranges`);
  }
  const ranges = list.map((item, index) => {
    const pointer = at(place, index);
    const range = objectOf(item, pointer);
    onlyMembers(range, RANGE_MEMBER_SET, pointer);
    return rangeOfObject(range, pointer);
  });
  return mergeRanges(ranges);
}

function rangeOfObject(object: Readonly<Record<string, unknown>>, pointer: Pointer): RowRange {
  const bound = (name: (typeof RANGE_MEMBERS)[number]) => {
    if (object[name] === undefined) return null;
    const place = at(pointer, name);
    return { key: parseBytes(object[name], place), place };
  };
  const key = bound("key");
  const bounds = { ...EMPTY_BOUNDS };
  for (const name of RANGE_PARAMETERS) {
    const given = bound(name);
    if (given === null) continue;
    if (key !== null) throw invalidBody(given.place, "excludes key");
    bounds[name] = checkedBound(given.key, placeText(pointer, name));
  }
  if (key !== null) {
    const checked = checkedKey(key.key, placeText(pointer, "key"));
    return { start: checked, end: keyAfter(checked) };
  }
  if (bounds.start !== null && bounds.startAfter !== null) {
    throw invalidBody(at(pointer, "startAfter"), "excludes start");
  }
  return rangeOf(bounds);
}

const EMPTY_BOUNDS: { -readonly [Name in keyof Bounds]: Bounds[Name] } = {
  prefix: null,
  start: null,
  startAfter: null,
  end: null,
};

function placeText(pointer: Pointer, name: string): string {
  return pointer === null ? `/${name}` : `/ranges/${pointer.segment}/${name}`;
}

function rangeOf({ prefix, start, startAfter, end }: Bounds): RowRange {
  if (end !== null && end.length === 0) return NOTHING;
  const from = startAfter === null ? openIfEmpty(start) : keyAfter(startAfter);
  const range: RowRange = { start: from, end };
  return prefix === null ? range : intersectRanges(range, prefixRange(prefix));
}

/** Every key is above the empty one. */
function openIfEmpty(start: Buffer | null): Buffer | null {
  return start === null || start.length === 0 ? null : start;
}

function prefixRange(prefix: Buffer): RowRange {
  return prefix.length === 0 ? WHOLE_TABLE : { start: prefix, end: prefixEnd(prefix) };
}

/** A bound may be empty, but not longer than a key. */
function checkedBound(bound: Buffer, place: string): Buffer {
  return bound.length === 0 ? bound : checkedKey(bound, place);
}
