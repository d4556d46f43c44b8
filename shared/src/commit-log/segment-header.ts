/**
 * The first page of a segment: whose log it is, where it belongs in it, and the salt of its batches.
 *
 * H1. `previousCrc` ties a segment to the last batch before it, so that a segment restored from an old
 *     copy or taken from another history does not pass for this one.
 */
import { crc32 } from "node:zlib";
import { assert } from "../assert.ts";
import type { ServerId } from "../ids.ts";
import type { Lsn } from "./commit-log.ts";
import {
  FORMAT_VERSION,
  SEGMENT_HEADER,
  SEGMENT_HEADER_BYTES,
  SEGMENT_HEADER_USED_BYTES,
  SEGMENT_MAGIC,
  putU64,
  takeU64,
} from "./log-format.ts";
import { putServerId, takeServerId } from "./server-id-bytes.ts";

export interface SegmentHeader {
  readonly serverId: ServerId;
  readonly segment: number;
  /** The LSN of the segment's first batch, written or not. */
  readonly firstLsn: Lsn;
  readonly salt: number;
  readonly previousCrc: number;
}

/** Fills the first `SEGMENT_HEADER_BYTES` of `bytes`, which must be zero. */
export function putSegmentHeader(bytes: Buffer, header: SegmentHeader): void {
  assert(bytes.length >= SEGMENT_HEADER_BYTES, "a segment header takes a page");
  bytes.writeUInt32LE(SEGMENT_MAGIC, SEGMENT_HEADER.magic);
  bytes.writeUInt32LE(FORMAT_VERSION, SEGMENT_HEADER.version);
  bytes.writeUInt32LE(header.salt, SEGMENT_HEADER.salt);
  putServerId(bytes, SEGMENT_HEADER.serverId, header.serverId);
  putU64(bytes, SEGMENT_HEADER.segment, header.segment);
  putU64(bytes, SEGMENT_HEADER.firstLsn, header.firstLsn);
  bytes.writeUInt32LE(header.previousCrc, SEGMENT_HEADER.previousCrc);
  bytes.writeUInt32LE(checksum(bytes), SEGMENT_HEADER.crc);
}

/** A text says what is wrong with the bytes. */
export function takeSegmentHeader(bytes: Buffer): SegmentHeader | string {
  if (bytes.length < SEGMENT_HEADER_BYTES) return "it is shorter than a segment header";
  if (bytes.readUInt32LE(SEGMENT_HEADER.magic) !== SEGMENT_MAGIC) {
    return "it does not start like a segment";
  }
  if (bytes.readUInt32LE(SEGMENT_HEADER.crc) !== checksum(bytes)) {
    return "its header fails its checksum";
  }
  const version = bytes.readUInt32LE(SEGMENT_HEADER.version);
  if (version !== FORMAT_VERSION) {
    return `it has format version ${version}, and this program reads version ${FORMAT_VERSION}`;
  }
  const firstLsn = takeU64(bytes, SEGMENT_HEADER.firstLsn);
  if (!Number.isSafeInteger(firstLsn) || firstLsn < 1) return `its first LSN is ${firstLsn}`;
  return {
    serverId: takeServerId(bytes, SEGMENT_HEADER.serverId),
    segment: takeU64(bytes, SEGMENT_HEADER.segment),
    firstLsn,
    salt: bytes.readUInt32LE(SEGMENT_HEADER.salt),
    previousCrc: bytes.readUInt32LE(SEGMENT_HEADER.previousCrc),
  };
}

function checksum(bytes: Buffer): number {
  return crc32(bytes.subarray(SEGMENT_HEADER.version, SEGMENT_HEADER_USED_BYTES));
}
