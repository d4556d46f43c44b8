/** What all workloads have in common: who calls, what happened, what is found wrong. */
import type { CheckerName } from "../check/checker-name.ts";
import type { Closing } from "./closing.ts";
import type { StoreClient } from "./store-client.ts";

/** "This happened": every name that workloads count. */
export const WORKLOAD_MARKS = [
  "read answered",
  "read unanswered",
  "rows read together",
  "rows read across a tablet bound",
  "write acknowledged",
  "write refused",
  "write failed for certain",
  "write throttled",
  "write unknown",
  "compare-and-set won",
  "compare-and-set lost",
  "lock was held",
  "retried under the same key",
  "request hedged",
  "unknown write resolved by a retry",
  "key replayed",
  "row retired after unknowns",
  "batch wrote a row twice",
  "batch crossed a tablet bound",
  "batch partly unknown",
  "batch refused a row",
  "scan finished",
  "scan cut short",
  "scan in reverse",
  "scan of keys alone",
  "scan crossed a tablet bound",
  "list node acknowledged",
  "table created",
  "table created by a retry",
  "table created under an old name",
  "table dropped",
  "table dropped by a retry",
  "dropped table refused a call",
] as const;

export type WorkloadMark = (typeof WORKLOAD_MARKS)[number];

export type Mark = (name: WorkloadMark) => void;

export interface WorkloadProblem {
  readonly checker: Extract<
    CheckerName,
    | "linearizability"
    | "scan coverage"
    | "linked list"
    | "exactly once"
    | "table contents"
    | "liveness"
    | "process failed"
  >;
  readonly detail: string;
}

/** A client under the name that its history shows. */
export interface Caller {
  readonly client: StoreClient;
  readonly name: string;
}

export interface Workload {
  /** Does one operation. Many callers may be at it at the same time. */
  step(caller: Caller): Promise<void>;
  /** Ends what is open and reads back what `problems` judges; no step is under way. */
  finish(closing: Closing): Promise<void>;
  /** REQUIRES: finished. */
  problems(): readonly WorkloadProblem[];
}
