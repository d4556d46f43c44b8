import fc from "fast-check";
import { expect, test } from "vitest";
import { DamagedValueError, openValue, sealValue } from "./sealed-value.ts";

const bytes = fc.uint8Array({ maxLength: 60 }).map((array) => Buffer.from(array));

test("a sealed value opens under its own key, and a flipped bit anywhere is found", () => {
  fc.assert(
    fc.property(bytes, bytes, fc.nat(), (key, value, at) => {
      const sealed = sealValue(key, value);
      expect(openValue(key, sealed).equals(value)).toBe(true);
      const bit = at % (sealed.length * 8);
      const flipped = Buffer.from(sealed);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(() => openValue(key, flipped)).toThrow(DamagedValueError);
    }),
  );
});

test("a value under another key is as damaged as a short one", () => {
  const sealed = sealValue(Buffer.from("a"), Buffer.from("value"));
  expect(() => openValue(Buffer.from("b"), sealed)).toThrow(DamagedValueError);
  expect(() => openValue(Buffer.from("a"), Buffer.alloc(3))).toThrow(DamagedValueError);
});
