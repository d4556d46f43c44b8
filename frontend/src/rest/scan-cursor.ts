/**
 * A place in a scan over ranges: asks for one chunk after another, and can say at any time where to go
 * on.
 *
 * U1. The place moves only when a chunk has arrived: after a failure it still is where it was.
 */
import { must } from "@stele/shared/assert.ts";
import type { TableId, Version } from "@stele/shared/ids.ts";
import { version } from "@stele/shared/ids.ts";
import type { Projection } from "@stele/shared/row-operations.ts";
import { intersectRanges, isEmptyRange } from "@stele/shared/row-range.ts";
import type { RowRange } from "@stele/shared/row-range.ts";
import type { CallLimits, RowOperations, TableScanChunk } from "../operations.ts";
import type { PagePosition } from "./page-token.ts";

export interface ScanPlan {
  readonly table: string;
  /** Sorted, disjoint, none empty. */
  readonly ranges: readonly RowRange[];
  readonly reverse: boolean;
  readonly projection: Projection;
  readonly countOnly: boolean;
}

export interface ChunkBounds {
  readonly limit: number;
  readonly byteBudget: number;
}

export class ScanCursor {
  /** The largest of all chunks so far. */
  staleness = 0;
  session: Version = version(0);
  readonly #rows: RowOperations;
  readonly #plan: ScanPlan;
  /** What is left, in the order of the scan. */
  #left: readonly RowRange[];
  #tableId: TableId | null;
  #position: Buffer | null;

  /** `from`: where an earlier page ended; null: at the beginning. */
  constructor(rows: RowOperations, plan: ScanPlan, from: PagePosition | null) {
    this.#rows = rows;
    this.#plan = plan;
    this.#tableId = from?.tableId ?? null;
    this.#position = from?.position ?? null;
    const ranges = plan.reverse ? plan.ranges.toReversed() : plan.ranges;
    this.#left = beyond(ranges, this.#position, plan.reverse);
  }

  get isDone(): boolean {
    return this.#left.length === 0;
  }

  /** Null before the first chunk of a scan that did not continue another: nothing was passed. */
  get place(): PagePosition | null {
    return this.#tableId === null ? null : { tableId: this.#tableId, position: this.#position };
  }

  /** The next chunk; not to be called when done, nor while one is on its way. */
  async next({ limit, byteBudget }: ChunkBounds, limits: CallLimits): Promise<TableScanChunk> {
    const [range, ...others] = this.#left;
    const { table, reverse, projection, countOnly } = this.#plan;
    const chunk = await this.#rows.scan(
      table,
      {
        range: must(range, "the scan is done"),
        reverse,
        limit,
        byteBudget,
        projection,
        countOnly,
        tableId: this.#tableId,
      },
      limits,
    );
    this.#tableId = chunk.tableId;
    this.staleness = Math.max(this.staleness, chunk.staleness);
    this.session = version(Math.max(this.session, chunk.session));
    this.#left = chunk.rest === null ? others : [chunk.rest, ...others];
    const next = this.#left[0];
    if (next !== undefined) this.#position = reverse ? next.end : next.start;
    return chunk;
  }
}

function beyond(
  ranges: readonly RowRange[],
  position: Buffer | null,
  reverse: boolean,
): readonly RowRange[] {
  if (position === null) return ranges;
  const rest: RowRange = reverse ? { start: null, end: position } : { start: position, end: null };
  return ranges
    .map((range) => intersectRanges(range, rest))
    .filter((range) => !isEmptyRange(range));
}
