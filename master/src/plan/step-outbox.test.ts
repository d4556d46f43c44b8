import { serverId } from "@stele/shared/ids.ts";
import { expect, test } from "vitest";
import { StepOutbox } from "./step-outbox.ts";

const SERVER = serverId("00000000-0000-4000-8000-00000000000a");
const LIMITS = { window: 2, firstPauseMs: 100, lastPauseMs: 300 };

const drop = (tabletId: number) => {
  return { serverId: SERVER, step: { kind: "drop-tablet" as const, tabletId } };
};

const taken = (outbox: StepOutbox, nowMs: number): number[] =>
  outbox.takeDue(SERVER, nowMs, 10).map(({ step }) => step.tabletId);

test("a step is sent at once, then again with growing pauses, until it is wanted no more", () => {
  const outbox = new StepOutbox(LIMITS);
  outbox.replace("tablet 1", [drop(1)]);
  const times = [0, 50, 100, 250, 300, 500, 600, 899, 900];
  const sent = times.filter((nowMs) => taken(outbox, nowMs).length > 0);
  expect(sent).toEqual([0, 100, 300, 600, 900]);
  expect(outbox.deliveries("tablet 1")).toBe(5);
  outbox.replace("tablet 1", []);
  expect(taken(outbox, 10_000)).toEqual([]);
});

test("planning the same step again does not send it sooner; another one goes at once", () => {
  const outbox = new StepOutbox(LIMITS);
  outbox.replace("tablet 1", [drop(1)]);
  expect(taken(outbox, 0)).toEqual([1]);
  outbox.replace("tablet 1", [drop(1)]);
  expect(taken(outbox, 10)).toEqual([]);
  outbox.replace("tablet 1", [drop(9)]);
  expect(taken(outbox, 20)).toEqual([9]);
});

test("no more steps than the window are under way; the next go when some are done", () => {
  const outbox = new StepOutbox(LIMITS);
  for (const id of [1, 2, 3]) outbox.replace(`tablet ${id}`, [drop(id)]);
  expect(taken(outbox, 0)).toEqual([1, 2]);
  expect([taken(outbox, 10), outbox.nextDueMs(SERVER)]).toEqual([[], 100]);
  outbox.replace("tablet 1", []);
  expect([outbox.nextDueMs(SERVER), taken(outbox, 20)]).toEqual([0, [3]]);
});
