import { expect, test } from "vitest";
import { RunFigures, SEEDS_FOR_MARKS } from "./run-figures.ts";

test("marks that no run met are counted, and named once there are enough runs to miss them", () => {
  const figures = new RunFigures(1);
  figures.seeds = SEEDS_FOR_MARKS - 1;
  expect(figures.missingMarks()).toEqual([]);
  expect(figures.text()).toMatch(/^marks at zero: (\d+) of \1, named from 2000 seeds on$/m);
  figures.seeds++;
  expect(figures.missingMarks()).toContain("write refused");
  expect(figures.text()).toMatch(/^marks at zero: .*write refused, /m);
});

test("how fast simulated time passes is told in times of real time", () => {
  const figures = new RunFigures(1);
  const report = { marks: new Map(), events: 1, operations: 1 };
  const rest = { seed: 1, options: {}, faults: [], violation: null, traceHash: "" };
  figures.add({ ...report, ...rest, simulatedMs: 7_310 });
  figures.realMs = 1_000;
  expect(figures.speed()).toBe("7.3 times real time");
  figures.add({ ...report, ...rest, simulatedMs: 1_234_000 });
  expect(figures.speed()).toBe("1 241 times real time");
});
