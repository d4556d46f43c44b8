/**
 * The results of one tablet's recent writes by the numbers under which front-ends retry them, so that a
 * write that is sent again is answered and not done again (architecture section 7, "Idempotency").
 *
 * T1. A function of the applied entries alone: every replica, and every replay, has the same table and
 *     stores the same records. `encodeBoots` and the stored records rebuild it.
 * T2. A result is forgotten when its front-end is done with it (`doneBelow`), or when log time has passed
 *     it by `RETRY_TTL_MICROS`: front-ends retry for a minute at most, dead ones not at all.
 * T3. Lookups belong under the row's latch and after the leader's first entry is applied; what is proposed
 *     and not applied is not in here.
 */
import { assert } from "@stele/shared/assert.ts";
import { ByteReader } from "@stele/shared/bytes/byte-reader.ts";
import { ByteWriter } from "@stele/shared/bytes/byte-writer.ts";
import type { LogIndex, Version } from "@stele/shared/ids.ts";
import type { WriteResult } from "@stele/shared/row-operations.ts";
import { decodeRetryRecord } from "./retry-record.ts";
import type { BootResults, RetryRecord } from "./retry-record.ts";

export const RETRY_TTL_MICROS = 5 * 60 * 1_000_000;
/** A leader takes no new writes while the table is this large; results that are in flight still fit. */
const RESULTS_MAX = 100_000;
const RESULT_BYTES_MAX = 32 * 1024 * 1024;
const RESULT_BASE_BYTES = 100;

export type RetryLookup =
  | { readonly kind: "new" }
  | { readonly kind: "done"; readonly result: WriteResult }
  /** The front-end said that it is done with this number: nobody waits for the answer. */
  | { readonly kind: "abandoned" };

/** What applying an entry did to the stored records. */
export interface RetryChange {
  /** Whether the entry's own record holds a result that may be asked for: store it. */
  readonly keep: boolean;
  /** Entries whose stored record is not needed any more: delete it. */
  readonly forgotten: readonly LogIndex[];
}

interface KnownResult {
  readonly index: LogIndex;
  readonly result: WriteResult;
  readonly bytes: number;
}

interface Boot {
  doneBelow: number;
  /** Log time of the last entry that named the boot. */
  lastVersion: Version;
  readonly results: Map<number, KnownResult>;
}

/** One entry whose record is stored. */
interface StoredEntry {
  readonly version: Version;
  readonly ids: readonly { readonly bootId: bigint; readonly seq: number }[];
  /** Results of it that are still known. */
  known: number;
}

export class RetryTable {
  readonly #boots = new Map<bigint, Boot>();
  /** In log order. */
  readonly #entries = new Map<LogIndex, StoredEntry>();
  #size = 0;
  #bytes = 0;

  /**
   * @param boots what `encodeBoots` gave; null: a new tablet
   * @param records the stored records in log order; those beyond `boots`' entry must not be among them
   */
  static restore(boots: Buffer | null, records: Iterable<readonly [LogIndex, Buffer]>): RetryTable {
    const table = new RetryTable();
    if (boots !== null) table.#decodeBoots(boots);
    for (const [index, bytes] of records) table.#remember(index, decodeRetryRecord(bytes), []);
    return table;
  }

  /** Results known. */
  get size(): number {
    return this.#size;
  }

  /** About the bytes of memory that they take. */
  get bytes(): number {
    return this.#bytes;
  }

  get isFull(): boolean {
    return this.#size >= RESULTS_MAX || this.#bytes >= RESULT_BYTES_MAX;
  }

  lookUp(bootId: bigint, seq: number): RetryLookup {
    const boot = this.#boots.get(bootId);
    if (boot === undefined) return { kind: "new" };
    if (seq < boot.doneBelow) return { kind: "abandoned" };
    const known = boot.results.get(seq);
    return known === undefined ? { kind: "new" } : { kind: "done", result: known.result };
  }

