import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseQuery } from "./query-parameters.ts";

const known = new Set(["a", "limit", "timeout", "reverse", "view"]);
const refusal = (raw: string, use: (query: ReturnType<typeof parseQuery>) => unknown = () => 0) => {
  try {
    use(parseQuery(raw, known));
  } catch (error) {
    return (error as { body: { code: string; errors: { pointer: string }[] } }).body;
  }
  throw new Error(`not refused: ${raw}`);
};

describe("query parameters", () => {
  test("values are octets, and a plus is a space", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (array) => {
        const bytes = Buffer.from(array);
        const raw = `a=${bytes.toString("hex").replaceAll(/../g, "%$&")}`;
        expect(parseQuery(raw, known).octets("a")).toEqual(bytes);
      }),
    );
    expect(parseQuery("a=x+y%2B", known).text("a")).toBe("x y+");
  });

  test("unknown parameters are refused, all of them by name", () => {
    expect(refusal("limits=1&a=1&b=2")).toMatchObject({
      code: "INVALID_REQUEST",
      errors: [{ pointer: "?limits" }, { pointer: "?b" }],
    });
    expect(refusal("__proto__=1").errors[0]?.pointer).toBe("?__proto__");
  });

  test("a repeated parameter is refused, also when it is spelled in two ways", () => {
    expect(refusal("a=1&%61=1").errors[0]?.pointer).toBe("?a");
  });

  test("nothing is coerced", () => {
    const integer = { min: 1, max: 10_000 };
    for (const text of ["0", "10001", "01", "1.0", "1e2", " 1", "-1", "", "NaN"]) {
      expect(
        refusal(`limit=${text}`, (query) => query.integer("limit", integer)),
        text,
      ).toMatchObject({ errors: [{ pointer: "?limit" }] });
    }
    for (const text of ["1", "True", "", "yes"]) {
      expect(refusal(`reverse=${text}`, (query) => query.boolean("reverse"))).toBeTruthy();
    }
    for (const text of ["5", "5.5s", "s", "-1s", "1d", "2h"]) {
      const duration = (query: ReturnType<typeof parseQuery>) =>
        query.duration("timeout", { minMs: 1, maxMs: 3_600_000 });
      expect(refusal(`timeout=${text}`, duration), text).toBeTruthy();
    }
  });

  test("durations have one unit", () => {
    const durationOf = (text: string) =>
      parseQuery(`timeout=${text}`, known).duration("timeout", { minMs: 0, maxMs: 1e9 });
    expect(["500ms", "5s", "2m", "1h"].map(durationOf)).toEqual([500, 5000, 120_000, 3_600_000]);
  });
});
