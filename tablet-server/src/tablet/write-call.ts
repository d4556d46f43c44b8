/**
 * One write call on its way through a tablet: collects the outcomes of its writes, which may be decided in
 * different entries, and answers once, when all are there or the leadership ended.
 *
 * Holds nothing of the call's bytes: they live as long as its single writes wait.
 */
import { assert } from "@stele/shared/assert.ts";
import type { WriteOutcome } from "@stele/shared/row-operations.ts";
import type { NumberedWrite, SequenceProgress, WriteCall } from "@stele/shared/wire/row-calls.ts";
import type { RowReply } from "@stele/shared/wire/row-replies.ts";

/** Why the whole call is answered without outcomes: its writes may be sent again under the same numbers. */
export type Redirect = Exclude<RowReply, { kind: "written" | "read" | "scanned" }>;

export class WriteCallProgress {
  readonly deadlineMs: number;
  /** Of the sequence of its own numbers, and of others that the front-end told about. */
  readonly sequences: readonly SequenceProgress[];
  readonly #outcomes: (WriteOutcome | undefined)[];
  readonly #written: (outcomes: readonly WriteOutcome[]) => void;
  readonly #redirected: (redirect: Redirect) => void;
  #left: number;
  #settled = false;
  #mayApply = false;

  constructor(
    call: WriteCall,
    deadlineMs: number,
    answer: {
      readonly written: (outcomes: readonly WriteOutcome[]) => void;
      readonly redirected: (redirect: Redirect) => void;
    },
  ) {
    this.deadlineMs = deadlineMs;
    this.sequences = [call, ...call.retired];
    this.#outcomes = Array.from({ length: call.writes.length });
    this.#left = call.writes.length;
    this.#written = answer.written;
    this.#redirected = answer.redirected;
    assert(this.#left > 0, "a write call carries a write");
  }

  get settled(): boolean {
    return this.#settled;
  }

  /** One of its writes is on its way into the log, or found to have taken effect before. */
  mayTakeEffect(): void {
    this.#mayApply = true;
  }

  decide(at: number, outcome: WriteOutcome): void {
    if (this.#settled || this.#outcomes[at] !== undefined) return;
    if (outcome.kind === "done") this.#mayApply = true;
    this.#outcomes[at] = outcome;
    this.#left--;
    if (this.#left > 0) return;
    this.#settled = true;
    this.#written(this.#outcomes as WriteOutcome[]);
  }

  redirect(redirect: Redirect): void {
    if (this.#settled) return;
    this.#settled = true;
    const tellsEffect = redirect.kind === "not-leader" || redirect.kind === "wrong-range";
    const isUnknown = tellsEffect && this.#mayApply;
    this.#redirected(isUnknown ? { ...redirect, applied: "unknown" } : redirect);
  }
}

/** Where an outcome goes: the place of a write in its call. */
export interface WritePlace {
  readonly progress: WriteCallProgress;
  readonly at: number;
}

/** One write of a call, waiting for its turn on its row, or for its entry. */
export interface PendingWrite extends WritePlace {
  readonly sequenceId: bigint;
  readonly numbered: NumberedWrite;
  /** What it counts against the tablet's limit, its repeats not included. */
  readonly bytes: number;
  /** The same write, sent again while this one is under way: they share its outcome. */
  readonly repeats: (WritePlace & { readonly bytes: number })[];
  /** Its entry was proposed: nobody but the log can tell whether it takes effect. */
  isProposed: boolean;
  /** A later write of its row, of the same call, was taken before it. */
  readonly isOvertaken: boolean;
  /** An earlier attempt of it may arrive after it was answered: its outcome is logged also when nothing changes. */
  hasStrays: boolean;
}
