/** What the parts of the fault injection share. */
import type { Marks } from "@stele/shared/testing/marks.ts";
import type { ClusterUnderTest } from "../cluster/simulated-process.ts";
import type { FaultTimers } from "./fault-timers.ts";

/** A line of the trace: the process it is about, "-" for all, and what happened. */
export type TraceLine = (process: string, what: string) => void;

export interface InjectionContext {
  readonly cluster: ClusterUnderTest;
  readonly timers: FaultTimers;
  readonly marks: Marks;
  readonly log: TraceLine;
}

/** What took effect; `undo` ends what lasts. Null: there was nothing to act on. */
export type Effect = { readonly undo: (() => void) | null } | null;

export const DONE: Effect = { undo: null };
