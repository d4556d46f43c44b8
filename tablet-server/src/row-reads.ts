/**
 * Answers reads and scans of tablets that this server leads.
 *
 * R1. A read is served only when the leadership is certain at a moment after it arrived: by the lease, checked after
 *     the request was decoded, or by a round of the quorum (Raft dissertation, section 6.4).
 * R2. The answer is given only if this replica still serves the call, in the same term, once the rows are read: after
 *     a lost leadership the spaces that were read may be on their way to the garbage.
 * R3. All point reads of a turn share a read of the store; scans take turns, a bounded number at a time.
 * R4. Damage that a read meets makes the replica suspect, and the call goes elsewhere.
 */
import {
  StoreReadError,
  type CheckpointStore,
} from "@stele/shared/checkpoint-store/checkpoint-store.ts";
import type { Clock } from "@stele/shared/clock.ts";
import type { DatabaseErrorBody } from "@stele/shared/errors.ts";
import type { Term } from "@stele/shared/ids.ts";
import type { IncomingCall } from "@stele/shared/rpc/channel-contract.ts";
import type { ReadCall, ScanCall } from "@stele/shared/wire/row-calls.ts";
import type { ServedBy } from "@stele/shared/wire/served-by.ts";
import { BoundedConcurrency } from "./bounded-concurrency.ts";
import { keysOf } from "./call-keys.ts";
import type { RowAnswers } from "./row-answers.ts";
import { CorruptRecordError } from "./storage/corrupt-record-error.ts";
import { prepareProjection, type RowProjection } from "./tablet/row-projection.ts";
import type { RowLoader } from "./tablet/row-loader.ts";
import { PointReads, scanRows, type RowsReply } from "./tablet/tablet-reads.ts";
import type { Tablet } from "./tablet/tablet.ts";

const RUNNING_SCANS = 32;
const WAITING_SCANS = 1000;
/** Reads that wait for a round of a quorum, over all tablets. */
const WAITING_READS = 20_000;
const THROTTLED_RETRY_MS = 100;

export interface RowReadsParts {
  readonly store: CheckpointStore;
  readonly loader: RowLoader;
  readonly clock: Clock;
  readonly answers: RowAnswers;
  readonly failed: (error: unknown) => void;
}

/** A read that is being served. */
interface Served<Call> {
  readonly tablet: Tablet;
  readonly call: Call;
  readonly projection: RowProjection;
  readonly incoming: IncomingCall;
  /** Under which its rows are read. */
  readonly term: Term | null;
}

export class RowReads {
  readonly #parts: RowReadsParts;
  readonly #scans = new BoundedConcurrency({ running: RUNNING_SCANS, waiting: WAITING_SCANS });
  #waitingReads = 0;

  constructor(parts: RowReadsParts) {
    this.#parts = parts;
  }

  /** REQUIRES: the tablet serves the call (`Tablet.refuses`). */
  serve(tablet: Tablet, call: ReadCall | ScanCall, incoming: IncomingCall): void {
    const { answers } = this.#parts;
    const asked = call.kind === "read" ? call.projection : call.scan.projection;
    const prepared = prepareProjection(asked, tablet.state.schema);
    if (prepared.kind === "refused") {
      answers.error(incoming, prepared.error);
      return;
    }
    const { projection } = prepared;
    const read = (): void => {
      const term = tablet.servingTerm;
      if (call.kind === "read") this.#read({ tablet, call, projection, incoming, term });
      else this.#scan({ tablet, call, projection, incoming, term });
    };
    if (tablet.group.holdsLease()) read();
    else this.#afterBarrier(tablet, call, incoming, read);
  }

