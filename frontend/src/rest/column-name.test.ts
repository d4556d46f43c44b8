import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  ColumnNameError,
  columnOrFamilyOfOctets,
  columnOrFamilyOfText,
  columnText,
  renderColumn,
} from "./column-name.ts";

const qualifier = fc.oneof(
  fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array)),
  fc.string({ unit: "binary" }).map((text) => Buffer.from(text)),
);

describe("column names", () => {
  test("every column survives rendering and parsing, and different ones differ as text", () => {
    fc.assert(
      fc.property(qualifier, qualifier, (a, b) => {
        const parsed = columnOrFamilyOfText(columnText("d", a));
        expect(parsed).toEqual({ family: "d", qualifier: a });
        expect(JSON.parse(renderColumn("d", a))).toBe(columnText("d", a));
        expect(columnText("d", a) === columnText("d", b)).toBe(a.equals(b));
      }),
    );
  });

  test("a name is cut at its first colon, and the qualifier may be empty", () => {
    expect(columnOrFamilyOfText("grade:")).toEqual({ family: "grade", qualifier: Buffer.alloc(0) });
    expect(columnOrFamilyOfText("grade")).toEqual({ family: "grade", qualifier: null });
    expect(columnOrFamilyOfText("d:a:b").qualifier?.toString()).toBe("a:b");
  });

  test("escapes mean one byte each, in text as in octets", () => {
    expect(columnOrFamilyOfText("d:\\xFF\\\\\\x2c").qualifier).toEqual(
      Buffer.from("ff5c2c", "hex"),
    );
    const octets = Buffer.from("d:\xff", "latin1");
    expect(columnOrFamilyOfOctets(octets)).toEqual(columnOrFamilyOfText("d:\\xFF"));
    expect(columnText("d", Buffer.from("aé\xff\\".replace("\xff", "")))).toBe("d:aé\\\\");
    expect(columnText("d", Buffer.from("61c3a9ff5c", "hex"))).toBe("d:aé\\xFF\\\\");
  });

  test("any other backslash is refused", () => {
    for (const text of ["d:\\", "d:\\n", "d:\\x", "d:\\x0", "d:\\xgg", "d:a\\u0041"]) {
      expect(() => columnOrFamilyOfText(text), text).toThrow(ColumnNameError);
    }
  });

  test("a family that no table can have is not found; an empty one is no name", () => {
    for (const text of ["__proto__:a", "a b:c", "é:x", `${"f".repeat(65)}:x`]) {
      expect(() => columnOrFamilyOfText(text), text).toThrow("FAMILY_NOT_FOUND");
    }
    expect(() => columnOrFamilyOfText(":q")).toThrow(ColumnNameError);
  });

  test("a qualifier has at most 16 KiB", () => {
    expect(columnOrFamilyOfText(`d:${"q".repeat(16384)}`).qualifier).toHaveLength(16384);
    expect(() => columnOrFamilyOfText(`d:${"q".repeat(16385)}`)).toThrow(ColumnNameError);
  });
});
