/**
 * The writes that a leader has taken and not answered, by the numbers under which they are retried.
 *
 * U1. A write that is sent again while it is under way joins the first: it is evaluated once, and has strays if one
 *     of the calls that brought it says so.
 * U2. What waits is counted in writes and in bytes, repeats included; everything that was counted is given back
 *     when its write is settled, whichever way.
 * U3. Numbers that a front-end is done with are remembered for the term: a call that arrives late does nothing.
 */
import type { WriteOutcome } from "@stele/shared/row-operations.ts";
import type { NumberedWrite, SequenceProgress } from "@stele/shared/wire/row-calls.ts";
import type { PendingWrite, Redirect, WritePlace } from "./write-call.ts";

/** Sequences whose `doneBelow` is remembered; beyond it the one heard of longest ago is forgotten. */
const MAX_SEQUENCES = 1000;

export class WritesUnderWay {
  readonly #bySequence = new Map<bigint, Map<number, PendingWrite>>();
  /** The one heard of last is last. */
  readonly #doneBelow = new Map<bigint, number>();
  #writes = 0;
  #bytes = 0;

  get writes(): number {
    return this.#writes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** By sequence: every number below is settled or given up, as far as calls have told. */
  get doneBelow(): ReadonlyMap<bigint, number> {
    return this.#doneBelow;
  }

  has(sequenceId: bigint, seq: number): boolean {
    return this.#bySequence.get(sequenceId)?.has(seq) === true;
  }

  /** False once it was decided or redirected. */
  holds(pending: PendingWrite): boolean {
    return this.#bySequence.get(pending.sequenceId)?.get(pending.numbered.seq) === pending;
  }

  isDone(sequenceId: bigint, seq: number): boolean {
    return seq < (this.#doneBelow.get(sequenceId) ?? 0);
  }

  heard({ sequenceId, doneBelow }: SequenceProgress): void {
    const known = this.#doneBelow.get(sequenceId) ?? 0;
    this.#doneBelow.delete(sequenceId);
    this.#doneBelow.set(sequenceId, Math.max(known, doneBelow));
    const oldest = this.#doneBelow.keys().next();
    if (this.#doneBelow.size > MAX_SEQUENCES && oldest.done !== true) {
      this.#doneBelow.delete(oldest.value);
    }
  }

  /** The new write to evaluate; null: it is under way already (U1). */
  take(
    sequenceId: bigint,
    numbered: NumberedWrite,
    place: WritePlace,
    { bytes, hasStrays, isOvertaken }: Pick<PendingWrite, "bytes" | "hasStrays" | "isOvertaken">,
  ): PendingWrite | null {
    this.#writes++;
    this.#bytes += bytes;
    let sequence = this.#bySequence.get(sequenceId);
    if (sequence === undefined) this.#bySequence.set(sequenceId, (sequence = new Map()));
    const known = sequence.get(numbered.seq);
    if (known !== undefined) {
      known.repeats.push({ ...place, bytes });
      known.hasStrays ||= hasStrays;
      if (known.isProposed) place.progress.mayTakeEffect();
      return null;
    }
    const fresh = { repeats: [], isProposed: false, isOvertaken, hasStrays };
    const pending: PendingWrite = { ...place, sequenceId, numbered, bytes, ...fresh };
    sequence.set(numbered.seq, pending);
    return pending;
  }

  decide(pending: PendingWrite, outcome: WriteOutcome): void {
    if (!this.#release(pending)) return;
    pending.progress.decide(pending.at, outcome);
    for (const { progress, at } of pending.repeats) progress.decide(at, outcome);
  }

  /** The whole calls are answered so, repeats included. */
  redirect(pending: PendingWrite, to: Redirect): void {
    if (!this.#release(pending)) return;
    pending.progress.redirect(to);
    for (const { progress } of pending.repeats) progress.redirect(to);
  }

  redirectAll(to: Redirect): void {
    for (const sequence of this.#bySequence.values()) {
      for (const pending of sequence.values()) this.redirect(pending, to);
    }
  }

  /** Whether the write was still under way (U2). */
  #release(pending: PendingWrite): boolean {
    const { sequenceId, numbered } = pending;
    const sequence = this.#bySequence.get(sequenceId);
    if (sequence?.get(numbered.seq) !== pending) return false;
    sequence.delete(numbered.seq);
    if (sequence.size === 0) this.#bySequence.delete(sequenceId);
    this.#writes -= 1 + pending.repeats.length;
    this.#bytes -= pending.bytes;
    for (const { bytes } of pending.repeats) this.#bytes -= bytes;
    return true;
  }
}
