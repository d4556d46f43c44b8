import { SeededRandom } from "@stele/shared/random.ts";
import { expect, test } from "vitest";
import { DoublingSpan } from "./doubling-span.ts";
import { Pauses } from "./pauses.ts";

test("a span doubles up to its limit", () => {
  const span = new DoublingSpan(50, 1_000);
  expect(Array.from({ length: 7 }, () => span.next())).toEqual([
    50, 100, 200, 400, 800, 1_000, 1_000,
  ]);
});

test("a pause is drawn from the upper half of its span", () => {
  for (let seed = 1; seed <= 100; seed++) {
    const pauses = new Pauses(new SeededRandom(seed), { pauseMs: 20, pauseMaxMs: 160 });
    for (const spanMs of [20, 40, 80, 160, 160]) {
      const pauseMs = pauses.next();
      expect(pauseMs).toBeGreaterThanOrEqual(spanMs / 2);
      expect(pauseMs).toBeLessThanOrEqual(spanMs);
    }
  }
});
