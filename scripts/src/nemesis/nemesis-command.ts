/** `npm run nemesis`: its options, and what it says in the end. */
import { Command, InvalidArgumentError, Option } from "commander";
import { parseAtLeast, parseCount, parseDuration } from "../cli/option-values.ts";
import { FAULT_KINDS } from "./faults/fault.ts";
import type { FaultKind } from "./faults/fault.ts";
import type { NemesisReport } from "./nemesis-run.ts";
import { operationsText } from "./operation-counts.ts";

export interface NemesisOptions {
  /** Milliseconds. */
  readonly duration: number;
  /** Absent: drawn. */
  readonly seed?: number;
  readonly only: readonly FaultKind[];
  readonly masters: number;
  readonly tabletServers: number;
  readonly frontends: number;
  readonly clients: number;
  /** Holds the run's own; absent: that of the system's temporary files. */
  readonly directory?: string;
}

/** Of an error of the command itself: EX_SOFTWARE of sysexits.h. */
export const TOOL_FAULT = 70;

const PROBLEMS_SHOWN = 10;

const DIRECTORY_HELP =
  "where a new one is made for what a failure leaves (default: that of temporary files)";

export function nemesisCommand(): Command {
  return new Command("npm run nemesis --")
    .description(
      "Runs a cluster of real processes under faults, lets clients work on it, heals it, and judges what the " +
        "clients were told. What is found wrong leaves histories, faults and logs. More than two minutes are " +
        "several rounds, each on a new cluster with the next seed.\n\n" +
        "Exit codes: 0 nothing was found wrong, 1 something was, or no cluster came up, 2 usage, or no directory " +
        `can be made, ${TOOL_FAULT} a bug of this command itself, 130 interrupted by Ctrl-C (143 by SIGTERM, 129 by ` +
        "SIGHUP).\n\n" +
        `Faults: ${FAULT_KINDS.join(", ")}.`,
    )
    .addOption(
      new Option("--duration <duration>", "how long faults strike, e.g. 30s, 10m")
        .argParser(parseLength)
        .default(120_000, "2m"),
    )
    .option("--seed <n>", "decides which faults strike (default: drawn)", parseCount)
    .addOption(
      new Option("--only <faults>", "these alone, with commas between")
        .argParser(parseKinds)
        .default([...FAULT_KINDS], "all"),
    )
    .option("--masters <n>", "1, 3 or 5", parseMasters, 3)
    .option("--tablet-servers <n>", "at least 3, since tables have 3 replicas", parseAtLeast(3), 5)
    .option("--frontends <n>", "at least 1", parseAtLeast(1), 2)
    .option("--clients <n>", "clients, each with one operation at a time", parseAtLeast(1), 10)
    .option("--directory <directory>", DIRECTORY_HELP)
    .allowExcessArguments(false)
    .showHelpAfterError("(--help lists the options)");
}

function parseLength(text: string): number {
  const durationMs = parseDuration(text);
  if (durationMs === 0) throw new InvalidArgumentError("It must be longer than that.");
  return durationMs;
}

function parseMasters(text: string): number {
  const masters = parseCount(text);
  if (![1, 3, 5].includes(masters)) throw new InvalidArgumentError("It must be 1, 3 or 5.");
  return masters;
}

function parseKinds(text: string): FaultKind[] {
  return text.split(",").map((name) => {
    const kind = FAULT_KINDS.find((known) => known === name);
    if (kind !== undefined) return kind;
    const known = FAULT_KINDS.join(", ");
    if (name.trim() === "") {
      throw new InvalidArgumentError(`It must be some of ${known}, with commas between.`);
    }
    throw new InvalidArgumentError(`${name} is none of ${known}.`);
  });
}

/** One line. */
export function figuresText(seed: number, report: NemesisReport): string {
  const { faults, operations, problems, tabletsCompared, tookMs } = report;
  const kinds = [...faults].map(([kind, count]) => `${kind} ${count}`).join(", ");
  const total = [...faults.values()].reduce((sum, count) => sum + count, 0);
  return [
    `seed ${seed}`,
    `${Math.round(tookMs / 1000)} s`,
    `${total} faults${total === 0 ? "" : ` (${kinds})`}`,
    operationsText(operations),
    `${tabletsCompared} tablets compared`,
    problems.length === 0 ? "nothing found wrong" : `${problems.length} found wrong`,
  ].join("; ");
}

export function failureText(
  { problems }: NemesisReport,
  { directory, again }: { readonly directory: string; readonly again: string },
): string {
  const shown = problems.slice(0, PROBLEMS_SHOWN).map(({ checker, detail }) => {
    return `FOUND WRONG: ${checker}\n${detail}\n`;
  });
  if (problems.length > shown.length) shown.push(`and ${problems.length - shown.length} more\n`);
  return [
    ...shown,
    `Kept in ${directory}, by seed if there were several rounds:`,
    "  history-TABLE.ndjson  what clients called and were told; npx stele check judges it again",
    "  faults.ndjson         what was done to the cluster, on the same clock; its first line has that clock's wall time",
    "  logs/                 of every server, wall-clock times",
    `The same faults in the same order (their times are the machine's): ${again}`,
  ].join("\n");
}

/** An error that is nobody's fault but the command's. `kept`: where what led to it is; null: nothing was kept. */
export function toolFaultText(error: unknown, kept: string | null): string {
  const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const where = kept === null ? [] : [`What led to it is kept in ${kept}.`];
  return [
    "nemesis: this is a bug of the nemesis itself and says nothing about the cluster:",
    what,
    ...where,
  ].join("\n");
}
