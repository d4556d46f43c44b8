/**
 * The read path of a tablet's leader: strong point reads and scans of the applied rows.
 *
 * X1. A read is served only when the leadership is certain at a moment after it arrived: by the lease, checked after
 *     the request was decoded, or by a round of the quorum (Raft dissertation, section 6.4).
 * X2. The answer is given only if this replica still leads in the same term once the rows are read: after a lost
 *     leadership the spaces that were read may be on their way to the garbage.
 * X3. A scan reads one consistent view of the tablet a chunk; each row is one record, so it is whole.
 */
import type { CheckpointStore } from "@stele/shared/checkpoint-store/checkpoint-store.ts";
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
/** A chunk ends after so many bytes looked at, however few of them are wanted. */
const LOOKED_AT_BYTES = 8 * 1024 * 1024;

/** Gives the parts of the reply. Throws `CorruptRecordError` and the store's read errors. */
export async function readRows(
  store: CheckpointStore,
  state: TabletState,
  call: ReadCall,
  projection: RowProjection,
  servedBy: () => ServedBy,
): Promise<Buffer[]> {
  const keys = call.keys.map((key) => rowStoreKey(spaceOf(state, key), key));
  const records = await store.getMany(keys);
  const rows = new ProjectedRows(projection, estimate(records));
  call.keys.forEach((key, at) => rows.addRead(key, records[at]));
  return rows.readReply(servedBy());
}

/** One chunk of a scan inside the tablet's range; gives the parts of the reply. Throws like `readRows`. */
export async function scanRows(
  store: CheckpointStore,
  state: TabletState,
  scan: ScanRequest,
  projection: RowProjection,
  servedBy: () => ServedBy,
): Promise<Buffer[]> {
  const run = new ScanRun(scan, projection);
  const asked = intersectRanges({ start: scan.start, end: scan.end }, state.range);
  const spans = scan.reverse ? state.spans.toReversed() : state.spans;
  for (const span of spans) {
    const range = intersectRanges(asked, span.range);
    if (isEmptyRange(range)) continue;
    if (!(await run.scanSpan(store, span, range))) break;
  }
  return run.rows.scanReply(servedBy(), run.resume);
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

  /** Gives whether the chunk has room for more; else the resume key is set. */
  #add(key: Buffer, record: Buffer): boolean {
    if (this.#isFull()) {
      // The row that does not fit any more: forward it is the next start, in reverse it lies below the end.
      this.resume = this.#scan.reverse ? keyAfter(key) : Buffer.from(key);
      return false;
    }
    this.#lookedAt += key.length + record.length;
    if (this.#scan.countOnly) this.rows.countScanned(key, record);
    else this.rows.addScanned(key, record);
    return true;
  }

  #isFull(): boolean {
    return (
      this.rows.count >= this.#scan.limit ||
      this.rows.byteLength >= this.#scan.byteBudget ||
      this.#lookedAt >= LOOKED_AT_BYTES
    );
  }
}

function estimate(records: readonly (Buffer | undefined)[]): number {
  let bytes = 64;
  for (const record of records) bytes += 16 + (record?.length ?? 0);
  return bytes;
}
