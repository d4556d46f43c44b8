/**
 * One chunk of a scan: tablets one behind the other in the order of the scan, until the chunk is full,
 * the range is exhausted, or the time is over.
 *
 * C1. Where a chunk ends is where the next one goes on: between two rows, whatever tablets do meanwhile.
 * C2. What was read is given, also when the next tablet fails: the next chunk meets the failure first.
 * C3. A scan stays with the table it began on: another one under the name is INVALID_PAGE_TOKEN.
 */
import { DatabaseError } from "@stele/shared/errors.ts";
import { version } from "@stele/shared/ids.ts";
import type { TableId, Version } from "@stele/shared/ids.ts";
import type { ScanChunk } from "@stele/shared/row-operations.ts";
import { compareRowKeys } from "@stele/shared/row-key.ts";
import { intersectRanges, isEmptyRange } from "@stele/shared/row-range.ts";
import type { RowRange } from "@stele/shared/row-range.ts";
import type { Row } from "@stele/shared/row.ts";
import { encodeRowCall } from "@stele/shared/wire/row-calls.ts";
import type { CallLimits, TableScan, TableScanChunk } from "../operations.ts";
import { CallTrack } from "./call-track.ts";
import { keyBefore } from "./key-before.ts";
import type { MappedTablet } from "./mapped-tablet.ts";
import { expectedError, wrongReply } from "./row-routing.ts";
import type { RowRouting } from "./row-routing.ts";

const FIRST_KEY = Buffer.alloc(0);
const SHARE_FOR_MORE_TABLETS = 0.8;

export async function scanTablets(
  routing: RowRouting,
  table: string,
  scan: TableScan,
  limits: CallLimits,
): Promise<TableScanChunk> {
  const chunk = new ChunkInTheMaking(routing, table, scan, limits);
  while (!chunk.isComplete) {
    try {
      await chunk.extend();
    } catch (error) {
      const { code } = expectedError(error);
      // C2, unless it is a fault of ours.
      if (!chunk.hasProgress || code === "INTERNAL") throw error;
      break;
    }
  }
  return chunk.finish();
}

class ChunkInTheMaking {
  readonly #routing: RowRouting;
  readonly #table: string;
  readonly #scan: TableScan;
  readonly #limits: CallLimits;
  /** Tablets behind the first are given a part of the time, so that the chunk arrives within it. */
  readonly #softDeadlineMs: number;
  readonly #rows: Row[] = [];
  #tableId: TableId | null;
  #count = 0;
  #bytes = 0;
  #rest: RowRange | null;
  #staleness = 0;
  #session: Version = version(0);
  hasProgress = false;

  constructor(routing: RowRouting, table: string, scan: TableScan, limits: CallLimits) {
    this.#routing = routing;
    this.#table = table;
    this.#scan = scan;
    this.#limits = limits;
    const nowMs = routing.clock.monotonicMs();
    this.#softDeadlineMs = nowMs + (limits.deadlineMs - nowMs) * SHARE_FOR_MORE_TABLETS;
    this.#tableId = scan.tableId;
    this.#rest = scan.range;
  }

  get isComplete(): boolean {
    if (!this.hasProgress) return false;
    const { limit, byteBudget } = this.#scan;
    const isFull = this.#count >= limit || this.#bytes >= byteBudget;
    const isLate = this.#routing.clock.monotonicMs() >= this.#softDeadlineMs;
    return this.#rest === null || isFull || isLate;
  }

  finish(): TableScanChunk {
    return {
      tableId: this.#tableId as TableId,
      rows: this.#rows,
      count: this.#count,
      rest: this.#rest,
      staleness: this.#staleness,
      session: this.#session,
    };
  }

  /** Reads on in the tablet where the rest begins. */
  async extend(): Promise<void> {
    const rest = this.#rest as RowRange;
    const deadlineMs = this.hasProgress ? this.#softDeadlineMs : this.#limits.deadlineMs;
    const tablet = await this.#locate(rest, deadlineMs);
    if (tablet === null) {
      this.#goOn(null);
      return;
    }
    const { calls, locator } = this.#routing;
    const part = intersectRanges(rest, tablet.range);
    const encode = () => this.#encode(tablet, part);
    const outcome = await calls.run(tablet, encode, new CallTrack(this.#limits, deadlineMs));
    switch (outcome.kind) {
      case "moved":
        return;
      case "dropped":
        locator.tableDropped(this.#table, tablet.tableId);
        return;
      case "failed":
        throw new DatabaseError(outcome.error);
      case "served": {
        const { reply } = outcome;
        if (reply.kind !== "scanned") throw new DatabaseError(wrongReply("scan", reply));
        this.#tableId = tablet.tableId;
        this.#staleness = Math.max(this.#staleness, reply.servedBy.staleness);
        this.#session = version(Math.max(this.#session, reply.servedBy.session));
        if (!this.#scan.countOnly) this.#bytes += outcome.bytes;
        this.#take(reply.chunk, rest, part);
      }
    }
  }

  /** Null: no key can be in the rest. */
  async #locate(rest: RowRange, deadlineMs: number): Promise<MappedTablet | null> {
    const key = this.#scan.reverse ? keyBefore(rest.end) : (rest.start ?? FIRST_KEY);
    const { locator } = this.#routing;
    const tablet = await locator.locate(this.#table, key ?? FIRST_KEY, deadlineMs);
    if (this.#tableId !== null && tablet.tableId !== this.#tableId) {
      throw new DatabaseError({
        code: "INVALID_PAGE_TOKEN",
        detail: `The table ${JSON.stringify(this.#table)} that the scan began on was dropped.`,
      });
    }
    if (key !== null && !isEmptyRange(rest)) return tablet;
    this.#tableId = tablet.tableId;
    return null;
  }

  #encode({ tabletId, generation }: MappedTablet, part: RowRange): Buffer {
    const { reverse, limit, byteBudget, projection, countOnly } = this.#scan;
    return encodeRowCall({
      kind: "scan",
      tabletId,
      generation,
      scan: {
        start: part.start,
        end: part.end,
        reverse,
        limit: limit - this.#count,
        byteBudget: byteBudget - this.#bytes,
        projection,
        countOnly,
      },
    });
  }

  #take(chunk: ScanChunk, rest: RowRange, part: RowRange): void {
    for (const row of chunk.rows) this.#rows.push(row);
    this.#count += chunk.count;
    const { reverse } = this.#scan;
    if (chunk.resume !== null) {
      const { resume } = chunk;
      this.#goOn(reverse ? { start: rest.start, end: resume } : { start: resume, end: rest.end });
    } else if (reverse) {
      this.#goOn(isSame(part.start, rest.start) ? null : { start: rest.start, end: part.start });
    } else {
      this.#goOn(isSame(part.end, rest.end) ? null : { start: part.end, end: rest.end });
    }
  }

  #goOn(rest: RowRange | null): void {
    this.#rest = rest === null || isEmptyRange(rest) ? null : rest;
    this.hasProgress = true;
  }
}

function isSame(a: Buffer | null, b: Buffer | null): boolean {
  return a === null || b === null ? a === b : compareRowKeys(a, b) === 0;
}
