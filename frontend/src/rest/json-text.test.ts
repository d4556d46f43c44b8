import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DatabaseError } from "@stele/shared/errors.ts";
import { parseJson } from "./json-text.ts";

const parse = (text: string) => parseJson(Buffer.from(text));
const placeOf = (text: string) => {
  try {
    parse(text);
  } catch (error) {
    if (error instanceof DatabaseError) return error.body.errors?.[0]?.pointer;
  }
  return "taken";
};

describe("JSON read strictly", () => {
  test("what JSON.stringify writes is read as JSON.parse reads it", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), fc.nat(2), (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        fc.pre(text.isWellFormed());
        expect(parse(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  test("any bytes are read or refused as a DatabaseError, never anything else", () => {
    const noise = fc.array(
      fc.constantFrom('"', "\\", "{", "}", "[", "]", ":", ",", "a", "1", "\\u"),
    );
    fc.assert(
      fc.property(
        fc.oneof(
          noise.map((parts) => parts.join("")),
          fc.string(),
        ),
        (text) => {
          let expected: unknown;
          try {
            expected = JSON.parse(text);
          } catch {
            expect(() => parse(text)).toThrow(DatabaseError);
            return;
          }
          const own = placeOf(text);
          if (own === "taken") expect(parse(text)).toEqual(expected);
        },
      ),
    );
  });

  test("a member given twice is refused by its place, also when it is spelled in two ways", () => {
    expect(placeOf('{"a":1,"a":1}')).toBe("/a");
    expect(placeOf('{"a":1,"\\u0061":1}')).toBe("/a");
    expect(placeOf('{"x":[{}, {"k":{"a/b":"}{\\"","c":1,"a/b":2}}]}')).toBe("/x/1/k/a~1b");
    expect(placeOf('{"__proto__":1,"__proto__":2}')).toBe("/__proto__");
    expect(placeOf('{"a":{"b":1},"c":{"b":1}}')).toBe("taken");
  });

  test("long strings with escaped quotes do not hide members", () => {
    const long = `${"x".repeat(100)}\\"${"y".repeat(50)}\\\\`;
    expect(placeOf(`{"a":"${long}","a":"${long}"}`)).toBe("/a");
    expect(placeOf(`{"a":"${long}","b:":"${long}"}`)).toBe("taken");
  });

  test("bytes that are not UTF-8, lone surrogates and deep nesting are refused", () => {
    expect(() => parseJson(Buffer.from([0x22, 0xff, 0x22]))).toThrow("UTF-8");
    expect(() => parse('{"a":"\\ud800"}')).toThrow("surrogate");
    expect(() => parse('{"\\uDFFF":1}')).toThrow("surrogate");
    expect(parse('"\\ud83d\\ude00 \\\\ud800"')).toBe("😀 \\ud800");
    expect(() => parse("[".repeat(100_000))).toThrow("nested");
  });

  test("a member called __proto__ is a member like any other", () => {
    const value = parse('{"__proto__":{"x":1}}') as object;
    expect(Object.keys(value)).toEqual(["__proto__"]);
    expect("x" in value).toBe(false);
  });
});
