/**
 * Where a log bears damage, because everybody can tell it from a torn tail: in segments that are closed, and in the
 * last one in front of two whole batches. The first of those two is durable, or the second had not been written, and
 * its number says that whatever lies before it was durable as well.
 */
import {
  BATCH_HEADER,
  BATCH_HEADER_BYTES,
  SEGMENT_HEADER_BYTES,
  segmentOfName,
} from "@stele/shared/commit-log/log-format.ts";
import type { ServerProcess } from "../cluster/simulated-process.ts";

const BATCHES_BEHIND = 2;

export interface DamageablePart {
  /** Of the segment's file. */
  readonly name: string;
  /** Of the batches in it, inclusive and exclusive. */
  readonly from: number;
  readonly to: number;
  readonly isClosed: boolean;
}

/** In order; a part has a byte at least. */
export function damageableLog({ disks }: ServerProcess): readonly DamageablePart[] {
  const names = disks.log.fileNames().filter((name) => segmentOfName(name) !== null);
  const parts = names.map((name, at): DamageablePart => {
    const bytes = disks.log.fileBytes(name);
    const isClosed = at < names.length - 1;
    const to = isClosed ? bytes.length : settledEnd(bytes);
    return { name, from: SEGMENT_HEADER_BYTES, to, isClosed };
  });
  return parts.filter(({ from, to }) => from < to);
}

/** The end of the batches in front of the last two. */
function settledEnd(bytes: Buffer): number {
  const starts: number[] = [];
  let lsn: number | null = null;
  for (let at = SEGMENT_HEADER_BYTES; at + BATCH_HEADER_BYTES <= bytes.length;) {
    const length = bytes.readUInt32LE(at + BATCH_HEADER.length);
    const own = Number(bytes.readBigUInt64LE(at + BATCH_HEADER.lsn));
    const isMarker = bytes.readUInt32LE(at + BATCH_HEADER.recordCount) === 0;
    if (length < BATCH_HEADER_BYTES || isMarker || (lsn !== null && own !== lsn + 1)) break;
    if (at + length > bytes.length) break;
    starts.push(at);
    lsn = own;
    at += length;
  }
  return starts.at(-BATCHES_BEHIND) ?? 0;
}
