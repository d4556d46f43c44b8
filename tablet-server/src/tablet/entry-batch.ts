/**
 * One log entry of a tablet in the making: the effects of writes that were evaluated since the last one was
 * proposed, and who waits for it.
 *
 * J1. All of it was evaluated under one generation, which the entry names.
 * J2. It stays below the 16 MiB of an entry: it takes a write beyond `MAX_ENTRY_BYTES` only as its first one, and
 *     a single write is smaller by itself (evaluate-write.ts).
 */
import { must } from "@stele/shared/assert.ts";
import type { Version } from "@stele/shared/ids.ts";
import type { WriteOutcome, WriteResult } from "@stele/shared/row-operations.ts";
import { effectSize } from "./effect-codec.ts";
import type { RowEffect } from "./effects.ts";
import { encodeEntry, type StoredIdempotency } from "./entry-payload.ts";
import type { LogAge } from "./log-age.ts";
import { encodeRetryRecord, type RetryOutcome, type SequenceOutcomes } from "./retry-record.ts";
import type { UnchangedOutcome, RowLane, UnappliedEntry } from "./row-lane.ts";
import type { PendingWrite, WriteCallProgress } from "./write-call.ts";

const OUTCOME_BYTES = 64;
const MAX_ENTRY_BYTES = 4 * 1024 * 1024;
/** Applying an entry is one piece of work: so many rows take a few milliseconds. */
const MAX_ENTRY_WRITES = 1000;

/** A write as it goes into the log. */
export interface LoggedWrite {
  readonly lane: RowLane;
  readonly pending: PendingWrite;
  readonly version: Version;
  readonly effect: RowEffect;
  readonly result: WriteResult;
  readonly idempotency: StoredIdempotency | null;
}

export class EntryBatch implements UnappliedEntry {
  readonly generation: number;
  readonly #age: LogAge;
  /** Writes that are done when the entry is applied. */
  readonly writes: LoggedWrite[] = [];
  readonly dependents: UnchangedOutcome[] = [];
  /** Outcomes without effect that are logged for the strays of their writes: decided when the entry is applied. */
  readonly kept: UnchangedOutcome[] = [];
  #maxVersion: Version;
  #rowsAdded = 0;
  #rowsRemoved = 0;
  #bytes = 0;
  readonly #doneBelow: Map<bigint, number>;
  /** The call that the last write came with. */
  #heard: WriteCallProgress | null = null;
  #encoded: Buffer | null = null;

  /**
   * @param age of the log, now
   * @param doneBelow of sequences that have no write in it: an entry may be there to say just that
   */
  constructor(
    generation: number,
    age: LogAge,
    maxVersion: Version,
    doneBelow: ReadonlyMap<bigint, number> = new Map(),
  ) {
    this.generation = generation;
    this.#age = age;
    this.#maxVersion = maxVersion;
    this.#doneBelow = new Map(doneBelow);
  }

  /** About the bytes of the entry. */
  get bytes(): number {
    return this.#bytes;
  }

  /** J2. `bytes`: as `loggedSize` or `keptSize` tell. */
  hasRoomFor(bytes: number): boolean {
    const count = this.writes.length + this.kept.length;
    if (count === 0) return true;
    return count < MAX_ENTRY_WRITES && this.#bytes + bytes <= MAX_ENTRY_BYTES;
  }

  /** @param bytes as `loggedSize` tells */
  add(write: LoggedWrite, bytes: number): void {
    const { pending, result, version } = write;
    this.#encoded = null;
    this.writes.push(write);
    this.#maxVersion = version;
    this.#bytes += bytes;
    if (result.createdRow) this.#rowsAdded++;
    if (result.version === null) this.#rowsRemoved++;
    this.#hear(pending.progress);
  }

  /** @param bytes as `keptSize` tells */
  keep(unchanged: UnchangedOutcome, bytes: number): void {
    this.#encoded = null;
    this.kept.push(unchanged);
    this.#bytes += bytes;
    this.#hear(unchanged.pending.progress);
  }

  /** From here on its writes may take effect. */
  proposed(): void {
    for (const { pending } of this.writes) {
      pending.isProposed = true;
      pending.progress.mayTakeEffect();
      for (const { progress } of pending.repeats) progress.mayTakeEffect();
    }
  }

  /** The payload; asked for again and again while the proposal is refused. */
  encode(): Buffer {
    this.#encoded ??= encodeEntry({
      kind: "write",
      generation: this.generation,
      maxVersion: this.#maxVersion,
      age: this.#age,
      rowsAdded: this.#rowsAdded,
      rowsRemoved: this.#rowsRemoved,
      effects: this.writes.map(({ effect }) => effect),
      idempotency: this.writes.flatMap(({ idempotency }) => idempotency ?? []),
      retries: encodeRetryRecord({ age: this.#age, sequences: this.#sequences() }),
    });
    return this.#encoded;
  }

  #hear(call: WriteCallProgress): void {
    if (call === this.#heard) return;
    this.#heard = call;
    for (const { sequenceId, doneBelow } of call.sequences) {
      const known = this.#doneBelow.get(sequenceId) ?? 0;
      this.#doneBelow.set(sequenceId, Math.max(known, doneBelow));
    }
  }

  #sequences(): SequenceOutcomes[] {
    const sequences = new Map<bigint, { doneBelow: number; outcomes: RetryOutcome[] }>();
    for (const [sequenceId, doneBelow] of this.#doneBelow) {
      sequences.set(sequenceId, { doneBelow, outcomes: [] });
    }
    const add = ({ numbered, sequenceId }: PendingWrite, outcome: WriteOutcome): void => {
      const sequence = must(sequences.get(sequenceId), "a sequence that its call told of (#hear)");
      sequence.outcomes.push({ seq: numbered.seq, outcome });
    };
    for (const { pending, result } of this.writes) add(pending, { kind: "done", result });
    for (const { pending, outcome } of this.kept) add(pending, outcome);
    return [...sequences].map(([sequenceId, sequence]) => ({ sequenceId, ...sequence }));
  }
}

/** About the bytes that an outcome without effect takes in an entry. */
export function keptSize({ outcome }: UnchangedOutcome): number {
  return (
    OUTCOME_BYTES +
    (outcome.kind === "done" ? computedSize(outcome.result) : outcome.error.detail.length)
  );
}

/** About the bytes that a write takes in an entry. */
export function loggedSize({ effect, idempotency, result }: LoggedWrite): number {
  let size = effectSize(effect) + OUTCOME_BYTES + computedSize(result);
  if (idempotency !== null) {
    size += idempotency.record.length + idempotency.rowKey.length + OUTCOME_BYTES;
  }
  return size;
}

function computedSize({ computed }: WriteResult): number {
  let size = 0;
  for (const { column, value } of computed) size += 8 + value.length + column.qualifier.length;
  return size;
}
