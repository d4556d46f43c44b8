/** What `npm run simulate` does with its options: one run in this process, or many in others. */
import { CommanderError } from "commander";
import type { RunReport, RunSeed } from "../run-report.ts";
import { durationText } from "./duration-text.ts";
import { exitCodeOf } from "./interrupted.adapter.ts";
import { assertWritable, CannotWriteError, OutputFile, writeWhole } from "./output-file.adapter.ts";
import {
  failureText,
  faultsText,
  foundText,
  optionsText,
  replayCommand,
  replayLine,
  shrunkText,
  violationText,
} from "./seed-failure.ts";
import { SEEDS_FOR_MARKS } from "./run-figures.ts";
import { runSeeds, SEED_DEFAULTS } from "./run-seeds.adapter.ts";
import { SeedProgress } from "./seed-progress.adapter.ts";
import type { ProgressOutput } from "./seed-progress.adapter.ts";
import type { SeedsResult } from "./seed-runs.ts";
import { simulateProgram } from "./simulate-options.ts";
import type { SimulateOptions } from "./simulate-options.ts";

const USAGE = 2;

export interface SimulateContext {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: ProgressOutput;
  readonly cores: number;
  /** Exports `runSeed`. */
  readonly runModule: URL;
  /** Called before many runs begin; the signal that it gives stops them, its reason is a `NodeJS.Signals`. */
  readonly interrupted: () => AbortSignal;
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
  try {
    if (seed !== undefined) return await replay(seed, options, context);
    if (seeds !== undefined) return await runMany(seeds, options, context);
  } catch (error) {
    return exitCodeOfWriting(error, stderr);
  }
  stderr.write("error: say which: --seed N replays one run, --seeds N runs many\n");
  return USAGE;
}

/** Tells of a file that cannot be written; throws any other error. */
function exitCodeOfWriting(error: unknown, stderr: ProgressOutput): number {
  if (!(error instanceof CannotWriteError)) throw error;
  stderr.write(`error: ${error.message}\n`);
  return USAGE;
}

/** 0, unless it cannot be written. */
function saved(save: () => void, stderr: ProgressOutput): number {
  try {
    save();
    return 0;
  } catch (error) {
    return exitCodeOfWriting(error, stderr);
  }
}

/** In this process, which a signal ends at once, even in a run that never gives way to anything. */
async function replay(
  seed: number,
  options: SimulateOptions,
  { stdout, stderr, runModule }: SimulateContext,
): Promise<number> {
  const { trace: path, verbose } = options;
  const faults = options.faults ?? null;
  const file = path === undefined ? null : OutputFile.open(path);
  const { runSeed } = (await import(runModule.href)) as { readonly runSeed: RunSeed };
  const trace = (line: string): void => {
    file?.write(`${line}\n`);
    if (verbose) stdout.write(`${line}\n`);
  };
  const isRead = file !== null || verbose;
  const report = await runSeed({ seed, faults, trace: isRead ? trace : null });
  stdout.write(`${reportText(report)}\n`);
  const unsaved = saved(() => file?.close(), stderr);
  if (report.violation === null) return unsaved;
  stdout.write(`replay: ${replayCommand(seed, faults)}\n`);
  return 1;
}

function reportText(report: RunReport): string {
  const { events, operations, seed, simulatedMs, traceHash } = report;
  const marks = [...report.marks].map(([mark, count]) => `${mark} ${count}`);
  return [
    optionsText(report),
    ...faultsText(report.faults),
    `marks: ${marks.sort().join(", ")}`,
    `${durationText(simulatedMs)} simulated, ${events} events, ${operations} operations`,
    `trace hash ${traceHash}`,
    `seed ${seed}: ${violationText(report)}`,
  ].join("\n");
}

async function runMany(
  seeds: number,
  options: SimulateOptions,
  { stdout, stderr, runModule, interrupted }: SimulateContext,
): Promise<number> {
  const { from, jobs, keepGoing, limit: limitMs, shrinkRuns, json } = options;
  if (json !== undefined) assertWritable(json);
  const progress = new SeedProgress(stderr, seeds);
  const tell = (text: string): void => progress.aside(() => stdout.write(`${text}\n\n`));
  const result = await runSeeds({
    seeds,
    from,
    jobs,
    keepGoing,
    limitMs,
    shrinkRuns,
    runModule,
    interrupted: interrupted(),
    progress: (now, doing) => progress.advance(now, doing),
    found: (failure) => tell(shrinkRuns === 0 ? failureText(failure) : foundText(failure)),
    shrunk: (failure) => tell(shrunkText(failure)),
  }).finally(() => progress.stop());
  const { figures, stoppedBy } = result;
  stdout.write(`${figures.text()}\n`);
  const view = `${JSON.stringify(figures.view(), null, 2)}\n`;
  const unsaved = json === undefined ? 0 : saved(() => writeWhole(json, view), stderr);
  if (stoppedBy !== null) {
    stderr.write(`simulate: interrupted after ${figures.seeds} of ${seeds} seeds\n`);
  }
  const wrong = wrongText(result);
  stdout.write(wrong);
  if (stoppedBy !== null) return exitCodeOf(stoppedBy);
  return wrong === "" ? unsaved : 1;
}

/** Last of all: what was wrong, and how to see it again. Empty: nothing was. */
function wrongText({ failures, figures }: SeedsResult): string {
  const lines: string[] = [];
  const missing = figures.missingMarks();
  if (missing.length > 0) {
    const count = `${figures.seeds} seeds, of which ${SEEDS_FOR_MARKS} must meet every mark`;
    lines.push(`failed: ${count}, never met: ${missing.join(", ")}`);
  }
  const [first] = failures;
  if (first !== undefined) {
    lines.push(
      `failed: ${failures.map(({ seed }) => `seed ${seed}`).join(", ")}`,
      replayLine(first),
    );
  }
  return lines.map((line) => `${line}\n`).join("");
}
