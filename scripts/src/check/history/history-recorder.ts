/**
 * Records what clients of one process call and are told, in the order in which it happens there.
 *
 * D1. No two events have the same time: one that the clock does not tell from the event before is put a
 *     microsecond behind it. So the history is as strict as the process's own order of events, on a
 *     simulated clock too.
 * D2. Every operation that began is recorded once, at its end; `finish` records the open ones as unknown.
 */
import { assert } from "@stele/shared/assert.ts";
import type { RecordedOperation, RowOperation, RowOutcome } from "./row-operation.ts";

export interface RecordedCall {
  readonly client: string;
  readonly operation: RowOperation;
  readonly request?: string | undefined;
  readonly batch?: { readonly id: string; readonly index: number } | undefined;
}

/** An operation under way. It ends once, by one of these. */
export interface OpenCall {
  returned(outcome: RowOutcome): void;
  /** The client gave up, or was told that nobody knows. */
  unknown(): void;
}

export interface RecorderParts {
  /** Milliseconds; of one clock for all that is recorded, and never stepping back. */
  readonly nowMs: () => number;
  readonly record: (operation: RecordedOperation) => void;
}

const MICROS = 1000;

export class HistoryRecorder {
  readonly #nowMs: () => number;
  readonly #record: (operation: RecordedOperation) => void;
  readonly #open = new Set<OpenCall>();
  #lastMicros = -1;

  constructor({ nowMs, record }: RecorderParts) {
    this.#nowMs = nowMs;
    this.#record = record;
  }

  /** To be called before the operation is sent. */
  begin({ client, operation, request, batch }: RecordedCall): OpenCall {
    const call = this.#timeMs();
    const end = (outcome: RecordedOperation["outcome"]): void => {
      assert(this.#open.delete(open), "a recorded operation ends twice");
      const ids = { request: request ?? null, batch: batch ?? null };
      this.#record({ client, call, operation, outcome, ...ids });
    };
    const open: OpenCall = {
      returned: (output) => end({ at: this.#timeMs(), output }),
      unknown: () => end(null),
    };
    this.#open.add(open);
    return open;
  }

  finish(): void {
    for (const open of this.#open) open.unknown();
  }

  #timeMs(): number {
    this.#lastMicros = Math.max(this.#lastMicros + 1, Math.floor(this.#nowMs() * MICROS));
    return this.#lastMicros / MICROS;
  }
}
