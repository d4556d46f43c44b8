import { expect, test } from "vitest";
import type { RunReport } from "../run-report.ts";
import { replayLine, shrunkText } from "./seed-failure.ts";
import { FATES, runSeed } from "./testing/fabricated-run.ts";

const violated = await runSeed({ seed: FATES.violated, faults: null, trace: null });
const [fault] = violated.faults;

function shrunkTo(report: RunReport, isMinimal: boolean): string {
  return shrunkText({
    seed: FATES.violated,
    trouble: { kind: "violation", report: violated },
    shrunk: { report, runs: 1, isMinimal, trace: ["the end"] },
  });
}

test("a failure that needs no fault says so, and is replayed without any", () => {
  const text = shrunkTo({ ...violated, faults: [] }, true);
  expect(text).toMatch(/^shrunk in 1 run; it needs no fault:\nseed 13: liveness, /);
  expect(text).toContain("\nno faults\nthe last of the trace:\nthe end\n");
  expect(text).toMatch(/\nreplay: npm run simulate -- --seed 13 --faults '\[\]' --verbose$/);
});

test("of faults that are left it says whether each is known to be needed", () => {
  const report = { ...violated, faults: fault === undefined ? [] : [fault] };
  expect(shrunkTo(report, true)).toMatch(
    /^shrunk to 1 of 8 faults in 1 run; each of them is needed:\n/,
  );
  expect(shrunkTo(report, false)).toMatch(
    /^shrunk to 1 of 8 faults in 1 run; there may be fewer:\n/,
  );
});

test("a failure that was not shrunk is replayed with the faults that its seed draws", () => {
  const trouble = { kind: "violation", report: violated } as const;
  const line = replayLine({ seed: FATES.violated, trouble, shrunk: null });
  expect(line).toBe("replay: npm run simulate -- --seed 13 --verbose");
});
