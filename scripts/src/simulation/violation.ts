/** What a run found wrong, and which of its checkers did. */
export type CheckerName =
  | "one leader per term"
  | "one vote per term"
  | "log matching"
  | "committed never changes"
  | "equal state at equal index"
  | "ranges tile the key space"
  | "one lease holder"
  | "acknowledged means durable"
  | "log freed below the checkpoint"
  | "queues within limits"
  | "linearizability"
  | "scan coverage"
  | "linked list"
  | "exactly once"
  | "table contents"
  | "process failed"
  | "recovery"
  | "liveness";

export interface Violation {
  readonly checker: CheckerName;
  readonly detail: string;
  readonly atMs: number;
}

/** Collects them; the run ends at the first. */
export class Violations {
  readonly #found: Violation[] = [];
  readonly #nowMs: () => number;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  add(checker: CheckerName, detail: string): void {
    this.#found.push({ checker, detail, atMs: this.#nowMs() });
  }

  get first(): Violation | null {
    return this.#found[0] ?? null;
  }
}
