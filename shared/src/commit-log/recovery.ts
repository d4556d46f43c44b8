/**
 * Reads a log back at start-up, and leaves the directory ready for appending.
 *
 * R1. The last segment's readable part is copied to a new file that replaces the old one, because
 *     after a failed fsync the page cache shows bytes that are not on disk and never will be
 *     (Rebello et al., ATC'20). The copy ends with a marker: from here on no batch in it is in doubt.
 *     Damaged batches are copied as they are, so that the next start reports them again.
 * R2. Every step is atomic and repeatable: a crash during recovery changes nothing that was found.
 * R3. What is not explained by a crash and cannot be pinned on replicas refuses the start.
 */
import { assert } from "../assert.ts";
import type { ServerId } from "../ids.ts";
import { encodeMarker } from "./batch-codec.ts";
import { LogRefusedError } from "./commit-log.ts";
import type { LogDamage, Lsn, SegmentInfo } from "./commit-log.ts";
import type { LogDirectory } from "./disk.ts";
import { decodeBounds, encodeBounds } from "./log-bounds.ts";
import type { LogBounds } from "./log-bounds.ts";
import {
  BATCH_HEADER_BYTES,
  BOUNDS_NAME,
  SEGMENT_HEADER_BYTES,
  TEMPORARY_SUFFIX,
  segmentName,
  segmentOfName,
} from "./log-format.ts";
import { takeSegmentHeader } from "./segment-header.ts";
import type { SegmentHeader } from "./segment-header.ts";
import { scanSegment } from "./segment-scan.ts";
import type { DeliverRecord, SegmentScan } from "./segment-scan.ts";
import { SegmentWindow } from "./segment-window.ts";

/** Where appending goes on. */
export interface LogTail {
  /** Oldest first; the last is the active one. At least one. */
  readonly segments: readonly SegmentInfo[];
  readonly salt: number;
  readonly nextLsn: Lsn;
  /** Header CRC of the last batch, 0 if there is none. */
  readonly lastCrc: number;
}

export interface RecoveredLog {
  readonly tail: LogTail;
  readonly damage: readonly LogDamage[];
  readonly repairedTornTail: boolean;
}

const REJOIN =
  "Put the missing file back, or start the server with an empty data directory: " +
  "it joins under a new id and its replicas are rebuilt from the others.";

function refusal(file: string, problem: string): LogRefusedError {
  return new LogRefusedError(`The commit log cannot be used: ${file}: ${problem}. ${REJOIN}`);
}

/** Null: the directory holds no log. */
export async function recoverLog(
  directory: LogDirectory,
  serverId: ServerId,
  deliver: DeliverRecord,
): Promise<RecoveredLog | null> {
  const names = await directory.list();
  for (const name of names.filter(isTemporary)) await directory.remove(name);
  const present = names
    .map(segmentOfName)
    .filter((segment) => segment !== null)
    .toSorted((a, b) => a - b);
  if (present.length === 0 && !names.includes(BOUNDS_NAME)) return null;

  const bounds = names.includes(BOUNDS_NAME)
    ? await readBounds(directory, serverId)
    : await finishCreation(directory, serverId, present);
  const segments = await trimToBounds(directory, present, bounds);
  const headers: SegmentHeader[] = [];
  for (const segment of segments) headers.push(await readHeader(directory, segment, serverId));
  const recovered = await scanSegments(directory, headers, deliver);
  if (segments.at(-1) !== bounds.last) {
    const last = segments.at(-1) ?? bounds.last;
    await directory.createDurably(BOUNDS_NAME, encodeBounds({ ...bounds, last }));
  }
  return recovered;
}

function isTemporary(name: string): boolean {
  if (!name.endsWith(TEMPORARY_SUFFIX)) return false;
  const target = name.slice(0, -TEMPORARY_SUFFIX.length);
  return target === BOUNDS_NAME || segmentOfName(target) !== null;
}

async function readBounds(directory: LogDirectory, serverId: ServerId): Promise<LogBounds> {
  const bounds = decodeBounds(await directory.readFile(BOUNDS_NAME));
  if (typeof bounds === "string") throw refusal(BOUNDS_NAME, bounds);
  if (bounds.serverId !== serverId) throw foreign(BOUNDS_NAME, bounds.serverId, serverId);
  return bounds;
}

function foreign(file: string, found: ServerId, own: ServerId): LogRefusedError {
  return refusal(file, `it belongs to server ${found}, and this is server ${own}`);
}

