/**
 * The writes that a leader has taken and not answered, by the numbers under which they are retried.
 *
 * U1. A write that is sent again while it is under way joins the first: it is evaluated once.
 * U2. What waits is counted in writes and in bytes, repeats included; everything that was counted is given back
 *     when its write is settled, whichever way.
 * U3. Numbers that a front-end is done with are remembered for the term: a call that arrives late does nothing.
 */
import type { WriteOutcome } from "@stele/shared/row-operations.ts";
import type { NumberedWrite } from "@stele/shared/wire/row-calls.ts";
import type { PendingWrite, Redirect, WritePlace } from "./write-call.ts";

/** Front-end processes whose `doneBelow` is remembered; beyond it the one heard of longest ago is forgotten. */
const MAX_BOOTS = 1000;

export class WritesUnderWay {
  readonly #byBoot = new Map<bigint, Map<number, PendingWrite>>();
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

  /** By front-end process: every number below is settled or given up, as far as calls have told. */
  get doneBelow(): ReadonlyMap<bigint, number> {
    return this.#doneBelow;
  }

  has(bootId: bigint, seq: number): boolean {
    return this.#byBoot.get(bootId)?.has(seq) === true;
  }

  isDone(bootId: bigint, seq: number): boolean {
    return seq < (this.#doneBelow.get(bootId) ?? 0);
  }

  heard(bootId: bigint, doneBelow: number): void {
    const known = this.#doneBelow.get(bootId) ?? 0;
    this.#doneBelow.delete(bootId);
    this.#doneBelow.set(bootId, Math.max(known, doneBelow));
    const oldest = this.#doneBelow.keys().next();
    if (this.#doneBelow.size > MAX_BOOTS && oldest.done !== true) {
      this.#doneBelow.delete(oldest.value);
    }
  }

  /** The new write to evaluate; null: it is under way already (U1). */
  take(
    bootId: bigint,
    numbered: NumberedWrite,
    place: WritePlace,
    bytes: number,
  ): PendingWrite | null {
    this.#writes++;
    this.#bytes += bytes;
    let boot = this.#byBoot.get(bootId);
    if (boot === undefined) this.#byBoot.set(bootId, (boot = new Map()));
    const known = boot.get(numbered.seq);
    if (known !== undefined) {
      known.repeats.push({ ...place, bytes });
      return null;
    }
    const pending = { ...place, bootId, numbered, bytes, repeats: [] };
    boot.set(numbered.seq, pending);
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
    for (const boot of this.#byBoot.values()) {
      for (const pending of boot.values()) this.redirect(pending, to);
    }
  }

  /** Whether the write was still under way (U2). */
  #release(pending: PendingWrite): boolean {
    const { bootId, numbered } = pending;
    const boot = this.#byBoot.get(bootId);
    if (boot?.get(numbered.seq) !== pending) return false;
    boot.delete(numbered.seq);
    if (boot.size === 0) this.#byBoot.delete(bootId);
    this.#writes -= 1 + pending.repeats.length;
    this.#bytes -= pending.bytes;
    for (const { bytes } of pending.repeats) this.#bytes -= bytes;
    return true;
  }
}
