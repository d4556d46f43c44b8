/** The options of `npm run simulate`. */
import { Command, InvalidArgumentError, Option } from "commander";
import { parseCount, parseDuration } from "../../cli/option-values.ts";
import type { Fault } from "../faults/fault.ts";
import { PLANNED_KINDS } from "../faults/fault-plan.ts";

/** Of 15 digits: sums of two are exact. */
const MAX_NUMBER = 999_999_999_999_999;

export interface SimulateOptions {
  readonly seed?: number;
  readonly seeds?: number;
  readonly from: number;
  readonly jobs: number;
  readonly keepGoing: boolean;
  readonly limit: number;
  readonly shrinkRuns: number;
  readonly faults?: readonly Fault[];
  readonly trace?: string;
  readonly verbose: boolean;
  readonly json?: string;
}

export interface SimulateDefaults {
  readonly jobs: number;
  readonly limitMs: number;
  readonly shrinkRuns: number;
}

export function simulateProgram(defaults: SimulateDefaults): Command {
  return new Command("npm run simulate --")
    .description(
      "Runs the whole cluster on a virtual clock: one seed is one run, with faults, clients and checks. " +
        "docs/TESTING.md says what is simulated and what is checked.\n\n" +
        "Every failure is printed when it is found, and again when it is shrunk.\n\n" +
        "Exit codes: 0 nothing was found wrong, 1 something was, 2 usage, or a file that cannot be written, " +
        "130 interrupted by Ctrl-C: what was found until then has been printed (143 by SIGTERM, 129 by SIGHUP).",
    )
    .addOption(
      new Option("--seed <n>", "replay one run")
        .argParser(parseWhole(0))
        .conflicts(["seeds", "json"]),
    )
    .addOption(new Option("--seeds <n>", "run so many seeds").argParser(parseWhole(1)))
    .addOption(
      new Option("--from <n>", "the first of them")
        .argParser(parseWhole(0))
        .default(1)
        .conflicts("seed"),
    )
    .addOption(new Option("--jobs <n>", "at a time").argParser(parseJobs).default(defaults.jobs))
    .option("--keep-going", "do not stop at the first failure", false)
    .addOption(
      new Option("--limit <duration>", "of real time for one seed; a longer one has failed")
        .argParser(parseDuration)
        .default(defaults.limitMs, `${defaults.limitMs / 1000}s`),
    )
    .addOption(
      new Option("--shrink-runs <n>", "to find the faults that a failure needs; 0: do not")
        .argParser(parseWhole(0))
        .default(defaults.shrinkRuns),
    )
    .addOption(
      new Option("--faults <json>", "with --seed: instead of the faults that the seed draws")
        .argParser(parseFaults)
        .conflicts("seeds"),
    )
    .addOption(
      new Option("--trace <file>", "with --seed: write the trace there").conflicts("seeds"),
    )
    .addOption(
      new Option("--verbose", "with --seed: print the trace").default(false).conflicts("seeds"),
    )
    .option("--json <file>", "with --seeds: write the figures there");
}

function parseWhole(least: number): (text: string) => number {
  return (text) => {
    const number = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (number >= least) return number;
    throw new InvalidArgumentError(`It must be a whole number from ${least} to ${MAX_NUMBER}.`);
  };
}

function parseJobs(text: string): number {
  const jobs = parseCount(text);
  if (jobs < 1 || jobs > 256) throw new InvalidArgumentError("It must be from 1 to 256.");
  return jobs;
}

/** As a failure's report prints them. */
function parseFaults(text: string): readonly Fault[] {
  let faults: unknown;
  try {
    faults = JSON.parse(text);
  } catch {
    throw new InvalidArgumentError("It must be JSON.");
  }
  if (!Array.isArray(faults) || !faults.every(isFault)) {
    throw new InvalidArgumentError("It must be a list of faults, as a failure prints it.");
  }
  return faults;
}

function isFault(value: unknown): value is Fault {
  const { id, atMs, target, trigger, action } = (value ?? {}) as Partial<Fault>;
  return (
    Number.isSafeInteger(id) &&
    Number.isFinite(atMs) &&
    typeof target?.kind === "string" &&
    typeof trigger?.kind === "string" &&
    PLANNED_KINDS.some((kind) => kind === action?.kind)
  );
}
