/** A seed that failed, and how one reads and replays it. */
import { counted } from "../../cli/counted.ts";
import { faultText } from "../faults/fault.ts";
import type { Fault } from "../faults/fault.ts";
import type { RunReport } from "../run-report.ts";
import type { SeedOutcome } from "./seed-messages.ts";

export type SeedTrouble =
  | { readonly kind: "violation"; readonly report: RunReport }
  /** The same seed, twice, went two ways. */
  | { readonly kind: "diverged"; readonly difference: string }
  | Extract<SeedOutcome, { kind: "threw" | "hung" | "crashed" }>;

export interface SeedFailure {
  readonly seed: number;
  readonly trouble: SeedTrouble;
  /** With as few faults as need be; null: it was not shrunk. */
  readonly shrunk: ShrunkFailure | null;
}

export interface ShrunkFailure {
  readonly report: RunReport;
  readonly runs: number;
  readonly isMinimal: boolean;
  /** The last lines of that run's trace. */
  readonly trace: readonly string[];
}

/** Which seed, and what was wrong. */
function troubleText({ seed, trouble }: SeedFailure): string {
  switch (trouble.kind) {
    case "violation":
      return `seed ${seed}: ${violationText(trouble.report)}`;
    case "diverged":
      return `seed ${seed}: not deterministic: ${trouble.difference}`;
    case "threw":
      return `seed ${seed}: the run broke: ${trouble.detail}`;
    case "hung":
      return `seed ${seed}: took longer than ${trouble.limitMs / 1000} s`;
    case "crashed":
      return `seed ${seed}: ${trouble.detail}`;
  }
}

export function violationText({ violation }: RunReport): string {
  if (violation === null) return "no violation";
  return `${violation.checker}, at ${Math.round(violation.atMs)} ms: ${violation.detail}`;
}

/** As it was found and, if it was, as it was shrunk. */
export function failureText(failure: SeedFailure): string {
  const { shrunk } = failure;
  if (shrunk === null) return unshrunkText(failure);
  return `${foundText(failure)}\n${shrunkText({ ...failure, shrunk })}`;
}

/** What is known at once; the faults are told when it has been shrunk. */
export function foundText(failure: SeedFailure): string {
  return [...foundLines(failure), replayLine({ ...failure, shrunk: null })].join("\n");
}

function unshrunkText(failure: SeedFailure): string {
  const { trouble } = failure;
  if (trouble.kind !== "violation") return foundText(failure);
  const { report } = trouble;
  const how = [optionsText(report), ...faultsText(report.faults)];
  return [...foundLines(failure), ...how, replayLine(failure)].join("\n");
}

function foundLines(failure: SeedFailure): string[] {
  const { trouble } = failure;
  if (trouble.kind !== "violation") return [troubleText(failure)];
  return [`found, with ${counted(trouble.report.faults.length, "fault")}:`, troubleText(failure)];
}

export function shrunkText(failure: SeedFailure & { readonly shrunk: ShrunkFailure }): string {
  const { seed, shrunk } = failure;
  const { report, trace } = shrunk;
  return [
    `${shrunkHow(failure.trouble, shrunk)}:`,
    `seed ${seed}: ${violationText(report)}`,
    optionsText(report),
    ...faultsText(report.faults),
    ...(trace.length === 0 ? [] : ["the last of the trace:", ...trace]),
    replayLine(failure),
  ].join("\n");
}

function shrunkHow(trouble: SeedTrouble, { report, runs, isMinimal }: ShrunkFailure): string {
  const inRuns = `in ${counted(runs, "run")}`;
  if (report.faults.length === 0) return `shrunk ${inRuns}; it needs no fault`;
  const all = trouble.kind === "violation" ? ` of ${trouble.report.faults.length}` : "";
  const left = `shrunk to ${report.faults.length}${all} faults ${inRuns}`;
  return `${left}; ${isMinimal ? "each of them is needed" : "there may be fewer"}`;
}

/** Of the shrunk run, if there is one. */
export function replayLine({ seed, shrunk }: SeedFailure): string {
  return `replay: ${replayCommand(seed, shrunk?.report.faults ?? null)}`;
}

export function optionsText({ options }: RunReport): string {
  const texts = Object.entries(options).map(([name, value]) => `${name}=${value}`);
  return `options: ${texts.join(" ")}`;
}

export function faultsText(faults: readonly Fault[]): string[] {
  if (faults.length === 0) return ["no faults"];
  return [`${counted(faults.length, "fault")}:`, ...faults.map((fault) => `  ${faultText(fault)}`)];
}

/** @param faults instead of those that the seed draws; null: those */
export function replayCommand(seed: number, faults: readonly Fault[] | null): string {
  const instead = faults === null ? "" : ` --faults '${JSON.stringify(faults)}'`;
  return `npm run simulate -- --seed ${seed}${instead} --verbose`;
}
