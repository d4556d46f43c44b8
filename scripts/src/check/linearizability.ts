/**
 * Whether a history is linearizable (Herlihy and Wing, 1990): object by object, within a budget.
 *
 * C1. A history is linearizable exactly when each of its partitions is (P-compositionality).
 * C2. "undecided" is no pass: whoever asks must treat it as a failure.
 * C3. Small partitions are searched first, so the violation that is told is of the smallest that has one.
 */
import type { HistoryOperation, Model } from "./model.ts";
import { Search } from "./search.ts";
import type { Furthest } from "./search.ts";

export interface CheckLimits {
  /** Any clock, in milliseconds. */
  readonly nowMs: () => number;
  readonly budgetMs: number;
  /** What the search of one partition may remember, about. */
  readonly memoryBytes: number;
}

export const DEFAULT_MEMORY_BYTES = 512 * 1024 * 1024;

export type Verdict<Input, Output> =
  | { readonly kind: "linearizable"; readonly figures: CheckFigures }
  | {
      readonly kind: "violation";
      readonly figures: CheckFigures;
      readonly violation: Violation<Input, Output>;
    }
  | {
      readonly kind: "undecided";
      readonly figures: CheckFigures;
      readonly spent: "time" | "memory";
      /** The partition whose search did not end. */
      readonly partition: string;
    };

export interface CheckFigures {
  readonly operations: number;
  readonly partitions: number;
  /** Pairs of a set of placed operations and a state that the searches entered. */
  readonly entered: number;
}

export interface Violation<Input, Output> {
  readonly partition: string;
  /** In the order of their calls; `furthest` names them by their places here. */
  readonly operations: readonly HistoryOperation<Input, Output>[];
  /** Null: only the contradictions speak against it. */
  readonly furthest: Furthest | null;
  readonly contradictions: readonly string[];
}

/** Steps between two looks at the clock: well below a millisecond each. */
const STEPS_A_SLICE = 200;

export function checkHistory<State extends NonNullable<unknown>, Input, Output, Recorded>(
  model: Model<State, Input, Output, Recorded>,
  history: readonly Recorded[],
  limits: CheckLimits,
): Verdict<Input, Output> {
  const check = checkInSlices(model, history, limits);
  for (;;) {
    const slice = check.next();
    if (slice.done === true) return slice.value;
  }
}

/** Yields every few milliseconds, for callers that have other things to do. */
export function* checkInSlices<State extends NonNullable<unknown>, Input, Output, Recorded>(
  model: Model<State, Input, Output, Recorded>,
  history: readonly Recorded[],
  { nowMs, budgetMs, memoryBytes }: CheckLimits,
): Generator<undefined, Verdict<Input, Output>> {
  const endsMs = nowMs() + budgetMs;
  const partitions = model
    .partition(history)
    .toSorted((a, b) => a.operations.length - b.operations.length);
  const operations = partitions.reduce((sum, partition) => sum + partition.operations.length, 0);
  let entered = 0;
  let undecided: { readonly spent: "time" | "memory"; readonly partition: string } | null = null;
  const figures = (): CheckFigures => ({ operations, partitions: partitions.length, entered });

  for (const partition of partitions) {
    const { name, contradictions = [] } = partition;
    const search = new Search(model, partition, memoryBytes);
    let end = search.advance(0);
    while (end === null && nowMs() < endsMs) {
      end = search.advance(STEPS_A_SLICE);
      yield undefined;
    }
    entered += search.entered;
    if (contradictions.length > 0 || end?.kind === "violation") {
      const furthest = end?.kind === "violation" ? end.furthest : null;
      const { operations: sorted } = search;
      const violation = { partition: name, operations: sorted, furthest, contradictions };
      return { kind: "violation", figures: figures(), violation };
    }
    if (end === null)
      return { kind: "undecided", figures: figures(), spent: "time", partition: name };
    if (end.kind === "memory-spent") undecided ??= { spent: "memory", partition: name };
  }
  if (undecided !== null) return { kind: "undecided", figures: figures(), ...undecided };
  return { kind: "linearizable", figures: figures() };
}
