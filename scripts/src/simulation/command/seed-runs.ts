/**
 * Runs a range of seeds, some of them twice, and shrinks what fails.
 *
 * D1. Seeds begin in order. After a failure no other begins, unless it keeps going.
 * D2. The first seed and every hundredth after it run twice; their reports must be equal.
 * D3. A failure is told when it is found. What fails is shrunk when all seeds have run, and told again.
 * D4. A run that was stopped stops all: no seed is counted that did not run to its end.
 */
import { shrinkFaults } from "../faults/shrink.ts";
import type { RunReport, RunSeed } from "../run-report.ts";
import { reportDifference } from "./report-difference.ts";
import { RunFigures } from "./run-figures.ts";
import type { SeedFailure, SeedTrouble, ShrunkFailure } from "./seed-failure.ts";
import type { SeedJob, SeedOutcome } from "./seed-messages.ts";

const TWICE_ONE_IN = 100;

export interface SeedRange {
  readonly from: number;
  readonly seeds: number;
  /** So many at a time. */
  readonly jobs: number;
  readonly keepGoing: boolean;
  /** To shrink a failure; 0: leave it as it is. */
  readonly shrinkRuns: number;
  /** Of a failure's trace. */
  readonly traceLines: number;
}

export interface SeedRunsParts {
  readonly run: (job: SeedJob) => Promise<SeedOutcome>;
  readonly nowMs: () => number;
  /** Told whenever a seed is done, and while a failure shrinks. */
  readonly progress: (figures: RunFigures, doing: string | null) => void;
  readonly found: (failure: SeedFailure) => void;
  readonly shrunk: (failure: SeedFailure & { readonly shrunk: ShrunkFailure }) => void;
}

export interface SeedsResult {
  readonly figures: RunFigures;
  /** In order of their seeds. */
  readonly failures: readonly SeedFailure[];
  /** The signal that stopped it; null: it is done. */
  readonly stoppedBy: NodeJS.Signals | null;
}

type Stopped = Extract<SeedOutcome, { kind: "stopped" }>;

export class SeedRuns {
  readonly #range: SeedRange;
  readonly #parts: SeedRunsParts;
  readonly #figures: RunFigures;
  readonly #failures: SeedFailure[] = [];
  readonly #startedMs: number;
  #next: number;
  #stoppedBy: NodeJS.Signals | null = null;

  constructor(range: SeedRange, parts: SeedRunsParts) {
    this.#range = range;
    this.#parts = parts;
    this.#figures = new RunFigures(range.from);
    this.#startedMs = parts.nowMs();
    this.#next = range.from;
  }

  async all(): Promise<SeedsResult> {
    const lanes = Math.min(this.#range.jobs, this.#range.seeds);
    await Promise.all(Array.from({ length: lanes }, () => this.#lane()));
    // Of the runs: shrinking is no part of it.
    this.#figures.realMs = this.#parts.nowMs() - this.#startedMs;
    const failures: SeedFailure[] = [];
    for (const failure of this.#failures.sort((a, b) => a.seed - b.seed)) {
      const shrunk = await this.#shrunk(failure.trouble);
      if (shrunk !== null) this.#parts.shrunk({ ...failure, shrunk });
      failures.push({ ...failure, shrunk });
    }
    return { figures: this.#figures, failures, stoppedBy: this.#stoppedBy };
  }

  async #lane(): Promise<void> {
    while (this.#goesOn) {
      const seed = this.#next++;
      const trouble = await this.#runSeed(seed);
      if (trouble?.kind === "stopped") return;
      this.#figures.seeds++;
      if (trouble !== null) {
        const failure = { seed, trouble, shrunk: null };
        this.#failures.push(failure);
        this.#figures.failures++;
        this.#parts.found(failure);
      }
      this.#figures.realMs = this.#parts.nowMs() - this.#startedMs;
      this.#parts.progress(this.#figures, null);
    }
  }

  get #goesOn(): boolean {
    const { from, seeds, keepGoing } = this.#range;
    if (this.#stoppedBy !== null || this.#next >= from + seeds) return false;
    return keepGoing || this.#failures.length === 0;
  }

  async #run(job: SeedJob): Promise<SeedOutcome> {
    const outcome = await this.#parts.run(job);
    if (outcome.kind === "stopped") this.#stoppedBy ??= outcome.signal;
    return outcome;
  }

  async #runSeed(seed: number): Promise<SeedTrouble | Stopped | null> {
    const job: SeedJob = { seed, faults: null, traceLines: 0 };
    const outcome = await this.#run(job);
    if (outcome.kind !== "ran") return outcome;
    const { report } = outcome;
    const isTwice = (seed - this.#range.from) % TWICE_ONE_IN === 0;
    const again = isTwice && report.violation === null ? await this.#run(job) : null;
    if (again?.kind === "stopped") return again;
    this.#figures.add(report);
    if (report.violation !== null) return { kind: "violation", report };
    if (again === null) return null;
    if (again.kind !== "ran") return again;
    this.#figures.ranTwice++;
    const difference = reportDifference(report, again.report);
    return difference === null ? null : { kind: "diverged", difference };
  }

  async #shrunk(trouble: SeedTrouble): Promise<ShrunkFailure | null> {
    const { shrinkRuns: maxRuns, traceLines } = this.#range;
    if (trouble.kind !== "violation" || maxRuns === 0 || this.#stoppedBy !== null) return null;
    const { seed } = trouble.report;
    const shrunk = await shrinkFaults(this.#runInPool, trouble.report, {
      maxRuns,
      isStopped: () => this.#stoppedBy !== null,
      tried: (runs, faults) => {
        const doing = `shrinking seed ${seed}: ${faults} faults left after ${runs} runs`;
        this.#parts.progress(this.#figures, doing);
      },
    });
    const { faults } = shrunk.report;
    const last = await this.#run({ seed, faults, traceLines });
    return { ...shrunk, trace: last.kind === "ran" ? last.trace : [] };
  }

  readonly #runInPool: RunSeed = async ({ seed, faults }): Promise<RunReport> => {
    const outcome = await this.#run({ seed, faults, traceLines: 0 });
    if (outcome.kind === "ran") return outcome.report;
    throw new Error(`seed ${seed}: ${outcome.kind}`);
  };
}
