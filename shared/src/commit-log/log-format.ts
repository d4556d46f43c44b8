/**
 * The commit log on disk: every constant of its format. Stored on disk: never renumber. The layout is
 * explained in docs/STORAGE_FORMAT.md. All integers are little-endian, CRCs are CRC-32 (zlib).
 *
 * Files: `segment-0000000001.log` and so on, without a gap, and `bounds`, which names the first and
 * the last of them, so that a deleted end of the log is noticed as well as a hole in it.
 *
 * F1. A batch starts at a multiple of 8, so that its 8-byte words never tear across sectors.
 * F2. Batches of a segment carry its salt; a file's bytes are never used again under another salt.
 * F3. LSNs of consecutive batches are consecutive, across segments too.
 */
import { MAX_ENTRY_PAYLOAD_BYTES } from "../raft/messages.ts";

export const FORMAT_VERSION = 1;

// --- names ---------------------------------------------------------------------------------------

export const BOUNDS_NAME = "bounds";
/** Suffix of a file that is not yet in place; left behind only by a crash. */
export const TEMPORARY_SUFFIX = ".tmp";

const SEGMENT_NAME = /^segment-(\d{10,16})\.log$/;

export function segmentName(segment: number): string {
  return `segment-${String(segment).padStart(10, "0")}.log`;
}

/** Null: not the name of a segment. */
export function segmentOfName(name: string): number | null {
  const segment = Number(SEGMENT_NAME.exec(name)?.[1] ?? Number.NaN);
  return Number.isSafeInteger(segment) && segmentName(segment) === name ? segment : null;
}

// --- segment header ------------------------------------------------------------------------------

/** A page of its own: writing batches never rewrites the page that holds the header. */
export const SEGMENT_HEADER_BYTES = 4096;
export const SEGMENT_MAGIC = 0x5354454c; // "LETS" in the file, "STEL" as a number
/** Used bytes of the header; zeros behind. */
export const SEGMENT_HEADER_USED_BYTES = 64;

export const SEGMENT_HEADER = {
  magic: 0, // u32
  crc: 4, // u32, of the bytes [8, 64)
  version: 8, // u32
  salt: 12, // u32
  serverId: 16, // 16 bytes
  segment: 32, // u64
  firstLsn: 40, // u64
  previousCrc: 48, // u32: header CRC of the last batch before this segment, 0 if there is none
} as const;

// --- bounds --------------------------------------------------------------------------------------

export const BOUNDS_MAGIC = 0x53544542; // "BETS" in the file
export const BOUNDS_BYTES = 48;

export const BOUNDS = {
  magic: 0, // u32
  crc: 4, // u32, of the bytes [8, 48)
  version: 8, // u32, then 4 zero bytes
  serverId: 16, // 16 bytes
  first: 32, // u64: every segment below is free
  last: 40, // u64: no batch was acknowledged from a segment above
} as const;

// --- batch ---------------------------------------------------------------------------------------

export const BATCH_ALIGNMENT = 8;
export const BATCH_HEADER_BYTES = 40;
/** Also what recovery may have to hold at once. */
export const MAX_BATCH_BYTES = 64 * 1024 * 1024;
/** An entry's payload, or a record's state. */
export const MAX_PAYLOAD_BYTES = MAX_ENTRY_PAYLOAD_BYTES;
export const MAX_BATCH_RECORDS = 65_535;

export const BATCH_HEADER = {
  crc: 0, // u32, of the bytes [4, 40)
  length: 4, // u32: header, table, payload and padding
  lsn: 8, // u64
  durableLsn: 16, // u64: every batch up to it was durable when this one was written
  salt: 24, // u32
  recordCount: 28, // u32; 0: an idle marker, which the next batch overwrites
  tableCrc: 32, // u32
  payloadCrc: 36, // u32, padding included
} as const;

/** The table names what a batch holds, under a CRC apart from that of the payload. */
export const TABLE_ROW_BYTES = 40;

export const TABLE_ROW = {
  entryCount: 0, // 3 bytes: number of entries, 0 but for entries records
  kind: 3, // u8
  payloadLength: 4, // u32; the records' payloads follow each other without a gap
  tabletId: 8, // u64
  replicaId: 16, // u64
  index: 24, // u64
  term: 32, // u64
} as const;

export const MAX_ENTRIES_PER_RECORD = 0xff_ffff;

// --- entry ---------------------------------------------------------------------------------------

/** In front of each entry's payload, so that it can be checked without its batch. */
export const ENTRY_HEADER_BYTES = 24;

export const ENTRY_HEADER = {
  crc: 0, // u32, of the rest of the header and the payload, started from the CRC of the owner
  length: 4, // u32
  index: 8, // u64
  termLow: 16, // u32
  termHigh: 20, // 3 bytes
  kind: 23, // u8
} as const;

/** The owner, whose CRC starts an entry's: tablet id and replica id, 8 bytes each. */
export const ENTRY_OWNER_BYTES = 16;

// --- kinds ---------------------------------------------------------------------------------------

export const RECORD_KIND = {
  entries: 1,
  "hard-state": 2,
  "replica-created": 3,
  "snapshot-installed": 4,
  tombstone: 5,
} as const;

export const ENTRY_KIND = { empty: 1, config: 2, command: 3 } as const;

// --- integers ------------------------------------------------------------------------------------

/** @param value an integer in [0, 2^53) */
export function putU64(bytes: Buffer, at: number, value: number): void {
  bytes.writeUInt32LE(value >>> 0, at);
  bytes.writeUInt32LE(Math.floor(value / 0x1_0000_0000), at + 4);
}

/** May be 2^53 or more if the bytes were not written by `putU64`. */
export function takeU64(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at + 4) * 0x1_0000_0000 + bytes.readUInt32LE(at);
}

export function aligned(length: number): number {
  return Math.ceil(length / BATCH_ALIGNMENT) * BATCH_ALIGNMENT;
}
