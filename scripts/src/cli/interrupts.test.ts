import { expect, test } from "vitest";
import { Interrupts } from "./interrupts.ts";

test("a second interrupt means to stop at once, an echo of the first means nothing", () => {
  let nowMs = 50_000;
  const interrupts = new Interrupts(() => nowMs);
  const fired = () => [interrupts.interrupt.aborted, interrupts.abandon.aborted];
  expect(fired()).toEqual([false, false]);
  interrupts.take();
  expect(fired()).toEqual([true, false]);
  for (const laterMs of [0, 3, 996]) {
    nowMs += laterMs;
    interrupts.take();
    expect(fired()).toEqual([true, false]);
  }
  nowMs += 1;
  interrupts.take();
  expect(fired()).toEqual([true, true]);
});
