/**
 * Pages: a scan's rows until the page is full or its bytes or time are spent, and a count with what
 * its time allows.
 */
import { DatabaseError } from "@stele/shared/errors.ts";
import type { Row } from "@stele/shared/row.ts";
import type { CallLimits, TableScanChunk } from "../operations.ts";
import { rowBytes } from "./row-size.ts";
import type { ChunkBounds, ScanCursor } from "./scan-cursor.ts";

/** A count asks for so much at a time, so that a deadline finds it with something to give. */
const COUNT_CHUNK: ChunkBounds = { limit: 100_000, byteBudget: 64 * 1024 * 1024 };

export async function readPage(
  cursor: ScanCursor,
  { limit, byteBudget }: ChunkBounds,
  limits: CallLimits,
): Promise<readonly Row[]> {
  const rows: Row[] = [];
  let bytes = 0;
  const next = chunksOf(cursor, limits);
  while (!cursor.isDone && rows.length < limit && bytes < byteBudget) {
    const bounds = { limit: limit - rows.length, byteBudget: byteBudget - bytes };
    const chunk = await next(bounds);
    if (chunk === null) break;
    for (const row of chunk.rows) {
      rows.push(row);
      bytes += rowBytes(row);
    }
  }
  return rows;
}

export async function countRows(cursor: ScanCursor, limits: CallLimits): Promise<number> {
  let count = 0;
  const next = chunksOf(cursor, limits);
  while (!cursor.isDone) {
    const chunk = await next(COUNT_CHUNK);
    if (chunk === null) break;
    count += chunk.count;
  }
  return count;
}

/**
 * Asks for chunks; null once one failed that may succeed later: what was read until then is given, and
 * the next page meets the failure first. With nothing read, it is thrown.
 */
function chunksOf(
  cursor: ScanCursor,
  limits: CallLimits,
): (bounds: ChunkBounds) => Promise<TableScanChunk | null> {
  let hasProgress = false;
  return async (bounds) => {
    try {
      const chunk = await cursor.next(bounds, limits);
      hasProgress = true;
      return chunk;
    } catch (error) {
      if (hasProgress && error instanceof DatabaseError && error.retryable) return null;
      throw error;
    }
  };
}
