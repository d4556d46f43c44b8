/**
 * The outcomes of one tablet's recent writes by the numbers under which front-ends retry them, so that a
 * write that is sent again is answered and not done again (docs/decisions/0007-retry-numbers-by-tablet.md).
 * Writes that changed something are in here, and of the others those of which an attempt may arrive after the
 * answer (docs/decisions/0011-outcomes-without-effect.md).
 *
 * T1. A function of the applied entries alone: every replica, and every replay, has the same table and
 *     stores the same records. `encodeSequences` and the stored records rebuild it.
 * T2. An outcome is forgotten when its front-end is done with it (`doneBelow`), or when log age has passed
 *     it by the time to live: front-ends retry for a minute at most, dead ones not at all.
 * T3. Lookups belong under the row's latch and after the leader's first entry is applied; what is proposed
 *     and not applied is not in here.
 */
import { assert } from "@stele/shared/assert.ts";
import { ByteReader } from "@stele/shared/bytes/byte-reader.ts";
import { ByteWriter } from "@stele/shared/bytes/byte-writer.ts";
import type { LogIndex } from "@stele/shared/ids.ts";
import type { WriteOutcome, WriteResult } from "@stele/shared/row-operations.ts";
import type { LogAge } from "./log-age.ts";
import { decodeRetryRecord } from "./retry-record.ts";
import type { RetryRecord } from "./retry-record.ts";

const OUTCOME_BASE_BYTES = 100;

export type RetryLookup =
  | { readonly kind: "new" }
  | { readonly kind: "decided"; readonly outcome: WriteOutcome }
  /** The front-end said that it is done with this number: nobody waits for the answer. */
  | { readonly kind: "abandoned" };

/** What applying an entry did to the stored records. */
export interface RetryChange {
  /** Whether the entry's own record holds an outcome that may be asked for: store it. */
  readonly keep: boolean;
  /** Entries whose stored record is not needed any more: delete it. */
  readonly forgotten: readonly LogIndex[];
}

interface KnownOutcome {
  readonly index: LogIndex;
  readonly outcome: WriteOutcome;
  readonly bytes: number;
}

interface Sequence {
  doneBelow: number;
  /** Log age of the last entry that named the sequence. */
  lastAge: LogAge;
  readonly outcomes: Map<number, KnownOutcome>;
}

/** One entry whose record is stored. */
interface StoredEntry {
  readonly age: LogAge;
  readonly ids: readonly { readonly sequenceId: bigint; readonly seq: number }[];
  /** Outcomes of it that are still known. */
  known: number;
}

export class RetryTable {
  readonly #sequences = new Map<bigint, Sequence>();
  /** In log order. */
  readonly #entries = new Map<LogIndex, StoredEntry>();
  readonly #ttlMs: number;
  #size = 0;
  #bytes = 0;

  /** @param ttlMs the same for every replica */
  constructor(ttlMs: number) {
    this.#ttlMs = ttlMs;
  }

  /**
   * @param sequences what `encodeSequences` gave; null: a new tablet
   * @param records the stored records in log order; those beyond `sequences`' entry must not be among them
   */
  static restore(
    sequences: Buffer | null,
    records: Iterable<readonly [LogIndex, Buffer]>,
    ttlMs: number,
  ): RetryTable {
    const table = new RetryTable(ttlMs);
    if (sequences !== null) table.#decodeSequences(sequences);
    for (const [index, bytes] of records) table.#remember(index, decodeRetryRecord(bytes), []);
    return table;
  }

  /** Outcomes known. */
  get size(): number {
    return this.#size;
  }

  /** About the bytes of memory that they take. */
  get bytes(): number {
    return this.#bytes;
  }

  lookUp(sequenceId: bigint, seq: number): RetryLookup {
    const sequence = this.#sequences.get(sequenceId);
    if (sequence === undefined) return { kind: "new" };
    if (seq < sequence.doneBelow) return { kind: "abandoned" };
    const known = sequence.outcomes.get(seq);
    return known === undefined ? { kind: "new" } : { kind: "decided", outcome: known.outcome };
  }

