// npm run mutants -- [--only NAME|NUMBER]... [--seeds 2000] [--from 1] [--jobs J]
//
// Exit codes: 0 all were caught, 1 some survived or nothing could be said, 2 wrong arguments, 130 interrupted.
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { systemClock } from "@stele/shared/clock.ts";
import { allMutants, mutantsNamed } from "./all-mutants.ts";
import type { Mutant } from "./mutant.ts";
import { reportOf } from "./report.ts";
import { NotCleanError, runMutants } from "./run-mutants.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));

class InterruptError extends Error {
  override readonly name = "InterruptError";
}

class WrongArgumentError extends Error {
  override readonly name = "WrongArgumentError";
}

interface Arguments {
  readonly mutants: readonly Mutant[];
  readonly from: number;
  readonly seeds: number;
  readonly jobs: number;
}

function parse(args: readonly string[]): Arguments {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: "string", multiple: true },
      seeds: { type: "string", default: "2000" },
      from: { type: "string", default: "1" },
      jobs: { type: "string", default: String(availableParallelism()) },
    },
  });
  return {
    mutants: values.only === undefined ? allMutants : chosen(values.only),
    from: count("from", values.from),
    seeds: count("seeds", values.seeds),
    jobs: count("jobs", values.jobs),
  };
}

function chosen(wanted: readonly string[]): readonly Mutant[] {
  const mutants = new Set<Mutant>();
  for (const each of wanted) {
    const found = mutantsNamed(each);
    if (found.length === 0) throw new WrongArgumentError(`no planted bug is named "${each}"`);
    for (const mutant of found) mutants.add(mutant);
  }
  return allMutants.filter((mutant) => mutants.has(mutant));
}

function count(name: string, text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new WrongArgumentError(`--${name} takes a number from 1 on, not "${text}"`);
}

async function run(args: readonly string[]): Promise<number> {
  const { mutants, from, seeds, jobs } = parse(args);
  const interrupt = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.once(signal, () => interrupt.abort(new InterruptError(`ended by ${signal}`)));
  }
  const results = await runMutants({
    mutants,
    range: { from, seeds },
    jobs,
    root,
    clock: systemClock,
    signal: interrupt.signal,
    progress: (line) => process.stderr.write(`${line}\n`),
  });
  process.stdout.write(reportOf(results));
  return results.every(({ finding }) => finding.kind === "caught") ? 0 : 1;
}

function exitCodeOf(error: unknown): number {
  if (error instanceof InterruptError) return 130;
  if (error instanceof WrongArgumentError) return 2;
  const isUnknownOption =
    error instanceof TypeError && "code" in error && String(error.code).startsWith("ERR_PARSE");
  return isUnknownOption ? 2 : 1;
}

try {
  process.exitCode = await run(process.argv.slice(2));
} catch (caught) {
  const error = caught instanceof Error ? caught : new Error(String(caught));
  process.exitCode = exitCodeOf(error);
  const isExpected = process.exitCode !== 1 || error instanceof NotCleanError;
  process.stderr.write(`mutants: ${isExpected ? error.message : error.stack}\n`);
}
