/** What the process that gives out seeds and the processes that run them tell each other. */
import type { Fault } from "../faults/fault.ts";
import type { RunReport } from "../run-report.ts";

export interface SeedJob {
  readonly seed: number;
  /** Null: those that the seed draws. */
  readonly faults: readonly Fault[] | null;
  /** So many of the last lines of the trace are wanted; 0: none. */
  readonly traceLines: number;
}

export type SeedAnswer =
  | { readonly kind: "ran"; readonly report: RunReport; readonly trace: readonly string[] }
  /** The run itself broke. */
  | { readonly kind: "threw"; readonly detail: string };

export type SeedOutcome =
  | SeedAnswer
  | { readonly kind: "hung"; readonly limitMs: number }
  /** The process that ran it ended. */
  | { readonly kind: "crashed"; readonly detail: string }
  /** Whoever started the runs wants no more of them: it says nothing about the seed. */
  | { readonly kind: "stopped"; readonly signal: NodeJS.Signals };
