/**
 * Plants one bug after the other and has the simulation look for it.
 *
 * R1. Before the first bug the sources must pass as they are: else "caught" would mean nothing.
 * R2. Every worker has a scratch copy of its own, which is removed however the run ends.
 */
import type { Clock } from "@stele/shared/clock.ts";
import { hunt } from "./hunt/hunt.ts";
import type { Catch, Finding, SeedRange } from "./hunt/hunt.ts";
import { ScratchCopy } from "./hunt/scratch-copy.ts";
import type { Mutant } from "./mutant.ts";

const CLEAN_SEEDS = 5;

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

/** The sources fail without any bug planted. */
export class NotCleanError extends Error {
  override readonly name = "NotCleanError";

  constructor({ seed, by, detail }: Catch) {
    super(`the sources fail seed ${seed} without a planted bug (${by}): ${detail}`);
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
      await requireClean(copy, { ...run, signal });
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

/** R1. */
async function requireClean(copy: ScratchCopy, { range, clock, signal }: MutantRun): Promise<void> {
  const seeds = Math.min(range.seeds, CLEAN_SEEDS);
  const finding = await hunt(copy.directory, { from: range.from, seeds }, clock, signal);
  if (finding.kind === "caught") throw new NotCleanError(finding);
}

async function tryMutant(
  copy: ScratchCopy,
  mutant: Mutant,
  { range, clock, signal, progress }: MutantRun,
): Promise<MutantResult> {
  progress(`trying: ${mutant.name}`);
  const beganMs = clock.monotonicMs();
  const finding = await copy.having(mutant, () => hunt(copy.directory, range, clock, signal));
  const seconds = (clock.monotonicMs() - beganMs) / 1000;
  progress(`${wordsOf(finding)} after ${seconds.toFixed(1)} s: ${mutant.name}`);
  return { mutant, finding, seconds };
}

function wordsOf(finding: Finding): string {
  if (finding.kind === "survived") return "SURVIVED";
  return `caught by "${finding.by}" at seed ${finding.seed}`;
}
