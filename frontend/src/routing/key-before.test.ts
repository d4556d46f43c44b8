import fc from "fast-check";
import { expect, test } from "vitest";
import { bytes } from "@stele/shared/wire/testing/row-arbitraries.ts";
import { compareRowKeys, isRowKey, keyAfter, MAX_KEY_BYTES } from "@stele/shared/row-key.ts";
import { keyBefore } from "./key-before.ts";

test("no key lies between a bound and the key before it", () => {
  const bound = bytes.filter((value) => value.length > 0);
  const key = bytes.filter(isRowKey);
  const property = fc.property(bound, key, (end, other) => {
    const before = keyBefore(end);
    if (before === null) {
      expect(compareRowKeys(other, end)).toBeGreaterThanOrEqual(0);
      return;
    }
    expect(isRowKey(before)).toBe(true);
    expect(compareRowKeys(before, end)).toBeLessThan(0);
    const isBetween = compareRowKeys(other, before) > 0 && compareRowKeys(other, end) < 0;
    expect(isBetween).toBe(false);
  });
  fc.assert(property);
});

test("before the end of the table is the largest key", () => {
  expect(keyBefore(null)).toEqual(Buffer.alloc(MAX_KEY_BYTES, 0xff));
  const longest = Buffer.alloc(MAX_KEY_BYTES, 7);
  expect(keyBefore(keyAfter(longest))).toEqual(longest);
  expect(keyBefore(Buffer.of(0))).toBeNull();
});
