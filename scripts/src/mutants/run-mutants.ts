/**
 * Plants one bug after the other and has the simulation look for it.
 *
 * R1. A seed counts as having caught a bug only if it passes without: what the product itself fails at is no proof.
 * R2. Every worker has a scratch copy of its own, which is removed however the run ends.
 * R3. A run that is interrupted still says what became of the mutants that it was done with.
 */
import type { Clock } from "@stele/shared/clock.ts";
import { HuntProgress } from "./hunt-progress.ts";
import type { ToldHunt } from "./hunt-progress.ts";
import { hunt, HuntStoppedError } from "./hunt/hunt.ts";
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

/** In the order of the mutants; not of all of them if `signal` is aborted, or another one ends a hunt (R3). */
export async function runMutants(run: MutantRun): Promise<readonly MutantResult[]> {
  const results = new Map<Mutant, MutantResult>();
  const queue = [...run.mutants];
  const stop = new AbortController();
  const signal = AbortSignal.any([run.signal, stop.signal]);
  const { mutants, range, progress: tell } = run;
  const progress = new HuntProgress({ count: mutants.length, range, tell });
  const work = async (): Promise<void> => {
    const copy = await ScratchCopy.make(run.root);
    try {
      for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
        const told = progress.begin();
        results.set(mutant, await tryMutant(copy, mutant, { ...run, signal, told }));
        told.end();
      }
    } catch (error) {
      stop.abort(error);
      throw error;
    } finally {
      await copy.remove();
    }
  };
  const workers = Array.from({ length: Math.min(run.jobs, mutants.length) }, work);
  await Promise.allSettled(workers);
  progress.stop();
  const isInterrupted = run.signal.aborted || stop.signal.reason instanceof HuntStoppedError;
  if (!isInterrupted) stop.signal.throwIfAborted();
  return mutants.flatMap((mutant) => results.get(mutant) ?? []);
}

interface Trial extends MutantRun {
  readonly told: ToldHunt;
}

async function tryMutant(copy: ScratchCopy, mutant: Mutant, run: Trial): Promise<MutantResult> {
  const { clock, told } = run;
  told.tell(`trying: ${mutant.name}`);
  const beganMs = clock.monotonicMs();
  const finding = await huntFor(copy, mutant, run);
  const seconds = (clock.monotonicMs() - beganMs) / 1000;
  told.tell(`${wordsOf(finding)} after ${seconds.toFixed(1)} s: ${mutant.name}`);
  return { mutant, finding, seconds };
}

/** R1. */
async function huntFor(copy: ScratchCopy, mutant: Mutant, run: Trial): Promise<Finding> {
  const { range, signal, told } = run;
  const watch = { signal, trying: told.trying };
  const end = range.from + range.seeds;
  for (let from = range.from; from < end;) {
    const rest = { from, seeds: end - from };
    const finding = await copy.having(mutant, () => hunt(copy.directory, rest, watch));
    if (finding.kind === "survived") break;
    const { seed } = finding;
    const clean = await hunt(copy.directory, { from: seed, seeds: 1 }, watch);
    if (clean.kind === "survived") return finding;
    if (clean.by === "gives up") throw new NotCleanError(clean);
    told.tell(
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
