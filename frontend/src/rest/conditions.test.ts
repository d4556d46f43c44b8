import { describe, expect, test } from "vitest";
import { parseConditions } from "./conditions.ts";

const ifMatch = (text: string) => parseConditions({ "if-match": text }).ifMatch;

describe("entity tags", () => {
  test("a list of versions in quotes, weak or not, with any spacing", () => {
    expect(ifMatch('"1"')).toEqual([1]);
    expect(ifMatch('"1", "2" ,"3"')).toEqual([1, 2, 3]);
    expect(ifMatch('W/"7"')).toEqual([7]);
    expect(ifMatch(' , "1",, ')).toEqual([1]);
    expect(ifMatch("*")).toBe("any");
    expect(ifMatch(" * ")).toBe("any");
  });

  test("a tag that is no version of ours matches nothing", () => {
    expect(ifMatch('"abc"')).toEqual([]);
    expect(ifMatch('"01", "9007199254740993", "5"')).toEqual([5]);
  });

  test("what does not parse is refused, never skipped", () => {
    for (const text of [
      "1",
      '"1',
      '1"',
      '"1" "2"',
      '*, "1"',
      "",
      " ",
      ",",
      "w/1",
      '"1"x',
      'w/"1"',
    ]) {
      expect(() => ifMatch(text), text).toThrow("INVALID_CONDITION");
    }
  });

  test("no header is no condition", () => {
    expect(parseConditions({})).toEqual({ ifMatch: null, ifNoneMatch: null, absent: false });
  });
});
