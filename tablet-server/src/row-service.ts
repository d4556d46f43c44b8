/**
 * Answers row calls: decodes what one request of a batch channel brought, and brings each call to its tablet.
 *
 * Y1. Every call is answered once: by its result, by a redirection, or by an error; a call whose deadline passed is
 *     answered without being served.
 * Y2. What a malformed call asks for is not guessed: it is INVALID_REQUEST, and nothing of it is done.
 */
import { MalformedFrameError } from "@stele/shared/bytes/malformed-frame-error.ts";
import type { CheckpointStore } from "@stele/shared/checkpoint-store/checkpoint-store.ts";
import type { Clock } from "@stele/shared/clock.ts";
import type { DatabaseErrorBody } from "@stele/shared/errors.ts";
import type { CallHandler, IncomingCall } from "@stele/shared/rpc/channel-contract.ts";
import { decodeRowCall, type RowCall, type WriteCall } from "@stele/shared/wire/row-calls.ts";
import { keysOf } from "./call-keys.ts";
import { RowAnswers } from "./row-answers.ts";
import type { RowCounters } from "./row-counters.ts";
import { DEADLINE_PASSED, RowReads } from "./row-reads.ts";
import { RowLoader } from "./tablet/row-loader.ts";
import type { Tablet } from "./tablet/tablet.ts";
import { WriteCallProgress } from "./tablet/write-call.ts";
import type { TabletSet } from "./tablet-set.ts";

export interface RowServiceParts {
  readonly tablets: TabletSet;
  readonly store: CheckpointStore;
  readonly clock: Clock;
  readonly failed: (error: unknown) => void;
}

export class RowService implements CallHandler {
  readonly #parts: RowServiceParts;
  readonly #answers = new RowAnswers();
  readonly #reads: RowReads;

  constructor(parts: RowServiceParts) {
    this.#parts = parts;
    const { clock, failed, store } = parts;
    const loader = new RowLoader(store, failed);
    this.#reads = new RowReads({ store, loader, clock, answers: this.#answers, failed });
  }

  get counters(): Readonly<RowCounters> {
    return this.#answers.counters;
  }

  handle(calls: readonly IncomingCall[]): void {
    for (const incoming of calls) this.#serve(incoming);
  }

  #serve(incoming: IncomingCall): void {
    const answers = this.#answers;
    const call = this.#decode(incoming);
    if (call === null) return;
    const tablet = this.#parts.tablets.tablet(call.tabletId);
    if (tablet === null) answers.answer(incoming, { kind: "not-here" });
    else if (this.#parts.clock.monotonicMs() >= incoming.deadlineMs) {
      answers.error(incoming, deadlinePassed(call));
    } else {
      const refusal = tablet.refuses(call.generation, keysOf(call));
      if (refusal !== null) answers.answer(incoming, refusal);
      else if (call.kind === "write") this.#write(tablet, call, incoming);
      else this.#reads.serve(tablet, call, incoming);
    }
  }

  #decode(incoming: IncomingCall): RowCall | null {
    try {
      const call = decodeRowCall(incoming.payload);
      this.#count(call, incoming.payload.length);
      const isEmpty =
        (call.kind === "write" && call.writes.length === 0) ||
        (call.kind === "read" && call.keys.length === 0) ||
        (call.kind === "scan" && call.scan.limit === 0);
      if (isEmpty) throw new MalformedFrameError(`a ${call.kind} call without a row`);
      return call;
    } catch (error) {
      if (!(error instanceof MalformedFrameError)) throw error;
      const detail = error.message;
      this.#answers.error(incoming, { code: "INVALID_REQUEST", detail, applied: "no" });
      return null;
    }
  }

  #count(call: RowCall, bytes: number): void {
    const { counters } = this.#answers;
    counters.bytesIn += bytes;
    if (call.kind === "read") counters.readCalls++;
    else if (call.kind === "scan") counters.scanCalls++;
    else {
      counters.writeCalls++;
      counters.rowsWritten += call.writes.length;
    }
  }

  #write(tablet: Tablet, call: WriteCall, incoming: IncomingCall): void {
    const answers = this.#answers;
    const taken = tablet.whenWritable(() => this.#submit(tablet, call, incoming));
    if (taken) return;
    const detail = `Tablet ${call.tabletId} has just got its leader, and many writes wait for it.`;
    const error = { code: "THROTTLED", detail, applied: "no", retryAfterMs: 100 } as const;
    answers.error(incoming, error);
  }

  #submit(tablet: Tablet, call: WriteCall, incoming: IncomingCall): void {
    const answers = this.#answers;
    const { writes } = tablet;
    // The tablet may have changed while the call waited.
    const refusal = tablet.refuses(call.generation, keysOf(call));
    if (refusal !== null || writes === null) {
      answers.answer(incoming, refusal ?? tablet.notLeader());
      return;
    }
    const progress = new WriteCallProgress(call, incoming.deadlineMs, {
      written: (outcomes) =>
        answers.answer(incoming, { kind: "written", servedBy: tablet.servedBy(), outcomes }),
      redirected: (redirect) => answers.answer(incoming, redirect),
    });
    writes.submit(call, progress, incoming.payload.length);
  }
}

function deadlinePassed(call: RowCall): DatabaseErrorBody {
  return call.kind === "write" ? { ...DEADLINE_PASSED, applied: "no" } : DEADLINE_PASSED;
}
