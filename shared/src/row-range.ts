/**
 * A half-open range of row keys, [start, end). Null is an explicit open end, never an empty key.
 */
import { compareRowKeys } from "./row-key.ts";

export interface RowRange {
  /** Inclusive; null: from the first key. */
  readonly start: Buffer | null;
  /** Exclusive; null: to the end of the table. */
  readonly end: Buffer | null;
}

export const WHOLE_TABLE: RowRange = { start: null, end: null };

export function containsKey(range: RowRange, key: Buffer): boolean {
  if (range.start !== null && compareRowKeys(key, range.start) < 0) return false;
  return range.end === null || compareRowKeys(key, range.end) < 0;
}

export function isEmptyRange(range: RowRange): boolean {
  return range.start !== null && range.end !== null && compareRowKeys(range.start, range.end) >= 0;
}

/** The keys in both; possibly an empty range. */
export function intersectRanges(a: RowRange, b: RowRange): RowRange {
  return { start: laterStart(a.start, b.start), end: earlierEnd(a.end, b.end) };
}

/** Sorted by start, overlapping or touching ranges joined, empty ones dropped. */
export function mergeRanges(ranges: readonly RowRange[]): RowRange[] {
  const sorted = ranges
    .filter((range) => !isEmptyRange(range))
    .sort((a, b) => compareStarts(a.start, b.start));
  const merged: RowRange[] = [];
  for (const range of sorted) {
    const last = merged.at(-1);
    if (last !== undefined && touches(last, range)) {
      merged[merged.length - 1] = { start: last.start, end: laterEnd(last.end, range.end) };
    } else {
      merged.push(range);
    }
  }
  return merged;
}

function compareStarts(a: Buffer | null, b: Buffer | null): number {
  if (a === null) return b === null ? 0 : -1;
  return b === null ? 1 : compareRowKeys(a, b);
}

function touches(left: RowRange, right: RowRange): boolean {
  return left.end === null || right.start === null || compareRowKeys(right.start, left.end) <= 0;
}

function laterStart(a: Buffer | null, b: Buffer | null): Buffer | null {
  return compareStarts(a, b) >= 0 ? a : b;
}

function earlierEnd(a: Buffer | null, b: Buffer | null): Buffer | null {
  if (a === null) return b;
  return b === null || compareRowKeys(a, b) <= 0 ? a : b;
}

function laterEnd(a: Buffer | null, b: Buffer | null): Buffer | null {
  if (a === null || b === null) return null;
  return compareRowKeys(a, b) >= 0 ? a : b;
}