  /** Takes in an applied entry. Indices only grow. */
  apply(index: LogIndex, record: RetryRecord): RetryChange {
    const forgotten: LogIndex[] = [];
    for (const { bootId, doneBelow } of record.boots) {
      const boot = this.#boot(bootId, record.version);
      this.#raiseDone(boot, doneBelow, forgotten);
    }
    this.#remember(index, record, forgotten);
    this.#expire(record.version, forgotten);
    return { keep: this.#entries.has(index), forgotten };
  }

  /** The part of the table that is not in the stored records; belongs into the machine's state. */
  encodeBoots(): Buffer {
    const writer = new ByteWriter(8 + this.#boots.size * 24);
    writer.list([...this.#boots], (to, [bootId, { doneBelow, lastVersion }]) =>
      to.u64(bootId).varint(doneBelow).counter(lastVersion),
    );
    return writer.finish();
  }

  /** All results as one record, for the other part of a split. */
  toRecord(version: Version): RetryRecord {
    const boots: BootResults[] = [];
    for (const [bootId, { doneBelow, results }] of this.#boots) {
      const known = [...results].map(([seq, { result }]) => ({ seq, result }));
      boots.push({ bootId, doneBelow, results: known });
    }
    return { version, boots };
  }

  #decodeBoots(bytes: Buffer): void {
    const reader = new ByteReader(bytes);
    const boots = reader.list(17, (from) => ({
      bootId: from.u64(),
      doneBelow: from.varint(),
      lastVersion: from.counter() as Version,
    }));
    reader.end();
    for (const { bootId, doneBelow, lastVersion } of boots) {
      this.#boots.set(bootId, { doneBelow, lastVersion, results: new Map() });
    }
  }

  #boot(bootId: bigint, version: Version): Boot {
    let boot = this.#boots.get(bootId);
    if (boot === undefined) {
      boot = { doneBelow: 0, lastVersion: version, results: new Map() };
      this.#boots.set(bootId, boot);
    }
    if (version > boot.lastVersion) boot.lastVersion = version;
    return boot;
  }

  /** Of two results of one write the later counts, as it does when the records are read again. */
  #remember(index: LogIndex, record: RetryRecord, forgotten: LogIndex[]): void {
    assert(!this.#entries.has(index), () => `entry ${index} was taken in already`);
    const ids: { bootId: bigint; seq: number }[] = [];
    for (const { bootId, results } of record.boots) {
      const boot = this.#boot(bootId, record.version);
      for (const { seq, result } of results) {
        if (seq < boot.doneBelow || boot.results.get(seq)?.index === index) continue;
        this.#forget(boot, seq, forgotten);
        const own = ownResult(result);
        const bytes = resultBytes(own);
        boot.results.set(seq, { index, result: own, bytes });
        this.#size++;
        this.#bytes += bytes;
        ids.push({ bootId, seq });
      }
    }
    if (ids.length === 0) return;
    this.#entries.set(index, { version: record.version, ids, known: ids.length });
  }

  #raiseDone(boot: Boot, doneBelow: number, forgotten: LogIndex[]): void {
    if (doneBelow <= boot.doneBelow) return;
    // Whichever is the shorter walk: the numbers that became done, or the results that are known.
    if (doneBelow - boot.doneBelow < boot.results.size) {
      for (let seq = boot.doneBelow; seq < doneBelow; seq++) this.#forget(boot, seq, forgotten);
    } else {
      for (const seq of boot.results.keys()) {
        if (seq < doneBelow) this.#forget(boot, seq, forgotten);
      }
    }
    boot.doneBelow = doneBelow;
  }

  #forget(boot: Boot, seq: number, forgotten: LogIndex[]): void {
    const known = boot.results.get(seq);
    if (known === undefined) return;
    boot.results.delete(seq);
    this.#size--;
    this.#bytes -= known.bytes;
    const entry = this.#entries.get(known.index);
    assert(entry !== undefined, "a known result belongs to a stored entry");
    entry.known--;
    if (entry.known > 0) return;
    this.#entries.delete(known.index);
    forgotten.push(known.index);
  }

  #expire(now: Version, forgotten: LogIndex[]): void {
    const limit = now - RETRY_TTL_MICROS;
    for (const [index, { version, ids }] of this.#entries) {
      if (version > limit) break;
      for (const { bootId, seq } of ids) {
        const boot = this.#boots.get(bootId);
        if (boot?.results.get(seq)?.index === index) this.#forget(boot, seq, forgotten);
      }
    }
    for (const [bootId, boot] of this.#boots) {
      if (boot.lastVersion <= limit && boot.results.size === 0) this.#boots.delete(bootId);
    }
  }
}

/** Free of views into a log entry, which would keep the whole entry in memory. */
function ownResult(result: WriteResult): WriteResult {
  if (result.computed.length === 0) return result;
  const computed = result.computed.map(({ column, value, int64 }) => ({
    column: { family: column.family, qualifier: Buffer.from(column.qualifier) },
    value: Buffer.from(value),
    int64,
  }));
  return { ...result, computed };
}

function resultBytes(result: WriteResult): number {
  let bytes = RESULT_BASE_BYTES;
  for (const { column, value } of result.computed) {
    bytes += RESULT_BASE_BYTES + column.qualifier.length + value.length;
  }
  return bytes;
}
