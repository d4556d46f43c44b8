/**
 * One write call on its way through a tablet: collects the outcomes of its writes, which may be decided in
 * different entries, and answers once, when all are there or the leadership ended.
 *
 * Holds nothing of the call's bytes: they live as long as its single writes wait.
 */
import { assert } from "@stele/shared/assert.ts";
import type { WriteOutcome } from "@stele/shared/row-operations.ts";
import type { NumberedWrite, WriteCall } from "@stele/shared/wire/row-calls.ts";
import type { RowReply } from "@stele/shared/wire/row-replies.ts";

/** Why the whole call is answered without outcomes: its writes may be sent again under the same numbers. */
export type Redirect = Exclude<RowReply, { kind: "written" | "read" | "scanned" }>;

export class WriteCallProgress {
  readonly deadlineMs: number;
  readonly doneBelow: number;
  readonly #outcomes: (WriteOutcome | undefined)[];
  readonly #written: (outcomes: readonly WriteOutcome[]) => void;
  readonly #redirected: (redirect: Redirect) => void;
  #left: number;
  #settled = false;

  constructor(
    call: WriteCall,
    deadlineMs: number,
    answer: {
      readonly written: (outcomes: readonly WriteOutcome[]) => void;
      readonly redirected: (redirect: Redirect) => void;
    },
  ) {
    this.deadlineMs = deadlineMs;
    this.doneBelow = call.doneBelow;
    this.#outcomes = Array.from({ length: call.writes.length });
    this.#left = call.writes.length;
    this.#written = answer.written;
    this.#redirected = answer.redirected;
    assert(this.#left > 0, "a write call carries a write");
  }

  get settled(): boolean {
    return this.#settled;
  }

  decide(at: number, outcome: WriteOutcome): void {
    if (this.#settled || this.#outcomes[at] !== undefined) return;
    this.#outcomes[at] = outcome;
    this.#left--;
    if (this.#left > 0) return;
    this.#settled = true;
    this.#written(this.#outcomes as WriteOutcome[]);
  }

  redirect(redirect: Redirect): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#redirected(redirect);
  }
}

/** Where an outcome goes: the place of a write in its call. */
export interface WritePlace {
  readonly progress: WriteCallProgress;
  readonly at: number;
}

/** One write of a call, waiting for its turn on its row, or for its entry. */
export interface PendingWrite extends WritePlace {
  readonly bootId: bigint;
  readonly numbered: NumberedWrite;
  /** What it counts against the tablet's limit, its repeats not included. */
  readonly bytes: number;
  /** The same write, sent again while this one is under way: they share its outcome. */
  readonly repeats: (WritePlace & { readonly bytes: number })[];
}
