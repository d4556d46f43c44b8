/** The end of a run: whatever must be answered now is asked for again, of one client after the other, until it is. */
import { must } from "@stele/shared/assert.ts";
import { delay } from "@stele/shared/clock.ts";
import type { Clock } from "@stele/shared/clock.ts";
import type { Caller, WorkloadProblem } from "./workload.ts";

const PAUSE_MS = 100;

export interface ClosingParts {
  readonly clock: Clock;
  readonly callers: readonly Caller[];
  /** On the clock. */
  readonly deadlineMs: number;
}

export class Closing {
  readonly problems: WorkloadProblem[] = [];
  readonly #parts: ClosingParts;
  #next = 0;

  constructor(parts: ClosingParts) {
    this.#parts = parts;
  }

  /** Until it gives something; null: never in time, which is a problem. */
  async until<T>(what: string, attempt: (caller: Caller) => Promise<T | null>): Promise<T | null> {
    const { clock, callers, deadlineMs } = this.#parts;
    for (;;) {
      const caller = must(callers[this.#next++ % callers.length], "somebody to call");
      const result = await attempt(caller);
      if (result !== null) return result;
      if (clock.monotonicMs() >= deadlineMs) break;
      await delay(clock, PAUSE_MS);
    }
    this.problems.push({ checker: "liveness", detail: `${what} did not come to an end` });
    return null;
  }
}
