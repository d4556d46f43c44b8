/**
 * Runs a range of seeds, some of them twice, and shrinks what fails.
 *
 * D1. Seeds begin in order. After a failure no other begins, unless it keeps going.
 * D2. The first seed and every hundredth after it run twice; their reports must be equal.
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
}

export interface SeedsResult {
  readonly figures: RunFigures;
  /** In order of their seeds. */
  readonly failures: readonly SeedFailure[];
}

export class SeedRuns {
  readonly #range: SeedRange;
  readonly #parts: SeedRunsParts;
  readonly #figures: RunFigures;
  readonly #failures: SeedFailure[] = [];
  readonly #startedMs: number;
  #next: number;

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
      failures.push({ ...failure, shrunk: await this.#shrunk(failure.trouble) });
    }
    return { figures: this.#figures, failures };
  }

  async #lane(): Promise<void> {
    const { from, seeds, keepGoing } = this.#range;
    while (this.#next < from + seeds && (keepGoing || this.#failures.length === 0)) {
      const seed = this.#next++;
      const trouble = await this.#runSeed(seed);
      this.#figures.seeds++;
      if (trouble !== null) {
        this.#failures.push({ seed, trouble, shrunk: null });
        this.#figures.failures++;
      }
      this.#figures.realMs = this.#parts.nowMs() - this.#startedMs;
      this.#parts.progress(this.#figures, null);
    }
  }

  async #runSeed(seed: number): Promise<SeedTrouble | null> {
    const job: SeedJob = { seed, faults: null, traceLines: 0 };
    const outcome = await this.#parts.run(job);
    if (outcome.kind !== "ran") return outcome;
    const { report } = outcome;
    this.#figures.add(report);
    if (report.violation !== null) return { kind: "violation", report };
    if ((seed - this.#range.from) % TWICE_ONE_IN !== 0) return null;
    const again = await this.#parts.run(job);
    if (again.kind !== "ran") return again;
    this.#figures.ranTwice++;
    const difference = reportDifference(report, again.report);
    return difference === null ? null : { kind: "diverged", difference };
  }

  async #shrunk(trouble: SeedTrouble): Promise<ShrunkFailure | null> {
    const { shrinkRuns: maxRuns, traceLines } = this.#range;
    if (trouble.kind !== "violation" || maxRuns === 0) return null;
    const { seed } = trouble.report;
    const shrunk = await shrinkFaults(this.#runInPool, trouble.report, {
      maxRuns,
      tried: (runs, faults) => {
        const doing = `shrinking seed ${seed}: ${faults} faults left after ${runs} runs`;
        this.#parts.progress(this.#figures, doing);
      },
    });
    const { faults } = shrunk.report;
    const last = await this.#parts.run({ seed, faults, traceLines });
    return { ...shrunk, trace: last.kind === "ran" ? last.trace : [] };
  }

  readonly #runInPool: RunSeed = async ({ seed, faults }): Promise<RunReport> => {
    const outcome = await this.#parts.run({ seed, faults, traceLines: 0 });
    if (outcome.kind === "ran") return outcome.report;
    throw new Error(`seed ${seed}: ${outcome.kind}`);
  };
}
