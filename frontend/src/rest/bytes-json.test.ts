import { isUtf8 } from "node:buffer";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeBase64, parseBytes, parseValue, renderBytes, renderValue } from "./bytes-json.ts";

const octetsOrText = fc.oneof(fc.uint8Array({ maxLength: 30 }), fc.string({ unit: "binary" }));
const json = (text: string): unknown => JSON.parse(text);

describe("bytes in JSON", () => {
  test("bytes survive rendering and parsing, as text exactly when they are UTF-8", () => {
    fc.assert(
      fc.property(octetsOrText, fc.constantFrom(1, 20), (part, times) => {
        const given = Buffer.concat(
          Array.from({ length: times }, () => Buffer.from(part as string)),
        );
        const rendered = json(renderBytes(given));
        expect(parseBytes(rendered, null).equals(given)).toBe(true);
        expect(typeof rendered === "string").toBe(isUtf8(given));
      }),
    );
  });

  test("input takes either base64 alphabet, padded or not", () => {
    for (const b64 of ["_---_w==", "_---_w", "/+++/w==", "/+++/w"]) {
      expect(parseBytes({ b64 }, null)).toEqual(Buffer.from("ffefbeff", "hex"));
    }
    expect(renderBytes(Buffer.from("ffefbeff", "hex"))).toBe('{"b64":"_---_w"}');
  });

  test("text that is not canonical base64 is refused", () => {
    for (const text of ["A", "AB=C", "AAA==", "A===", "AB CD", "A\n", "_x", "é"]) {
      expect(decodeBase64(text), text).toBeNull();
    }
  });

  test("no other JSON type is taken for bytes", () => {
    for (const value of [1, true, null, [], {}, { b64: 1 }, { b64: "AA", x: 1 }, { int64: "1" }]) {
      expect(() => parseBytes(value, null), JSON.stringify(value)).toThrow();
    }
  });

  test("a refusal names every form that the place takes", () => {
    for (const value of [42, { other: "x" }, {}]) {
      expect(() => parseBytes(value, null)).not.toThrow(/int64/);
      expect(() => parseBytes(value, null)).toThrow(/b64/);
      expect(() => parseValue(value, null)).toThrow(/b64.*int64/);
    }
  });

  test("an int64 value is 8 bytes, big-endian, and reads back as a number", () => {
    fc.assert(
      fc.property(fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n), (number) => {
        const parsed = parseValue({ int64: String(number) }, null);
        expect(parsed.int64).toBe(true);
        expect(parsed.value.readBigInt64BE()).toBe(number);
        expect(json(renderValue(parsed.value, true))).toEqual({ int64: String(number) });
      }),
    );
  });

  test("int64 takes canonical decimal strings within 64 bits only", () => {
    for (const int64 of ["9223372036854775808", "-9223372036854775809", "01", "-0", "1.0", "", 1]) {
      expect(() => parseValue({ int64 }, null), String(int64)).toThrow();
    }
  });
});

test("base64 decodes to bytes exactly when their encoding gives the text back", () => {
  const alphabet = fc.constantFrom(..."ABQgwEIxyz019+/-_=".split(""));
  fc.assert(
    fc.property(fc.string({ unit: alphabet, maxLength: 12 }), (text) => {
      const unpadded = text.replace(/={1,2}$/, "");
      const isPadded = unpadded !== text;
      const bytes = Buffer.from(unpadded, "base64");
      const isCanonical =
        bytes.toString("base64url") === unpadded.replaceAll("+", "-").replaceAll("/", "_");
      const isBase64 = isCanonical && (!isPadded || text.length % 4 === 0);
      expect(decodeBase64(text)).toEqual(isBase64 ? bytes : null);
    }),
    { numRuns: 2000 },
  );
});
