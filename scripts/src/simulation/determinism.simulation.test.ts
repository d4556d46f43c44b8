/** That a use of real time or chance shows in a run's trace hash, wherever it ends up. */
import { afterEach, expect, test, vi } from "vitest";
import { SeededRandom } from "@stele/shared/random.ts";
import { ProcessClock } from "@stele/shared/testing/simulated-clock.ts";
import { OperationsClient } from "../workloads/operations-client.ts";
import { reportDifference } from "./command/report-difference.ts";
import { runSeed } from "./run.ts";
import type { RunReport } from "./run-report.ts";

const SEED = 3;

afterEach(() => {
  vi.restoreAllMocks();
});

/** Without faults; nobody reads the trace, unless `trace` does. */
const run = (trace: ((line: string) => void) | null = null): Promise<RunReport> =>
  runSeed({ seed: SEED, faults: [], trace });

test("two runs of a seed give one report, whether or not the trace is read", async () => {
  const first = await run();
  expect(first.violation).toBeNull();
  const lines: string[] = [];
  expect(reportDifference(first, await run((line) => lines.push(line)))).toBeNull();
  expect(lines.length).toBeGreaterThan(100);
});

test("real time in a payload changes the hash, though the same events happen", async () => {
  const first = await run();
  const { wallMicros } = ProcessClock.prototype;
  vi.spyOn(ProcessClock.prototype, "wallMicros").mockImplementation(function (this: ProcessClock) {
    return wallMicros.call(this) + 1;
  });
  const second = await run();
  expect(second.events).toBe(first.events);
  expect(second.traceHash).not.toBe(first.traceHash);
  expect(reportDifference(first, second)).toMatch(/^traceHash /);
});

test("chance in messages changes the hash, though no answer shows it", async () => {
  const first = await run();
  const { bytes } = SeededRandom.prototype;
  let planted = 0;
  vi.spyOn(SeededRandom.prototype, "bytes").mockImplementation(function (
    this: SeededRandom,
    length,
  ) {
    const drawn = bytes.call(this, length);
    // A front-end's retry numbers begin with eight bytes, and travel with its writes.
    if (length === 8) drawn.writeUInt8(drawn.readUInt8(7) ^ 1, 7);
    planted += length === 8 ? 1 : 0;
    return drawn;
  });
  const second = await run();
  expect(planted).toBeGreaterThan(0);
  expect(reportDifference(first, second)).toMatch(/^traceHash [^;]*$/);
});

test("chance in an answer to a client changes the hash, though no message shows it", async () => {
  const { get } = OperationsClient.prototype;
  let calls = 0;
  let altered = -1;
  vi.spyOn(OperationsClient.prototype, "get").mockImplementation(async function (
    this: OperationsClient,
    ...call
  ) {
    const answer = await get.call(this, ...call);
    if (answer?.kind !== "read" || answer.row === null) return answer;
    const { row } = answer;
    return ++calls === altered
      ? { kind: "read", row: { ...row, version: row.version + 1 } }
      : answer;
  });
  const first = await run();
  expect(first.violation).toBeNull();
  altered = calls;
  calls = 0;
  const second = await run();
  expect(calls).toBe(altered);
  expect(second.events).toBe(first.events);
  expect(second.traceHash).not.toBe(first.traceHash);
});
