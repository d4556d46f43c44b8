/** What is found wrong with a cluster of real processes. */
import type { CheckerName } from "../check/checker-name.ts";

export interface FoundProblem {
  readonly checker: CheckerName;
  readonly detail: string;
}

/** A run cannot go on: what it found is its result. */
export class RunViolation extends Error {
  override readonly name = "RunViolation";
  readonly problem: FoundProblem;

  constructor(problem: FoundProblem) {
    super(`${problem.checker}: ${problem.detail}`);
    this.problem = problem;
  }
}
