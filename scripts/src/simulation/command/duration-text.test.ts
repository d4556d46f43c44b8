import { expect, test } from "vitest";
import { durationText } from "./duration-text.ts";

test.each([
  [0, "0 s"],
  [5_290, "5.3 s"],
  [11_082.091985399997, "11.1 s"],
  [59_949, "59.9 s"],
  [59_950, "1 min 0 s"],
  [125_400, "2 min 5 s"],
  [3_599_499, "59 min 59 s"],
  [3_599_500, "1 h 0 min"],
  [64_620_000, "17 h 57 min"],
])("%d ms read as %s", (ms, text) => {
  expect(durationText(ms)).toBe(text);
});
