import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CliError } from "./cli-error.ts";
import { parseKey, printKey, printText } from "./key-text.ts";

describe("a key on the command line", () => {
  test("that was printed is valid input and means the same bytes", () => {
    const key = fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 40 }),
      fc.string({ minLength: 1, unit: "binary" }).map((text) => Buffer.from(text, "utf8")),
      fc.constantFrom("hex:ff", "b64:_w", "-", "--all", "\\", " a ", "a b", "\\x41").map((text) => {
        return Buffer.from(text, "utf8");
      }),
    );
    fc.assert(
      fc.property(key, (bytes) => {
        const printed = printKey(Buffer.from(bytes));
        expect(parseKey(printed)).toEqual(Buffer.from(bytes));
        // oxlint-disable-next-line no-control-regex
        expect(printed).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e]|^-/);
      }),
    );
  });

  test.each([
    ["user:\\x00\\xff", Buffer.from("user:\0\xff", "latin1")],
    ["h\\\\ \u00e9", Buffer.from("h\\ \u00e9", "utf8")],
    ["hex:00ff", Buffer.of(0, 255)],
    ["b64:_wBr", Buffer.from("ff006b", "hex")],
    ["b64:/wBr", Buffer.from("ff006b", "hex")],
  ])("%j is %o", (text, bytes) => expect(parseKey(text)).toEqual(bytes));

  test.each(["", "a\\n", "\\x4", "hex:0", "hex:", "b64:!", "b64:", "k".repeat(4097)])(
    "%j is refused",
    (text) => expect(() => parseKey(text)).toThrow(CliError),
  );

  test("reads well where it is text", () => {
    expect(printKey(Buffer.from("Zoë:zürich 東京", "utf8"))).toBe("Zoë:zürich 東京");
    expect(printKey(Buffer.of(0x61, 0xff, 0x0a))).toBe("a\\xff\\x0a");
    expect(printText("\u001b[31m\u202e")).toBe("\\x1b[31m\\xe2\\x80\\xae");
  });
});
