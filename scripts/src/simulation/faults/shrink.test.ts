import { expect, test } from "vitest";
import type { CheckerName } from "../../check/checker-name.ts";
import type { RunReport, RunSeed } from "../run-report.ts";
import type { Fault } from "./fault.ts";
import { shrinkFaults } from "./shrink.ts";

const faults: Fault[] = Array.from({ length: 20 }, (_, at) => ({
  id: at + 1,
  atMs: at * 100,
  target: { kind: "process", name: "ts1" },
  trigger: { kind: "event", nth: 7 },
  action: { kind: "pause", durationMs: 800 },
}));

function reportOf(list: readonly Fault[], checker: CheckerName | null): RunReport {
  return {
    seed: 5,
    options: {},
    faults: list,
    violation: checker === null ? null : { checker, detail: "", atMs: 1 },
    marks: new Map(),
    traceHash: "",
    simulatedMs: 1,
    events: 1,
    operations: 1,
  };
}

function has(list: readonly Fault[], id: number): boolean {
  return list.some((fault) => fault.id === id);
}

/** Needs #3 and #17; without #11 another checker finds something. */
const runSeed: RunSeed = ({ faults: list }) => {
  const given = list ?? faults;
  const fails = has(given, 3) && has(given, 17);
  if (fails) return Promise.resolve(reportOf(given, "linearizability"));
  return Promise.resolve(reportOf(given, has(given, 11) ? null : "liveness"));
};

test("the list shrinks to the faults that the same checker's violation needs", async () => {
  const shrunk = await shrinkFaults(runSeed, reportOf(faults, "linearizability"), { maxRuns: 200 });
  expect(shrunk.report.faults.map(({ id }) => id)).toEqual([3, 17]);
  expect(shrunk.report.violation?.checker).toBe("linearizability");
  expect(shrunk.isMinimal).toBe(true);
});

test("what is left takes its plainest form that still fails", async () => {
  const needsLongPause: RunSeed = (request) => {
    const list = request.faults ?? faults;
    const fails = list.some(
      ({ id, action }) => id === 3 && action.kind === "pause" && action.durationMs >= 400,
    );
    return Promise.resolve(reportOf(list, fails ? "liveness" : null));
  };
  const shrunk = await shrinkFaults(needsLongPause, reportOf(faults, "liveness"), { maxRuns: 99 });
  expect(shrunk.report.faults).toMatchObject([
    { id: 3, trigger: { kind: "at-once" }, action: { kind: "pause", durationMs: 400 } },
  ]);
});

test("the runs are bounded, and the result says so", async () => {
  let runs = 0;
  const counting: RunSeed = (request) => {
    runs++;
    return runSeed(request);
  };
  const report = reportOf(faults, "linearizability");
  const shrunk = await shrinkFaults(counting, report, { maxRuns: 6 });
  expect(runs).toBe(6);
  expect(shrunk).toMatchObject({ runs: 6, isMinimal: false });
  expect(has(shrunk.report.faults, 3) && has(shrunk.report.faults, 17)).toBe(true);
});

test("a run that rejects is another failure", async () => {
  const rejecting: RunSeed = (request) =>
    (request.faults ?? faults).length < 20
      ? Promise.reject(new Error("took too long"))
      : runSeed(request);
  const report = reportOf(faults, "linearizability");
  const shrunk = await shrinkFaults(rejecting, report, { maxRuns: 200 });
  expect(shrunk.report.faults).toHaveLength(20);
});
