/**
 * The term of every index of a log, as runs of equal terms: a leader's reign is one run, so a log of
 * thousands of entries needs a handful of numbers.
 *
 * T1. Runs ascend strictly in index and in term; the first starts at the truncated index.
 */
import { assert, must } from "../assert.ts";
import type { Term } from "../ids.ts";

interface Run {
  /** The first index of the run; it lasts until the next run's first. */
  readonly first: number;
  readonly term: Term;
}

export class TermRuns {
  #runs: Run[];

  constructor(truncatedIndex: number, truncatedTerm: Term) {
    this.#runs = [{ first: truncatedIndex, term: truncatedTerm }];
  }

  get lastTerm(): Term {
    return this.#lastRun().term;
  }

  /** `index` follows everything pushed before. */
  push(index: number, term: Term): void {
    const last = this.#lastRun();
    assert(term >= last.term, () => `T1: term ${term} at ${index} after term ${last.term}`);
    if (term > last.term) this.#runs.push({ first: index, term });
  }

  /** The term at an index between the truncated and the last one, inclusive. */
  at(index: number): Term {
    return must(this.#runs[this.#runOf(index)], `no term for index ${index}`).term;
  }

  /** The highest index at or below `index` with a term at or below `term`; undefined if none. */
  lastNotAbove(index: number, term: Term): number | undefined {
    const found = this.#runs.findLastIndex((run) => run.first <= index && run.term <= term);
    if (found === -1) return undefined;
    const next = this.#runs[found + 1];
    return next === undefined ? index : Math.min(index, next.first - 1);
  }

  /** Forgets the indexes at or above `index`, which is above the truncated one. */
  truncateFrom(index: number): void {
    while (this.#lastRun().first >= index) this.#runs.pop();
  }

  /** Makes `index` the truncated one. */
  compactTo(index: number): void {
    const at = this.#runOf(index);
    this.#runs = [{ first: index, term: this.at(index) }, ...this.#runs.slice(at + 1)];
  }

  checkInvariants(): void {
    this.#runs.forEach((run, at) => {
      const before = this.#runs[at - 1];
      assert(before === undefined || before.first < run.first, "T1: runs do not ascend");
      assert(before === undefined || before.term < run.term, "T1: terms do not ascend");
    });
  }

  /** Binary search for the run that holds `index`; -1 if it lies before the first. */
  #runOf(index: number): number {
    let low = 0;
    let high = this.#runs.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const run = must(this.#runs[middle], "T1: hole in the runs");
      if (run.first <= index) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  #lastRun(): Run {
    return must(this.#runs.at(-1), "T1: no run");
  }
}