  /** R1. */
  #afterBarrier(
    tablet: Tablet,
    call: ReadCall | ScanCall,
    incoming: IncomingCall,
    read: () => void,
  ): void {
    const { answers, failed } = this.#parts;
    if (this.#waitingReads >= WAITING_READS) {
      answers.error(incoming, throttled(`${WAITING_READS} reads wait for a quorum.`));
      return;
    }
    this.#waitingReads++;
    const confirmed = (outcome: "ready" | "not-leader"): void => {
      this.#waitingReads--;
      const refusal =
        outcome === "ready" ? tablet.refuses(call.generation, keysOf(call)) : tablet.notLeader();
      if (refusal === null) read();
      else answers.answer(incoming, refusal);
    };
    tablet.group.readBarrier().then(confirmed).catch(failed);
  }

  #read(served: Served<ReadCall>): void {
    const { call, projection, tablet } = served;
    this.#readOn(served, new PointReads(call, projection), () => tablet.servedBy());
  }

  /** One slice after the other, until the answer has all rows or no room for more. */
  #readOn(served: Served<ReadCall>, reads: PointReads, servedBy: () => ServedBy): void {
    const { loader } = this.#parts;
    loader.want(
      reads.nextKeys(served.tablet.state, loader.sliceKeys),
      (records) => {
        const isComplete = this.#guarded(served, () => reads.add(records));
        if (isComplete === true) this.#give(served, reads.reply(servedBy()));
        else if (isComplete === false) this.#readOn(served, reads, servedBy);
      },
      (error) => this.#damaged(served, error),
    );
  }

  #scan(served: Served<ScanCall>): void {
    const { answers } = this.#parts;
    const taken = this.#scans.tryRun(() => this.#scanNow(served).catch(this.#parts.failed));
    if (taken) return;
    answers.error(served.incoming, throttled(`${WAITING_SCANS} scans are waiting.`));
  }

  async #scanNow(served: Served<ScanCall>): Promise<void> {
    const { answers, clock, store } = this.#parts;
    const { call, incoming, projection, tablet } = served;
    if (this.#redirected(served)) return;
    if (clock.monotonicMs() >= incoming.deadlineMs) {
      answers.error(incoming, DEADLINE_PASSED);
      return;
    }
    const servedBy = () => tablet.servedBy();
    let reply: RowsReply;
    try {
      reply = await scanRows(store, tablet.state, call.scan, projection, servedBy);
    } catch (error) {
      if (this.#redirected(served)) return;
      if (!isDamage(error)) throw error;
      this.#damaged(served, error);
      return;
    }
    if (!this.#redirected(served)) this.#give(served, reply);
  }

  /** What `work` gives; null: the call was answered, because of damage or elsewhere. */
  #guarded<T>(served: Served<ReadCall>, work: () => T): T | null {
    if (this.#redirected(served)) return null;
    try {
      return work();
    } catch (error) {
      if (!isDamage(error)) throw error;
      this.#damaged(served, error);
      return null;
    }
  }

  #give({ incoming }: Served<ReadCall | ScanCall>, reply: RowsReply): void {
    const { answers } = this.#parts;
    answers.counters.rowsRead += reply.rows;
    answers.parts(incoming, reply.parts);
  }

  /** R2. True: the call was answered so. */
  #redirected({ call, incoming, tablet, term }: Served<ReadCall | ScanCall>): boolean {
    const { answers } = this.#parts;
    const refusal =
      tablet.servingTerm === term
        ? tablet.refuses(call.generation, keysOf(call))
        : tablet.notLeader();
    if (refusal !== null) answers.answer(incoming, refusal);
    return refusal !== null;
  }

  /** R4. */
  #damaged({ incoming, tablet }: Served<ReadCall | ScanCall>, error: Error): void {
    tablet.damaged(error);
    this.#parts.answers.answer(incoming, tablet.notLeader());
  }
}

export const DEADLINE_PASSED = {
  code: "DEADLINE",
  detail: "The deadline passed before the tablet server could begin.",
} as const satisfies DatabaseErrorBody;

function isDamage(error: unknown): error is CorruptRecordError | StoreReadError {
  return error instanceof CorruptRecordError || error instanceof StoreReadError;
}

function throttled(detail: string): DatabaseErrorBody {
  return { code: "THROTTLED", detail, retryAfterMs: THROTTLED_RETRY_MS };
}