/** A crash right after the very first segment was created left it alone and empty. */
async function finishCreation(
  directory: LogDirectory,
  serverId: ServerId,
  present: readonly number[],
): Promise<LogBounds> {
  const bounds = { serverId, first: 1, last: 1 };
  const missing = refusal(BOUNDS_NAME, "the file is missing");
  if (present.length !== 1 || present[0] !== 1) throw missing;
  const header = await readHeader(directory, 1, serverId);
  const scan = await scanSegment(header, windowOn(directory, 1), null, () => undefined);
  if (scan.end !== SEGMENT_HEADER_BYTES || scan.tail !== "clean") throw missing;
  await directory.createDurably(BOUNDS_NAME, encodeBounds(bounds));
  return bounds;
}

/** The log's segments, after deletions that a crash cut short. */
async function trimToBounds(
  directory: LogDirectory,
  present: readonly number[],
  { first, last }: LogBounds,
): Promise<number[]> {
  const segments = present.filter((segment) => segment >= first);
  for (let nth = 0; nth < segments.length || first + nth <= last; nth++) {
    const expected = first + nth;
    const actual = segments[nth];
    if (actual !== expected) throw refusal(segmentName(expected), "the file is missing");
    // One more than bounds name is a creation that a crash cut short.
    if (actual > last + 1) throw refusal(segmentName(actual), "it does not belong to the log");
  }
  for (const segment of present) {
    if (segment < first) await directory.remove(segmentName(segment));
  }
  return segments;
}

async function readHeader(
  directory: LogDirectory,
  segment: number,
  serverId: ServerId,
): Promise<SegmentHeader> {
  const name = segmentName(segment);
  const header = takeSegmentHeader(await directory.readAt(name, 0, SEGMENT_HEADER_BYTES));
  if (typeof header === "string") throw refusal(name, header);
  if (header.serverId !== serverId) throw foreign(name, header.serverId, serverId);
  if (header.segment !== segment) {
    throw refusal(name, `it was written as ${segmentName(header.segment)}`);
  }
  return header;
}

function windowOn(directory: LogDirectory, segment: number): SegmentWindow {
  const name = segmentName(segment);
  return new SegmentWindow((offset, length) => directory.readAt(name, offset, length));
}

async function scanSegments(
  directory: LogDirectory,
  headers: readonly SegmentHeader[],
  deliver: DeliverRecord,
): Promise<RecoveredLog> {
  const damage: LogDamage[] = [];
  const infos: SegmentInfo[] = [];
  let last: SegmentScan | null = null;
  for (const [nth, header] of headers.entries()) {
    const next = headers[nth + 1];
    const window = windowOn(directory, header.segment);
    const scan = await scanSegment(header, window, next?.firstLsn ?? null, deliver);
    if (next !== undefined) checkChain(scan, next);
    damage.push(...scan.damage);
    infos.push({
      segment: header.segment,
      firstLsn: header.firstLsn,
      lastLsn: scan.nextLsn - 1,
      bytes: scan.end,
    });
    last = scan;
  }
  const active = headers.at(-1);
  assert(active !== undefined && last !== null, "a log has at least one segment");
  await rewriteLast(directory, active, last);
  const { nextLsn, lastCrc } = last;
  return {
    tail: { segments: infos, salt: active.salt, nextLsn, lastCrc },
    damage,
    repairedTornTail: last.tail === "torn",
  };
}

function checkChain(scan: SegmentScan, next: SegmentHeader): void {
  const name = segmentName(next.segment);
  if (scan.nextLsn !== next.firstLsn) {
    const found = `the segment before it ends with batch ${scan.nextLsn - 1}`;
    throw refusal(name, `it starts with batch ${next.firstLsn}, but ${found}`);
  }
  if (scan.endIntact && scan.lastCrc !== next.previousCrc) {
    throw refusal(name, "it does not continue the segment before it");
  }
}

/** R1. */
async function rewriteLast(
  directory: LogDirectory,
  header: SegmentHeader,
  scan: SegmentScan,
): Promise<void> {
  const name = segmentName(header.segment);
  const old = await directory.readFile(name);
  const bytes = Buffer.allocUnsafeSlow(scan.end + BATCH_HEADER_BYTES);
  old.copy(bytes, 0, 0, scan.end);
  const stamp = { lsn: scan.nextLsn, durableLsn: scan.nextLsn - 1, salt: header.salt };
  encodeMarker(stamp).copy(bytes, scan.end);
  await directory.createDurably(name, bytes);
}
