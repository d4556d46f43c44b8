/**
 * A run of any length: rounds, one behind the other, each a run of its own on a new cluster, with the next seed.
 *
 * All histories are in memory when they are judged, and scans show ever more rows: what a run holds grows with the
 * square of its length. Ten minutes are more than a process can hold (4 GiB).
 *
 * N1. A round begins only when nothing was found wrong before; the report is of all rounds that ran.
 * N2. One round alone is the run itself, with its seed and its directory.
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import type { FaultKind } from "./faults/fault.ts";
import { runNemesis } from "./nemesis-run.ts";
import type { NemesisReport, NemesisRequest } from "./nemesis-run.ts";
import type { OperationEnd } from "./operation-counts.ts";

export interface NemesisRound {
  readonly durationMs: number;
  readonly seed: number;
  readonly directory: string;
}

/** The longest that a round strikes. */
export const ROUND_MS = 120_000;

/** Rounds of equal length. */
export function roundsOf({ durationMs, seed, directory }: NemesisRound): readonly NemesisRound[] {
  const count = Math.max(1, Math.ceil(durationMs / ROUND_MS));
  if (count === 1) return [{ durationMs, seed, directory }];
  return Array.from({ length: count }, (_, at) => ({
    durationMs: Math.ceil(durationMs / count),
    seed: seed + at,
    directory: join(directory, `seed-${seed + at}`),
  }));
}

/** As `runNemesis`, for any duration; what is kept of a round lies in its directory. */
export async function runRounds(request: NemesisRequest): Promise<NemesisReport> {
  const rounds = roundsOf(request);
  const reports: NemesisReport[] = [];
  for (const [at, round] of rounds.entries()) {
    if (rounds.length > 1) {
      request.tell(`round ${at + 1} of ${rounds.length}, seed ${round.seed}`);
    }
    const report = await runNemesis({ ...request, ...round });
    reports.push(report);
    if (report.problems.length > 0) break;
  }
  const report = reports.reduce(joined);
  if (report.problems.length === 0) rmSync(request.directory, { recursive: true, force: true });
  return report;
}

function joined(a: NemesisReport, b: NemesisReport): NemesisReport {
  return {
    problems: [...a.problems, ...b.problems],
    faults: summed<FaultKind>(a.faults, b.faults),
    marks: summed(a.marks, b.marks),
    operations: summed<OperationEnd>(a.operations, b.operations),
    steps: a.steps + b.steps,
    tabletsCompared: a.tabletsCompared + b.tabletsCompared,
    tookMs: a.tookMs + b.tookMs,
  };
}

function summed<Name extends string>(
  a: ReadonlyMap<Name, number>,
  b: ReadonlyMap<Name, number>,
): ReadonlyMap<Name, number> {
  const sums = new Map(a);
  for (const [name, count] of b) sums.set(name, (sums.get(name) ?? 0) + count);
  return sums;
}