  /** Takes in an applied entry. Indices only grow. */
  apply(index: LogIndex, record: RetryRecord): RetryChange {
    const forgotten: LogIndex[] = [];
    for (const { sequenceId, doneBelow } of record.sequences) {
      const sequence = this.#sequence(sequenceId, record.age);
      this.#raiseDone(sequence, doneBelow, forgotten);
    }
    this.#remember(index, record, forgotten);
    this.#expire(record.age, forgotten);
    return { keep: this.#entries.has(index), forgotten };
  }

  /** The part of the table that is not in the stored records; belongs into the machine's state. */
  encodeSequences(): Buffer {
    const writer = new ByteWriter(8 + this.#sequences.size * 24);
    writer.list([...this.#sequences], (to, [sequenceId, { doneBelow, lastAge }]) =>
      to.u64(sequenceId).varint(doneBelow).counter(lastAge),
    );
    return writer.finish();
  }

  #decodeSequences(bytes: Buffer): void {
    const reader = new ByteReader(bytes);
    const sequences = reader.list(17, (from) => ({
      sequenceId: from.u64(),
      doneBelow: from.varint(),
      lastAge: from.counter() as LogAge,
    }));
    reader.end();
    for (const { sequenceId, doneBelow, lastAge } of sequences) {
      this.#sequences.set(sequenceId, { doneBelow, lastAge, outcomes: new Map() });
    }
  }

  #sequence(sequenceId: bigint, age: LogAge): Sequence {
    let sequence = this.#sequences.get(sequenceId);
    if (sequence === undefined) {
      sequence = { doneBelow: 0, lastAge: age, outcomes: new Map() };
      this.#sequences.set(sequenceId, sequence);
    }
    if (age > sequence.lastAge) sequence.lastAge = age;
    return sequence;
  }

  /** Of two outcomes of one write the later counts, as it does when the records are read again. */
  #remember(index: LogIndex, record: RetryRecord, forgotten: LogIndex[]): void {
    assert(!this.#entries.has(index), () => `entry ${index} was taken in already`);
    const ids: { sequenceId: bigint; seq: number }[] = [];
    for (const { sequenceId, outcomes } of record.sequences) {
      const sequence = this.#sequence(sequenceId, record.age);
      for (const { seq, outcome } of outcomes) {
        if (seq < sequence.doneBelow || sequence.outcomes.get(seq)?.index === index) continue;
        this.#forget(sequence, seq, forgotten);
        const own = ownOutcome(outcome);
        const bytes = outcomeBytes(own);
        sequence.outcomes.set(seq, { index, outcome: own, bytes });
        this.#size++;
        this.#bytes += bytes;
        ids.push({ sequenceId, seq });
      }
    }
    if (ids.length === 0) return;
    this.#entries.set(index, { age: record.age, ids, known: ids.length });
  }

  #raiseDone(sequence: Sequence, doneBelow: number, forgotten: LogIndex[]): void {
    if (doneBelow <= sequence.doneBelow) return;
    // Whichever is the shorter walk: the numbers that became done, or the outcomes that are known.
    if (doneBelow - sequence.doneBelow < sequence.outcomes.size) {
      for (let seq = sequence.doneBelow; seq < doneBelow; seq++)
        this.#forget(sequence, seq, forgotten);
    } else {
      for (const seq of sequence.outcomes.keys()) {
        if (seq < doneBelow) this.#forget(sequence, seq, forgotten);
      }
    }
    sequence.doneBelow = doneBelow;
  }

  #forget(sequence: Sequence, seq: number, forgotten: LogIndex[]): void {
    const known = sequence.outcomes.get(seq);
    if (known === undefined) return;
    sequence.outcomes.delete(seq);
    this.#size--;
    this.#bytes -= known.bytes;
    const entry = this.#entries.get(known.index);
    assert(entry !== undefined, "a known outcome belongs to a stored entry");
    entry.known--;
    if (entry.known > 0) return;
    this.#entries.delete(known.index);
    forgotten.push(known.index);
  }

  #expire(now: LogAge, forgotten: LogIndex[]): void {
    const limit = now - this.#ttlMs;
    for (const [index, { age, ids }] of this.#entries) {
      if (age > limit) break;
      for (const { sequenceId, seq } of ids) {
        const sequence = this.#sequences.get(sequenceId);
        if (sequence?.outcomes.get(seq)?.index === index) this.#forget(sequence, seq, forgotten);
      }
    }
    for (const [sequenceId, sequence] of this.#sequences) {
      if (sequence.lastAge <= limit && sequence.outcomes.size === 0)
        this.#sequences.delete(sequenceId);
    }
  }
}

/** Free of views into a log entry, which would keep the whole entry in memory. */
function ownOutcome(outcome: WriteOutcome): WriteOutcome {
  if (outcome.kind === "failed" || outcome.result.computed.length === 0) return outcome;
  return { kind: "done", result: ownResult(outcome.result) };
}

function ownResult(result: WriteResult): WriteResult {
  const computed = result.computed.map(({ column, value, int64 }) => ({
    column: { family: column.family, qualifier: Buffer.from(column.qualifier) },
    value: Buffer.from(value),
    int64,
  }));
  return { ...result, computed };
}

function outcomeBytes(outcome: WriteOutcome): number {
  let bytes = OUTCOME_BASE_BYTES;
  if (outcome.kind === "failed") return bytes + 2 * outcome.error.detail.length;
  for (const { column, value } of outcome.result.computed) {
    bytes += OUTCOME_BASE_BYTES + column.qualifier.length + value.length;
  }
  return bytes;
}
