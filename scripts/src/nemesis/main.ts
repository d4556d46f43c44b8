// What `npm run nemesis` runs.
import { randomInt } from "node:crypto";
import { tmpdir } from "node:os";
import { resolve } from "node:path";
import { EXIT } from "../cli/cli-error.ts";
import { parseOrExit } from "../cli/parse-or-exit.ts";
import { LaunchError } from "../launch/launch-error.ts";
import { exitCodeOf, interruptedBySignals } from "../simulation/command/interrupted.adapter.ts";
import {
  failureText,
  figuresText,
  nemesisCommand,
  TOOL_FAULT,
  toolFaultText,
} from "./nemesis-command.ts";
import type { NemesisOptions } from "./nemesis-command.ts";
import { runRounds } from "./nemesis-rounds.ts";
import type { NemesisReport } from "./nemesis-run.ts";
import { makeRunDirectory, removeWithoutFiles, RunDirectoryError } from "./run-directory.ts";

const SEEDS = 1_000_000;

const options = parseOrExit<NemesisOptions>(nemesisCommand());
const seed = options.seed ?? randomInt(SEEDS);
const directory = madeDirectory();

const interrupted = interruptedBySignals();
interrupted.addEventListener("abort", () => {
  console.error("nemesis: interrupted, stopping (again: at once)");
  process.on("exit", tellWhatIsKept);
});
// What nobody waits for may fail, too: the run ends then, and keeps what led to it.
const broken = new AbortController();
process.on("uncaughtException", (error) => broken.abort(error));
const stop = AbortSignal.any([interrupted, broken.signal]);

console.error(`seed ${seed}; what a failure leaves is kept in ${directory}`);
try {
  const report = await run();
  broken.signal.throwIfAborted();
  tellReport(report);
} catch (error) {
  process.exit(exitCodeAfter(broken.signal.aborted ? broken.signal.reason : error));
}

function madeDirectory(): string {
  try {
    return makeRunDirectory(resolve(options.directory ?? tmpdir()), seed);
  } catch (error) {
    if (!(error instanceof RunDirectoryError)) throw error;
    console.error(`nemesis: ${error.message}`);
    process.exit(EXIT.usage);
  }
}

function run(): Promise<NemesisReport> {
  const { masters, tabletServers, frontends, clients, duration, only } = options;
  return runRounds({
    sizes: { masters, tabletServers, frontends },
    durationMs: duration,
    seed,
    kinds: only,
    clients,
    directory,
    tell: (line) => {
      // What a run tells that is being stopped would hide that it is.
      if (!stop.aborted) console.error(line);
    },
    stop,
  });
}

function tellReport(report: NemesisReport): void {
  if (report.problems.length > 0) {
    const given = process.argv.slice(2);
    const again = [
      "npm run nemesis --",
      ...given,
      ...(options.seed === undefined ? ["--seed", seed] : []),
    ];
    console.error(failureText(report, { directory, again: again.join(" ") }));
  }
  console.log(figuresText(seed, report));
  process.exitCode = report.problems.length > 0 ? EXIT.other : EXIT.ok;
}

/** Tells the error, unless an interrupt brought it about. */
function exitCodeAfter(error: unknown): number {
  if (interrupted.aborted) return exitCodeOf(interrupted.reason as NodeJS.Signals);
  const isEmpty = removeWithoutFiles(directory);
  if (error instanceof LaunchError) {
    console.error(`nemesis: ${error.message}`);
    return error.exitCode;
  }
  console.error(toolFaultText(error, isEmpty ? null : directory));
  return TOOL_FAULT;
}

function tellWhatIsKept(): void {
  if (!removeWithoutFiles(directory)) console.error(`nemesis: kept in ${directory}`);
}
