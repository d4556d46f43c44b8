/** The end of a run: whatever must be answered now is asked for again, of one client after the other, until it is. */
import { must } from "@stele/shared/assert.ts";
import { delay } from "@stele/shared/clock.ts";
import type { Clock } from "@stele/shared/clock.ts";
import type { ScannedOutcome, ScanOperation } from "../check/history/row-operation.ts";
import type { RecordedTable } from "./recorded-table.ts";
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

  /** Of the whole table or a part of it, in as many scans as it takes; null: not in time. */
  async rowsOf(
    table: RecordedTable,
    { start, end, reverse }: Pick<ScanOperation, "start" | "end" | "reverse">,
  ): Promise<ScannedOutcome["rows"] | null> {
    const rows: ScannedOutcome["rows"][number][] = [];
    let rest = { start, end };
    return this.until(`the last scan of ${table.name}`, async (caller) => {
      const scan: ScanOperation = { kind: "scan", ...rest, reverse, columns: null };
      const answer = await table.scan(caller, scan);
      if (answer?.kind !== "scanned") return null;
      for (const row of answer.rows) rows.push(row);
      const { resume } = answer;
      if (resume === null) return rows;
      rest = reverse ? { ...rest, end: resume } : { ...rest, start: resume };
      return null;
    });
  }
}
