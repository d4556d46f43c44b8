/**
 * Plants one bug after the other and has the simulation look for it.
 *
 * R1. A seed counts as having caught a bug only if it passes without: what the product itself fails at is no proof.
 * R2. Every worker has a scratch copy of its own, which is removed however the run ends.
 */
import type { Clock } from "@stele/shared/clock.ts";
import { hunt } from "./hunt/hunt.ts";
import type { Catch, Finding, SeedRange } from "./hunt/hunt.ts";
import { ScratchCopy } from "./hunt/scratch-copy.ts";
import type { Mutant } from "./mutant.ts";

export interface MutantRun {
  readonly mutants: readonly Mutant[];
  readonly range: SeedRange;
  /** Mutants tried at the same time. */
  readonly jobs: number;
  /** Of the checkout. */
  readonly root: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly progress: (line: string) => void;
}

export interface MutantResult {
  readonly mutant: Mutant;
  readonly finding: Finding;
  readonly seconds: number;
}

/** The simulation cannot even be run on the sources as they are. */
export class NotCleanError extends Error {
  override readonly name = "NotCleanError";

  constructor({ seed, by, detail }: Catch) {
    super(`seed ${seed} ${by} without a planted bug: ${detail}`);
  }
}

/** In the order of the mutants. */
export async function runMutants(run: MutantRun): Promise<readonly MutantResult[]> {
  const results = new Map<Mutant, MutantResult>();
  const queue = [...run.mutants];
  const stop = new AbortController();
  const signal = AbortSignal.any([run.signal, stop.signal]);
  const work = async (): Promise<void> => {
    const copy = await ScratchCopy.make(run.root);
    try {
      for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
        results.set(mutant, await tryMutant(copy, mutant, { ...run, signal }));
      }
    } catch (error) {
      stop.abort(error);
      throw error;
    } finally {
      await copy.remove();
    }
  };
  const workers = Array.from({ length: Math.min(run.jobs, run.mutants.length) }, work);
  const ended = await Promise.allSettled(workers);
  run.signal.throwIfAborted();
  if (ended.some(({ status }) => status === "rejected")) throw stop.signal.reason;
  return run.mutants.flatMap((mutant) => results.get(mutant) ?? []);
}

async function tryMutant(copy: ScratchCopy, mutant: Mutant, run: MutantRun): Promise<MutantResult> {
  const { clock, progress } = run;
  progress(`trying: ${mutant.name}`);
  const beganMs = clock.monotonicMs();
  const finding = await huntFor(copy, mutant, run);
  const seconds = (clock.monotonicMs() - beganMs) / 1000;
  progress(`${wordsOf(finding)} after ${seconds.toFixed(1)} s: ${mutant.name}`);
  return { mutant, finding, seconds };
}

/** R1. */
async function huntFor(copy: ScratchCopy, mutant: Mutant, run: MutantRun): Promise<Finding> {
  const { range, signal, progress } = run;
  const end = range.from + range.seeds;
  for (let from = range.from; from < end;) {
    const rest = { from, seeds: end - from };
    const finding = await copy.having(mutant, () => hunt(copy.directory, rest, signal));
    if (finding.kind === "survived") break;
    const { seed } = finding;
    const clean = await hunt(copy.directory, { from: seed, seeds: 1 }, signal);
    if (clean.kind === "survived") return finding;
    if (clean.by === "gives up") throw new NotCleanError(clean);
    progress(
      `seed ${seed} fails without a planted bug as well ("${clean.by}"), and does not count`,
    );
    from = seed + 1;
  }
  return { kind: "survived" };
}

function wordsOf(finding: Finding): string {
  if (finding.kind === "survived") return "SURVIVED";
  return `caught by "${finding.by}" at seed ${finding.seed}`;
}
