/**
 * Whether what clients saw of one row can have happened in some order that keeps to real time (linearizability, by
 * the search of Wing and Gong with the memory of Lowe). An operation without an outcome may have happened at any
 * time after it began, or never.
 */

/** A row as far as it is known: `version` undefined: some version that nobody has been told yet. */
interface RowState {
  readonly value: string | null;
  readonly version: number | null | undefined;
}

export type RegisterStep =
  | { readonly kind: "read"; readonly value: string | null; readonly version: number | null }
  /** `version` null: the outcome is unknown. */
  | { readonly kind: "put"; readonly value: string; readonly version: number | null }
  | {
      readonly kind: "compare-and-set";
      readonly expected: number;
      readonly value: string;
      readonly outcome: Outcome;
    }
  | { readonly kind: "insert"; readonly value: string; readonly outcome: Outcome }
  | { readonly kind: "delete" };

/** What a conditional write was answered. */
export type Outcome =
  | { readonly kind: "done"; readonly version: number }
  /** With the version that was there; null: no row. */
  | { readonly kind: "refused"; readonly current: number | null }
  | { readonly kind: "unknown" };

export interface RegisterOperation {
  readonly startMs: number;
  /** Infinity: no outcome was seen. */
  readonly endMs: number;
  readonly step: RegisterStep;
}

const NO_ROW: RowState = { value: null, version: null };

export function isLinearizable(operations: readonly RegisterOperation[]): boolean {
  const sorted = [...operations].sort((a, b) => a.startMs - b.startMs);
  return new Search(sorted).run();
}

class Search {
  readonly #operations: readonly RegisterOperation[];
  readonly #seen = new Set<string>();

  constructor(operations: readonly RegisterOperation[]) {
    this.#operations = operations;
  }

  run(): boolean {
    const stack = [{ done: new Set<number>(), first: 0, state: NO_ROW }];
    for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
      if (this.#isOver(node.done, node.first)) return true;
      for (const at of this.#candidates(node.done, node.first)) {
        const step = (this.#operations[at] as RegisterOperation).step;
        for (const state of after(node.state, step)) {
          const done = new Set(node.done).add(at);
          let { first } = node;
          while (done.delete(first)) first++;
          const name = `${first}|${[...done].sort((a, b) => a - b)}|${state.value}|${state.version}`;
          if (this.#seen.has(name)) continue;
          this.#seen.add(name);
          stack.push({ done, first, state });
        }
      }
    }
    return false;
  }

  /** Everything that has an outcome took place. */
  #isOver(done: ReadonlySet<number>, first: number): boolean {
    for (let at = first; at < this.#operations.length; at++) {
      if (!done.has(at) && this.#operations[at]?.endMs !== Infinity) return false;
    }
    return true;
  }

  /** Those that may come next: nothing undone ended before they began. */
  #candidates(done: ReadonlySet<number>, first: number): number[] {
    let endMs = Infinity;
    const candidates: number[] = [];
    for (let at = first; at < this.#operations.length; at++) {
      const operation = this.#operations[at] as RegisterOperation;
      if (operation.startMs > endMs) break;
      if (done.has(at)) continue;
      candidates.push(at);
      endMs = Math.min(endMs, operation.endMs);
    }
    return candidates.reverse();
  }
}

/** The states that the step may lead to with its outcome; none: it cannot have that outcome here. */
function after(state: RowState, step: RegisterStep): RowState[] {
  switch (step.kind) {
    case "read":
      if (state.value !== step.value) return [];
      return known(state, step.version);
    case "put":
      return written(state, step.value, step.version ?? undefined);
    case "compare-and-set": {
      const { expected, outcome, value } = step;
      if (outcome.kind === "refused") {
        return outcome.current === expected ? [] : known(state, outcome.current);
      }
      const version = outcome.kind === "done" ? outcome.version : undefined;
      return known(state, expected).flatMap((before) => written(before, value, version));
    }
    case "insert": {
      const { outcome, value } = step;
      if (outcome.kind === "refused")
        return outcome.current === null ? [] : known(state, outcome.current);
      if (state.value !== null) return [];
      return written(state, value, outcome.kind === "done" ? outcome.version : undefined);
    }
    case "delete":
      return [NO_ROW];
  }
}

/** The state, if its version can be this one. */
function known(state: RowState, version: number | null): RowState[] {
  if (state.version === undefined && version !== null) return [{ ...state, version }];
  return state.version === version ? [state] : [];
}

/** Versions of a row only grow. */
function written(state: RowState, value: string, version: number | undefined): RowState[] {
  const { version: before } = state;
  if (typeof before === "number" && version !== undefined && version <= before) return [];
  return [{ value, version }];
}
