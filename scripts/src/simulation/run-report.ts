/** One run by seed: what it is given, and what it gives. */
import type { Fault } from "./faults/fault.ts";
import type { Violation } from "./violation.ts";

export interface RunRequest {
  readonly seed: number;
  /** Instead of the list that the seed draws, to shrink it; everything else stays as drawn. */
  readonly faults: readonly Fault[] | null;
  /** Called with every line of the trace, in order; null: nobody reads it. The run is the same either way. */
  readonly trace: ((line: string) => void) | null;
}

export interface RunReport {
  readonly seed: number;
  /** Every option drawn from the seed, by name: sizes, limits, workloads, skews. */
  readonly options: Readonly<Record<string, string | number>>;
  readonly faults: readonly Fault[];
  /** Null: nothing was found wrong. */
  readonly violation: Violation | null;
  /** "This happened", by name. */
  readonly marks: ReadonlyMap<string, number>;
  /** Of every event, message and answer: equal, as the whole report, for two runs of the same request. */
  readonly traceHash: string;
  readonly simulatedMs: number;
  readonly events: number;
  readonly operations: number;
}

export type RunSeed = (request: RunRequest) => Promise<RunReport>;
