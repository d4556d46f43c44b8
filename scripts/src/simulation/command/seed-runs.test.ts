import { expect, test } from "vitest";
import type { SeedJob, SeedOutcome } from "./seed-messages.ts";
import { failureText } from "./seed-failure.ts";
import { SeedRuns } from "./seed-runs.ts";
import type { SeedRange, SeedsResult } from "./seed-runs.ts";
import { FATES, runSeed } from "./testing/fabricated-run.ts";

const RANGE: SeedRange = {
  from: 1,
  seeds: 5,
  jobs: 2,
  keepGoing: false,
  shrinkRuns: 100,
  traceLines: 10,
};

interface Ran extends SeedsResult {
  readonly jobs: readonly SeedJob[];
  /** "ran 1", "found 13", "shrunk 13", as they came. */
  readonly told: readonly string[];
}

const RAN_WELL: SeedOutcome = {
  kind: "ran",
  report: await runSeed({ seed: 1, faults: null, trace: null }),
  trace: [],
};

/** Instead of what would end this process, or hang. */
const OUTCOMES: ReadonlyMap<number, SeedOutcome> = new Map<number, SeedOutcome>([
  [14, RAN_WELL],
  [15, { kind: "hung", limitMs: 500 }],
  [16, RAN_WELL],
  [17, RAN_WELL],
]);

/** In this process; what would end it or hang comes from `outcomes` or, where that has nothing, from `instead`. */
async function ran(
  range: Partial<SeedRange>,
  outcomes: ReadonlyMap<number, SeedOutcome> = new Map(),
  instead: () => SeedOutcome | null = () => null,
): Promise<Ran> {
  const jobs: SeedJob[] = [];
  const told: string[] = [];
  let nowMs = 0;
  const runs = new SeedRuns(
    { ...RANGE, ...range },
    {
      run: async (job) => {
        jobs.push(job);
        if (told.at(-1) !== `ran ${job.seed}`) told.push(`ran ${job.seed}`);
        const fixed = outcomes.get(job.seed) ?? instead();
        if (fixed !== null) return fixed;
        const trace: string[] = [];
        const report = await runSeed({ ...job, trace: (line) => trace.push(line) });
        return { kind: "ran", report, trace };
      },
      nowMs: () => (nowMs += 1000),
      progress: () => undefined,
      found: ({ seed }) => told.push(`found ${seed}`),
      shrunk: ({ seed }) => told.push(`shrunk ${seed}`),
    },
  );
  return { ...(await runs.all()), jobs, told };
}

test("every seed of the range runs, the first and each hundredth after it twice", async () => {
  const { figures, failures, jobs } = await ran({ from: 100, seeds: 101 });
  expect(failures).toEqual([]);
  const times = new Map<number, number>();
  for (const { seed } of jobs) times.set(seed, (times.get(seed) ?? 0) + 1);
  expect([...times.keys()].sort((a, b) => a - b)).toEqual(
    Array.from({ length: 101 }, (_, at) => 100 + at),
  );
  const twice = [...times].filter(([, count]) => count === 2).map(([seed]) => seed);
  expect(twice.sort((a, b) => a - b)).toEqual([100, 200]);
  expect(figures.view()).toMatchObject({ seeds: 101, ranTwice: 2, failures: 0 });
});

test("figures add up over the seeds, and name the marks that nothing reached", async () => {
  const { figures } = await ran({ from: 20, seeds: 10 });
  const view = figures.view();
  expect(view).toMatchObject({ simulatedHours: 0.1, events: 10_000, operations: 100 });
  expect(view.faultsByKind).toEqual({ crash: 80 });
  expect(view.marks).toEqual({ "write acknowledged": 20 });
  expect(view.marksAtZero).toContain("torn tail repaired");
  expect(view.marksAtZero).not.toContain("write acknowledged");
  expect(figures.line()).toMatch(
    /^10 seeds from 20 on, 1 of them run twice, 6 min 0 s simulated in \d+ s \([\d.]+ times real time\), /,
  );
  expect(figures.line()).toContain("10 000 events, 100 operations, 80 faults of 1 kind, ");
});

