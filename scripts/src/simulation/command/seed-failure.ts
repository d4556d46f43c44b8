/** A seed that failed, and how one reads and replays it. */
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

/** One line: which seed, and what was wrong. */
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

export function failureText(failure: SeedFailure): string {
  const lines = [troubleText(failure)];
  const { seed, trouble, shrunk } = failure;
  const report = shrunk?.report ?? (trouble.kind === "violation" ? trouble.report : null);
  if (report !== null) lines.push(optionsText(report), ...faultsText(report.faults));
  if (shrunk !== null) {
    const all = trouble.kind === "violation" ? ` of ${trouble.report.faults.length}` : "";
    const how = shrunk.isMinimal ? "each of them is needed" : "there may be fewer";
    lines.push(
      `shrunk to ${shrunk.report.faults.length}${all} faults in ${shrunk.runs} runs; ${how}`,
      violationText(shrunk.report),
      ...(shrunk.trace.length === 0 ? [] : ["the last of the trace:", ...shrunk.trace]),
    );
  }
  lines.push(`replay: ${replayCommand(seed, shrunk?.report.faults ?? null)}`);
  return lines.join("\n");
}

export function optionsText({ options }: RunReport): string {
  const texts = Object.entries(options).map(([name, value]) => `${name}=${value}`);
  return `options: ${texts.join(" ")}`;
}

export function faultsText(faults: readonly Fault[]): string[] {
  return [`${faults.length} faults:`, ...faults.map((fault) => `  ${faultText(fault)}`)];
}

/** @param faults instead of those that the seed draws; null: those */
export function replayCommand(seed: number, faults: readonly Fault[] | null): string {
  const instead = faults === null ? "" : ` --faults '${JSON.stringify(faults)}'`;
  return `npm run simulate -- --seed ${seed}${instead} --verbose`;
}
