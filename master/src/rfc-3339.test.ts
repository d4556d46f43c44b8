import fc from "fast-check";
import { expect, test } from "vitest";
import { rfc3339 } from "./rfc-3339.ts";

test("an instant reads as the calendar of the platform gives it", () => {
  const micros = fc.integer({ min: 0, max: 2 ** 52 });
  fc.assert(
    fc.property(micros, (value) => {
      expect(rfc3339(value)).toBe(new Date(Math.floor(value / 1000)).toISOString());
    }),
  );
  for (const text of ["1970-01-01T00:00:00.000Z", "2000-02-29T23:59:59.999Z"]) {
    expect(rfc3339(Date.parse(text) * 1000)).toBe(text);
  }
});
