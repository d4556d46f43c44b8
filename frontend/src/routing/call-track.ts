/**
 * What one operation's calls to tablets have in common: how long they may take, and for a write what is
 * known about its effect.
 *
 * An attempt that was proposed before the leadership ended is answered by `not-leader` with an unknown effect;
 * the next leader knows it, because everything older is decided before it evaluates anything. An attempt
 * that was never answered may even arrive later than the next one: a stray. The next one says so, and what its tablet
 * answers then stands whatever strays bring (shared/src/wire/row-calls.ts, C3).
 */
import { ERROR_KINDS } from "@stele/shared/errors.ts";
import type { DatabaseErrorBody } from "@stele/shared/errors.ts";
import type { CallLimits } from "../operations.ts";

/** What is known of the attempts of a write so far, from best to worst. */
export type Attempts = "none" | "undecided" | "stray";

export class CallTrack {
  readonly deadlineMs: number;
  readonly #limits: CallLimits;
  #attempts: Attempts;
  #broken = 0;

  /** `deadlineMs`: at most that of the limits. `before`: attempts that an earlier track saw. */
  constructor(
    limits: CallLimits,
    deadlineMs: number = limits.deadlineMs,
    before: Attempts = "none",
  ) {
    this.#limits = limits;
    this.deadlineMs = deadlineMs;
    this.#attempts = before;
  }

  get attempts(): Attempts {
    return this.#attempts;
  }

  /** The client went away. Not asked for lightly: it makes the signal. */
  get isGivenUp(): boolean {
    return this.#limits.signal.aborted;
  }

  /** An attempt was answered without telling whether it took effect. */
  undecided(): void {
    if (this.#attempts === "none") this.#attempts = "undecided";
  }

  /** An attempt may have arrived, or may yet arrive. */
  stray(): void {
    this.#attempts = "stray";
  }

  /** The connection broke behind an attempt. Gives how often that was so by now. */
  broke(): number {
    return ++this.#broken;
  }

  /** A write that this process gives up, with what is certain about its effect. */
  failedHere(error: DatabaseErrorBody): DatabaseErrorBody {
    return { ...error, applied: this.#attempts === "none" ? "no" : "unknown" };
  }

  /** A write whose call its tablet refused as a whole, likewise. */
  failedThere(error: DatabaseErrorBody): DatabaseErrorBody {
    return this.#told(error, this.#attempts === "none");
  }

  /** A write that its tablet refused by itself, likewise. */
  refused(error: DatabaseErrorBody): DatabaseErrorBody {
    // A tablet that judged the write had every undecided attempt behind it, and keeps its judgement for strays.
    const isJudged = !ERROR_KINDS[error.code].retryable;
    return this.#told(error, this.#attempts === "none" || isJudged);
  }

  /** What the tablet says of the last attempt, where nothing can come of the others. */
  #told(error: DatabaseErrorBody, othersAreOver: boolean): DatabaseErrorBody {
    return { ...error, applied: error.applied === "no" && othersAreOver ? "no" : "unknown" };
  }
}
