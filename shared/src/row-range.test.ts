import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compareRowKeys, isRowKey, keyAfter, prefixEnd, rowKeyText } from "./row-key.ts";
import {
  WHOLE_TABLE,
  containsKey,
  intersectRanges,
  isEmptyRange,
  mergeRanges,
} from "./row-range.ts";
import type { RowRange } from "./row-range.ts";

/** Short keys of three bytes' worth of values: neighbours and prefixes are common. */
const key = fc
  .array(fc.constantFrom(0, 1, 0xff), { minLength: 1, maxLength: 3 })
  .map((bytes) => Buffer.from(bytes));
const range: fc.Arbitrary<RowRange> = fc.record({ start: fc.option(key), end: fc.option(key) });

function rangeOf(start: string | null, end: string | null): RowRange {
  return {
    start: start === null ? null : Buffer.from(start),
    end: end === null ? null : Buffer.from(end),
  };
}

describe("row keys", () => {
  test("are 1 to 4096 bytes", () => {
    expect([0, 1, 4096, 4097].map((length) => isRowKey(Buffer.alloc(length)))).toEqual([
      false,
      true,
      true,
      false,
    ]);
  });

  test("as text keep their byte order", () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.uint8Array(), (a, b) => {
        const [left, right] = [rowKeyText(Buffer.from(a)), rowKeyText(Buffer.from(b))];
        const order = left < right ? -1 : left > right ? 1 : 0;
        expect(order).toBe(Math.sign(compareRowKeys(Buffer.from(a), Buffer.from(b))));
      }),
    );
  });

  test("the key after another has nothing in between", () => {
    fc.assert(
      fc.property(key, key, (one, other) => {
        const between = compareRowKeys(one, other) < 0 && compareRowKeys(other, keyAfter(one)) < 0;
        expect(between).toBe(false);
      }),
    );
  });

  test("the end of a prefix parts the keys that begin with it from all above", () => {
    fc.assert(
      fc.property(key, key, (prefix, other) => {
        const begins = other.subarray(0, prefix.length).equals(prefix);
        expect(containsKey({ start: prefix, end: prefixEnd(prefix) }, other)).toBe(begins);
      }),
    );
    expect(prefixEnd(Buffer.from("ffff", "hex"))).toBeNull();
  });
});

describe("row ranges", () => {
  test("include their start, exclude their end, and are open where a bound is null", () => {
    const range = rangeOf("b", "d");
    const held = ["a", "b", "c", "d"].map((text) => containsKey(range, Buffer.from(text)));
    expect(held).toEqual([false, true, true, false]);
    expect(containsKey(WHOLE_TABLE, Buffer.of(0))).toBe(true);
  });

  test("start at or above end is empty, not an error", () => {
    expect(isEmptyRange(rangeOf("b", "b"))).toBe(true);
    expect(isEmptyRange(rangeOf("c", "b"))).toBe(true);
    expect(isEmptyRange(rangeOf(null, "b"))).toBe(false);
  });

  test("an intersection holds the keys that are in both", () => {
    fc.assert(
      fc.property(range, range, key, (a, b, one) => {
        const both = intersectRanges(a, b);
        expect(containsKey(both, one)).toBe(containsKey(a, one) && containsKey(b, one));
      }),
    );
  });

  test("merged ranges hold the same keys, each once, in order", () => {
    fc.assert(
      fc.property(fc.array(range, { maxLength: 5 }), key, (ranges, one) => {
        const merged = mergeRanges(ranges);
        const times = merged.filter((part) => containsKey(part, one)).length;
        expect(times).toBe(ranges.some((part) => containsKey(part, one)) ? 1 : 0);
        for (const [at, part] of merged.entries()) {
          const next = merged[at + 1];
          if (next !== undefined) expect(compareRowKeys(part.end!, next.start!)).toBeLessThan(0);
        }
      }),
    );
  });
});
