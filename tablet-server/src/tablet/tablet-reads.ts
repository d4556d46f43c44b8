/**
 * What reads and scans find in a tablet's applied rows, as the parts of their replies. Who may be served, and when,
 * is decided above (row-reads.ts).
 *
 * X1. A scan reads one consistent view of each span a chunk; each row is one record, so it is whole.
 * X2. A chunk that does not reach the end of what was asked has looked at one row at least, and its resume key
 *     leads on behind everything it gave.
 * X3. What one call reads and answers is bounded: by a budget, and one row beyond it.
 */
import type { CheckpointStore } from "@stele/shared/checkpoint-store/checkpoint-store.ts";
import { MAX_REPLY_BYTES } from "@stele/shared/rpc/batch-frames.ts";
import type { ScanRequest } from "@stele/shared/row-operations.ts";
import { intersectRanges, isEmptyRange, type RowRange } from "@stele/shared/row-range.ts";
import { keyAfter } from "@stele/shared/row-key.ts";
import type { ReadCall } from "@stele/shared/wire/row-calls.ts";
import type { ServedBy } from "@stele/shared/wire/served-by.ts";
import { rowBounds, rowKeyOfStoreKey, rowStoreKey } from "../storage/key-layout.ts";
import { ProjectedRows } from "./projected-rows.ts";
import type { RowProjection } from "./row-projection.ts";
import { spaceOf, type Span, type TabletState } from "./tablet-state.ts";

/** So many records a step of a scan, of at most so many bytes: a step is a bounded piece of work. */
const STEP_ROWS = 256;
const STEP_BYTES = 512 * 1024;
/** Rows of a point read that are read together: few at first, more when those were small. */
const FIRST_SLICE_KEYS = 8;
const SLICE_KEYS = 128;
/** A point read's answer ends with the row that passes so many bytes. */
const READ_BYTES = 4 * 1024 * 1024;
/** Of a chunk's rows; beyond it a chunk holds a single row. */
const MAX_ROWS_BYTES = MAX_REPLY_BYTES - 64 * 1024;
/** A chunk ends after so many bytes looked at, however few of them are wanted. */
const LOOKED_AT_BYTES = 8 * 1024 * 1024;

/** A reply in parts, and how many rows it tells of. */
export interface RowsReply {
  readonly parts: readonly Buffer[];
  readonly rows: number;
}

/** The rows of one read call, or of the first of its keys, gathered slice by slice. */
export class PointReads {
  readonly #keys: readonly Buffer[];
  readonly #rows: ProjectedRows;
  #read = 0;
  #sliceKeys = FIRST_SLICE_KEYS;

  constructor(call: ReadCall, projection: RowProjection) {
    this.#keys = call.keys;
    this.#rows = new ProjectedRows(projection);
  }

  /** Store keys of the next slice, `most` at most, which `add` takes the records of. */
  nextKeys(state: TabletState, most: number): Buffer[] {
    return this.#keys
      .slice(this.#read, this.#read + Math.min(most, this.#sliceKeys))
      .map((key) => rowStoreKey(spaceOf(state, key), key));
  }

  /** True: the reply has all rows, or as many as fit. Throws `CorruptRecordError`. */
  add(records: readonly (Buffer | undefined)[]): boolean {
    for (const record of records) {
      this.#rows.addRead(this.#keys[this.#read++] as Buffer, record);
      if (this.#rows.byteLength >= READ_BYTES) return true;
    }
    this.#sliceKeys = Math.min(SLICE_KEYS, this.#sliceKeys * 4);
    return this.#read === this.#keys.length;
  }

  reply(servedBy: ServedBy): RowsReply {
    return { parts: this.#rows.readReply(servedBy), rows: this.#rows.count };
  }
}

/** One chunk of a scan inside the tablet's range; throws `CorruptRecordError` and the store's read errors. */
export async function scanRows(
  store: CheckpointStore,
  state: TabletState,
  scan: ScanRequest,
  projection: RowProjection,
  servedBy: () => ServedBy,
): Promise<RowsReply> {
  const run = new ScanRun(scan, projection);
  const asked = intersectRanges({ start: scan.start, end: scan.end }, state.range);
  const spans = scan.reverse ? state.spans.toReversed() : state.spans;
  for (const span of spans) {
    const range = intersectRanges(asked, span.range);
    if (isEmptyRange(range)) continue;
    if (!(await run.scanSpan(store, span, range))) break;
  }
  return { parts: run.rows.scanReply(servedBy(), run.resume), rows: run.rows.count };
}

class ScanRun {
  readonly rows: ProjectedRows;
  /** Set when the chunk ended before the range did. */
  resume: Buffer | null = null;
  readonly #scan: ScanRequest;
  #lookedAt = 0;

  constructor(scan: ScanRequest, projection: RowProjection) {
    this.#scan = scan;
    this.rows = new ProjectedRows(projection, Math.min(scan.byteBudget, 64 * 1024));
  }

  /** Gives whether the scan goes on behind this span. */
  async scanSpan(store: CheckpointStore, span: Span, range: RowRange): Promise<boolean> {
    const bounds = rowBounds(span.space, range);
    const iterator = store.iterate({ ...bounds, reverse: this.#scan.reverse });
    try {
      for (;;) {
        const wanted = Math.min(STEP_ROWS, this.#scan.limit - this.rows.count + 1);
        const found = await iterator.next(wanted, STEP_BYTES);
        if (found.length === 0) return true;
        for (const [storeKey, record] of found) {
          if (!this.#add(rowKeyOfStoreKey(storeKey), record)) return false;
        }
      }
    } finally {
      await iterator.close();
    }
  }

  /** Gives whether the row was looked at; else the chunk ends before it, and the resume key is set. */
  #add(key: Buffer, record: Buffer): boolean {
    const fits = !this.#isFull() && this.#addIfItFits(key, record);
    // The row that is left out: forward it is the next start, in reverse it lies below the end.
    if (!fits) this.resume = this.#scan.reverse ? keyAfter(key) : Buffer.from(key);
    this.#lookedAt += key.length + record.length;
    return fits;
  }

  #addIfItFits(key: Buffer, record: Buffer): boolean {
    if (this.#scan.countOnly) {
      this.rows.countScanned(key, record);
      return true;
    }
    return this.rows.addScanned(key, record, MAX_ROWS_BYTES) !== "too-large";
  }

  /** Never before the first row: a chunk must lead on. */
  #isFull(): boolean {
    if (this.#lookedAt === 0) return false;
    return (
      this.rows.count >= this.#scan.limit ||
      this.rows.byteLength >= this.#scan.byteBudget ||
      this.#lookedAt >= LOOKED_AT_BYTES
    );
  }
}