test("a violation stops the range and is shrunk to the faults that it needs", async () => {
  const { failures, jobs } = await ran({ from: FATES.violated, seeds: 50, jobs: 1 });
  expect(failures).toHaveLength(1);
  const [failure] = failures;
  expect(failure?.trouble.kind).toBe("violation");
  expect(failure?.shrunk?.report.faults.map(({ id }) => id)).toEqual([3]);
  expect(new Set(jobs.map(({ seed }) => seed))).toEqual(new Set([FATES.violated]));
  const text = failure === undefined ? "" : failureText(failure);
  const wrong = "seed 13: liveness, at 1235 ms: a write hangs\n";
  expect(text.startsWith(`found, with 8 faults:\n${wrong}replay: `)).toBe(true);
  expect(text).toMatch(new RegExp(`^shrunk to 1 of 8 faults in \\d+ runs; .*:\n${wrong}`, "m"));
  expect(text).toContain("#3 at 200 ms, ts1: crash what=power downMs=0");
  expect(text).toContain("runs seed 13 with 1 faults");
  expect(text).toContain(`replay: npm run simulate -- --seed 13 --faults '[{"id":3,`);
});

test("a failure is told when it is found, before other seeds run, and again when it is shrunk", async () => {
  const { told } = await ran({ from: 12, seeds: 9, jobs: 1, keepGoing: true }, OUTCOMES);
  const first = "ran 12, ran 13, found 13, ran 14, ran 15, found 15, ran 16, ran 17, ran 18";
  expect(told.join(", ")).toBe(`${first}, ran 19, ran 20, ran 13, shrunk 13`);
});

test("a failure that is not to be shrunk tells the faults that it was found with", async () => {
  const { failures, told } = await ran({ from: FATES.violated, seeds: 1, shrinkRuns: 0 });
  expect(told).toEqual(["ran 13", "found 13"]);
  expect(failures.map(failureText)[0]).toMatch(
    /^found, with 8 faults:\nseed 13: .*\noptions: .*\n8 faults:\n(  #.*\n){8}replay: .*--seed 13 --verbose$/,
  );
});

test("a range that was stopped counts what ran to its end, and shrinks nothing", async () => {
  const stopped: SeedOutcome = { kind: "stopped", signal: "SIGINT" };
  const outcomes = new Map([...OUTCOMES, [16, stopped] as const]);
  const range = { from: 12, seeds: 20, jobs: 1, keepGoing: true };
  const { failures, figures, stoppedBy, told } = await ran(range, outcomes);
  expect(stoppedBy).toBe("SIGINT");
  expect(failures.map(({ seed, shrunk }) => [seed, shrunk])).toEqual([
    [13, null],
    [15, null],
  ]);
  expect(figures.view()).toMatchObject({ seeds: 4, failures: 2, operations: 30 });
  expect(told.at(-1)).toBe("ran 16");
});

test("a failure whose shrinking is stopped is told with what is known of it", async () => {
  let runs = 0;
  const { failures, stoppedBy } = await ran({ from: 13, seeds: 1 }, new Map(), () =>
    ++runs < 4 ? null : { kind: "stopped", signal: "SIGTERM" },
  );
  expect(stoppedBy).toBe("SIGTERM");
  expect(runs).toBeLessThan(7);
  expect(failures[0]?.shrunk).toMatchObject({ isMinimal: false, trace: [] });
});

test("a seed that went two ways is a failure", async () => {
  const { failures } = await ran({ from: FATES.diverges, seeds: 1 });
  expect(failures).toMatchObject([{ seed: FATES.diverges, trouble: { kind: "diverged" } }]);
  expect(failures.map(failureText)[0]).toMatch(/not deterministic: traceHash ".*", then ".*"\n/);
});

test("a seed whose report differs in anything the second time is a failure", async () => {
  const { failures } = await ran({ from: FATES.strays, seeds: 1 });
  expect(failures.map(failureText)[0]).toMatch(/not deterministic: operations \d+, then \d+\n/);
});

test("what hung, died or threw is put down to its seed, and the others still run", async () => {
  const outcomes = new Map<number, SeedOutcome>([
    [21, { kind: "hung", limitMs: 500 }],
    [23, { kind: "crashed", detail: "its process died: SIGSEGV" }],
    [24, { kind: "threw", detail: "Error: no" }],
  ]);
  const { figures, failures } = await ran({ from: 20, seeds: 6, keepGoing: true }, outcomes);
  expect(failures.map(({ seed, trouble }) => [seed, trouble.kind])).toEqual([
    [21, "hung"],
    [23, "crashed"],
    [24, "threw"],
  ]);
  expect(figures.view()).toMatchObject({ seeds: 6, failures: 3 });
  expect(failures.map(failureText)[0]).toBe(
    "seed 21: took longer than 0.5 s\nreplay: npm run simulate -- --seed 21 --verbose",
  );
});
