/** What a simulated run found wrong, and which of its checkers did. */
import type { CheckerName } from "../check/checker-name.ts";

export interface Violation {
  readonly checker: CheckerName;
  readonly detail: string;
  readonly atMs: number;
}

/** Keeps the first: the run ends there. */
export class Violations {
  readonly #nowMs: () => number;
  #first: Violation | null = null;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  add(checker: CheckerName, detail: string): void {
    this.#first ??= { checker, detail, atMs: this.#nowMs() };
  }

  get first(): Violation | null {
    return this.#first;
  }
}
