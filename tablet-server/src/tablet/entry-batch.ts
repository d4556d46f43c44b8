/**
 * One log entry of a tablet in the making: the effects of writes that were evaluated since the last one was
 * proposed, and who waits for it.
 */
import type { Version } from "@stele/shared/ids.ts";
import type { WriteOutcome, WriteResult } from "@stele/shared/row-operations.ts";
import { effectSize } from "./effect-codec.ts";
import type { RowEffect } from "./effects.ts";
import { encodeEntry, type StoredIdempotency } from "./entry-payload.ts";
import { encodeRetryRecord, type BootResults, type RetryResult } from "./retry-record.ts";
import type { RowLane } from "./row-lane.ts";
import type { PendingWrite } from "./write-call.ts";

const RESULT_BYTES = 64;

export class EntryBatch {
  readonly effects: RowEffect[] = [];
  readonly idempotency: StoredIdempotency[] = [];
  /** Lanes whose row it changes, once an effect. */
  readonly lanes: RowLane[] = [];
  /** Writes that are done when the entry is applied. */
  readonly writes: { readonly pending: PendingWrite; readonly result: WriteResult }[] = [];
  /** Outcomes that were read from rows as this entry leaves them: they hold only if it takes effect. */
  readonly dependents: { readonly pending: PendingWrite; readonly outcome: WriteOutcome }[] = [];
  maxVersion: Version;
  rowsAdded = 0;
  rowsRemoved = 0;
  #bytes = 0;

  constructor(maxVersion: Version) {
    this.maxVersion = maxVersion;
  }

  /** About the bytes of the entry. */
  get bytes(): number {
    return this.#bytes;
  }

  add(lane: RowLane, effect: RowEffect, pending: PendingWrite, result: WriteResult): void {
    this.effects.push(effect);
    this.lanes.push(lane);
    this.writes.push({ pending, result });
    this.#bytes += effectSize(effect) + RESULT_BYTES;
    for (const { value } of result.computed) this.#bytes += value.length;
    if (result.createdRow) this.rowsAdded++;
    if (result.version === null) this.rowsRemoved++;
  }

  addIdempotency(stored: StoredIdempotency): void {
    this.idempotency.push(stored);
    this.#bytes += stored.record.length + stored.rowKey.length + RESULT_BYTES;
  }

  encode(generation: number): Buffer {
    const { effects, idempotency, maxVersion, rowsAdded, rowsRemoved } = this;
    const boots = this.#boots();
    return encodeEntry({
      kind: "write",
      generation,
      maxVersion,
      rowsAdded,
      rowsRemoved,
      effects,
      idempotency,
      retries: encodeRetryRecord({ version: maxVersion, boots }),
    });
  }

  #boots(): BootResults[] {
    const boots = new Map<bigint, { doneBelow: number; results: RetryResult[] }>();
    for (const { pending, result } of this.writes) {
      const { bootId, numbered, progress } = pending;
      let boot = boots.get(bootId);
      if (boot === undefined) boots.set(bootId, (boot = { doneBelow: 0, results: [] }));
      boot.doneBelow = Math.max(boot.doneBelow, progress.call.doneBelow);
      boot.results.push({ seq: numbered.seq, result });
    }
    return [...boots].map(([bootId, boot]) => ({ bootId, ...boot }));
  }
}
