/** What `npm run simulate` does with its options: one run in this process, or many in others. */
import { createWriteStream, writeFileSync } from "node:fs";
import { CommanderError } from "commander";
import type { RunSeed } from "../run-report.ts";
import {
  failureText,
  faultsText,
  optionsText,
  replayCommand,
  violationText,
} from "./seed-failure.ts";
import { SEEDS_FOR_MARKS } from "./run-figures.ts";
import { runSeeds, SEED_DEFAULTS } from "./run-seeds.adapter.ts";
import { SeedProgress } from "./seed-progress.adapter.ts";
import type { ProgressOutput } from "./seed-progress.adapter.ts";
import { simulateProgram } from "./simulate-options.ts";
import type { SimulateOptions } from "./simulate-options.ts";

const USAGE = 2;

export interface SimulateContext {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: ProgressOutput;
  readonly cores: number;
  /** Exports `runSeed`. */
  readonly runModule: URL;
}

/** Returns the exit code. */
export async function simulate(args: readonly string[], context: SimulateContext): Promise<number> {
  const { stdout, stderr, cores: jobs } = context;
  const program = simulateProgram({ ...SEED_DEFAULTS, jobs })
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void stdout.write(text),
      writeErr: (text) => void stderr.write(text),
    });
  try {
    program.parse(args, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? 0 : USAGE;
  }
  const options = program.opts<SimulateOptions>();
  const { seed, seeds } = options;
  if (seed !== undefined) return replay(seed, options, context);
  if (seeds !== undefined) return runMany(seeds, options, context);
  stderr.write("error: say which: --seed N replays one run, --seeds N runs many\n");
  return USAGE;
}

async function replay(
  seed: number,
  options: SimulateOptions,
  { stdout, runModule }: SimulateContext,
): Promise<number> {
  const { trace: file, verbose } = options;
  const faults = options.faults ?? null;
  const { runSeed } = (await import(runModule.href)) as { readonly runSeed: RunSeed };
  const stream = file === undefined ? null : createWriteStream(file);
  const trace = (line: string): void => {
    stream?.write(`${line}\n`);
    if (verbose) stdout.write(`${line}\n`);
  };
  const isRead = stream !== null || verbose;
  const report = await runSeed({ seed, faults, trace: isRead ? trace : null });
  if (stream !== null) await new Promise<void>((resolve) => stream.end(() => resolve()));
  const marks = [...report.marks].map(([mark, count]) => `${mark} ${count}`);
  const lines = [
    optionsText(report),
    ...faultsText(report.faults),
    `marks: ${marks.sort().join(", ")}`,
    `${report.simulatedMs} simulated ms, ${report.events} events, ${report.operations} operations`,
    `trace hash ${report.traceHash}`,
    `seed ${seed}: ${violationText(report)}`,
  ];
  stdout.write(`${lines.join("\n")}\n`);
  if (report.violation !== null) stdout.write(`replay: ${replayCommand(seed, faults)}\n`);
  return report.violation === null ? 0 : 1;
}

async function runMany(
  seeds: number,
  options: SimulateOptions,
  { stdout, stderr, runModule }: SimulateContext,
): Promise<number> {
  const { from, jobs, keepGoing, limit: limitMs, shrinkRuns, json } = options;
  const progress = new SeedProgress(stderr, seeds);
  const { figures, failures } = await runSeeds({
    seeds,
    from,
    jobs,
    keepGoing,
    limitMs,
    shrinkRuns,
    runModule,
    progress: (now, doing) => progress.advance(now, doing),
  }).finally(() => progress.stop());
  for (const failure of failures) stdout.write(`${failureText(failure)}\n\n`);
  stdout.write(`${figures.text()}\n`);
  if (json !== undefined) writeFileSync(json, `${JSON.stringify(figures.view(), null, 2)}\n`);
  const missing = figures.missingMarks();
  if (missing.length > 0) {
    const count = `${figures.seeds} seeds, of which ${SEEDS_FOR_MARKS} must meet every mark`;
    stdout.write(`failed: ${count}, never met: ${missing.join(", ")}\n`);
  }
  return failures.length === 0 && missing.length === 0 ? 0 : 1;
}
