/**
 * One record of a batch in binary: a row of the batch's table, and a payload. What the row and the
 * entry headers hold is laid down in log-format.ts.
 *
 * C1. Encoding allocates nothing: the caller measures, allocates the batch once, and passes it in.
 * C2. Decoding trusts no byte. It gives null for anything that the encoder would not have written,
 *     and copies only states, votes and config payloads.
 */
import { crc32 } from "node:zlib";
import { assert, unreachable } from "../assert.ts";
import type { LogIndex, ReplicaId, TabletId, Term } from "../ids.ts";
import type { Entry, EntryKind } from "../raft/messages.ts";
import type { EntryLocation } from "./commit-log.ts";
import {
  ENTRY_HEADER,
  ENTRY_HEADER_BYTES,
  ENTRY_KIND,
  ENTRY_OWNER_BYTES,
  MAX_ENTRIES_PER_RECORD,
  MAX_PAYLOAD_BYTES,
  RECORD_KIND,
  TABLE_ROW,
  putU64,
  takeU64,
} from "./log-format.ts";
import type { LogRecord } from "./records.ts";

type RecordKind = LogRecord["kind"];

const VOTE_BYTES = 8;
const NO_BYTES = Buffer.alloc(0);

const recordKindOf = new Map<number, RecordKind>(
  Object.entries(RECORD_KIND).map(([kind, number]) => [number, kind as RecordKind]),
);
const entryKindOf = new Map<number, EntryKind>(
  Object.entries(ENTRY_KIND).map(([kind, number]) => [number, kind as EntryKind]),
);

/** A place in a segment file: what the locations of entries are counted from. */
export interface SegmentPlace {
  readonly segment: number;
  readonly offset: number;
}

// --- encoding ------------------------------------------------------------------------------------

/** Bytes of the record's payload; asserts that the record may be written. */
export function recordPayloadBytes(record: LogRecord): number {
  switch (record.kind) {
    case "entries":
      return entriesBytes(record.entries);
    case "hard-state":
      return record.hardState.vote === null ? 0 : VOTE_BYTES;
    case "replica-created":
    case "snapshot-installed":
    case "tombstone":
      assert(record.state.length <= MAX_PAYLOAD_BYTES, "a record's state exceeds the limit");
      return record.state.length;
    default:
      return unreachable(record);
  }
}

function entriesBytes(entries: readonly Entry[]): number {
  const first = entries[0];
  assert(first !== undefined, "an entries record without an entry");
  assert(entries.length <= MAX_ENTRIES_PER_RECORD, "an entries record with too many entries");
  let bytes = 0;
  let index: number = first.index;
  let term: number = first.term;
  for (const entry of entries) {
    assert(entry.index === index, () => `entry ${entry.index} where ${index} should follow`);
    assert(entry.term >= term, () => `entry ${entry.index} of term ${entry.term} after ${term}`);
    assert(entry.payload.length <= MAX_PAYLOAD_BYTES, "an entry exceeds the limit");
    bytes += ENTRY_HEADER_BYTES + entry.payload.length;
    index++;
    term = entry.term;
  }
  return bytes;
}

/**
 * Writes the row at `rowAt` and the payload at `payloadAt` of `batch`, which lies at `place` in its
 * file; adds the locations of entries to `locations`. Gives the offset behind the payload.
 */
export function putRecord(
  record: LogRecord,
  batch: Buffer,
  rowAt: number,
  payloadAt: number,
  place: SegmentPlace,
  locations: EntryLocation[],
): number {
  let index: number = 0;
  let term: number = 0;
  let entryCount = 0;
  let end = payloadAt;
  switch (record.kind) {
    case "entries":
      index = record.entries[0]?.index ?? 0;
      term = record.entries.at(-1)?.term ?? 0;
      entryCount = record.entries.length;
      end = putEntries(record, record.entries, batch, payloadAt, place, locations);
      break;
    case "hard-state":
      index = record.hardState.commit;
      term = record.hardState.term;
      if (record.hardState.vote !== null) {
        putU64(batch, payloadAt, record.hardState.vote);
        end += VOTE_BYTES;
      }
      break;
    case "snapshot-installed":
      index = record.index;
      term = record.term;
      end += record.state.copy(batch, payloadAt);
      break;
    case "replica-created":
    case "tombstone":
      end += record.state.copy(batch, payloadAt);
      break;
    default:
      unreachable(record);
  }
  batch.writeUInt32LE(
    ((RECORD_KIND[record.kind] << 24) | entryCount) >>> 0,
    rowAt + TABLE_ROW.entryCount,
  );
  batch.writeUInt32LE(end - payloadAt, rowAt + TABLE_ROW.payloadLength);
  putU64(batch, rowAt + TABLE_ROW.tabletId, record.tabletId);
  putU64(batch, rowAt + TABLE_ROW.replicaId, record.replicaId);
  putU64(batch, rowAt + TABLE_ROW.index, index);
  putU64(batch, rowAt + TABLE_ROW.term, term);
  return end;
}

function putEntries(
  owner: EntryOwner,
  entries: readonly Entry[],
  batch: Buffer,
  payloadAt: number,
  place: SegmentPlace,
  locations: EntryLocation[],
): number {
  const ownerCrc = crcOfOwner(owner);
  let at = payloadAt;
  for (const { index, term, kind, payload } of entries) {
    const length = payload.length;
    const start = at + ENTRY_HEADER_BYTES;
    const end = start + length;
    batch.writeUInt32LE(length, at + ENTRY_HEADER.length);
    putU64(batch, at + ENTRY_HEADER.index, index);
    // The term takes 53 bits of a word, and the kind its highest byte.
    putU64(batch, at + ENTRY_HEADER.termLow, term);
    batch[at + ENTRY_HEADER.kind] = ENTRY_KIND[kind];
    payload.copy(batch, start);
    const checked = batch.subarray(at + ENTRY_HEADER.length, end);
    batch.writeUInt32LE(crc32(checked, ownerCrc), at + ENTRY_HEADER.crc);
    locations.push({ segment: place.segment, offset: place.offset + start, length });
    at = end;
  }
  return at;
}

// --- decoding ------------------------------------------------------------------------------------

export interface TableRow {
  readonly kind: RecordKind;
  readonly entryCount: number;
  readonly payloadLength: number;
  readonly tabletId: TabletId;
  readonly replicaId: ReplicaId;
  readonly index: LogIndex;
  readonly term: Term;
}

/** @param at a row lies wholly within `batch` there */
export function takeRow(batch: Buffer, at: number): TableRow | null {
  const word = batch.readUInt32LE(at + TABLE_ROW.entryCount);
  const kind = recordKindOf.get(word >>> 24);
  const entryCount = word & 0xff_ffff;
  const tabletId = takeU64(batch, at + TABLE_ROW.tabletId);
  const replicaId = takeU64(batch, at + TABLE_ROW.replicaId);
  const index = takeU64(batch, at + TABLE_ROW.index);
  const term = takeU64(batch, at + TABLE_ROW.term);
  if (kind === undefined || (kind === "entries") !== entryCount > 0) return null;
  if (![tabletId, replicaId, index + entryCount, term].every(Number.isSafeInteger)) return null;
  return {
    kind,
    entryCount,
    payloadLength: batch.readUInt32LE(at + TABLE_ROW.payloadLength),
    tabletId: tabletId as TabletId,
    replicaId: replicaId as ReplicaId,
    index: index as LogIndex,
    term: term as Term,
  };
}

/**
 * The record whose payload is exactly `payload`, which lies at `place`. Entries come with empty
 * payloads, config entries with theirs; their locations are added to `locations`.
 */
export function takeRecord(
  row: TableRow,
  payload: Buffer,
  place: SegmentPlace,
  locations: EntryLocation[],
): LogRecord | null {
  const { kind, tabletId, replicaId, index, term } = row;
  switch (kind) {
    case "entries": {
      const entries = takeEntries(row, payload, place, locations);
      return entries === null ? null : { kind, tabletId, replicaId, entries };
    }
    case "hard-state": {
      const vote = takeVote(payload);
      if (vote === undefined) return null;
      return { kind, tabletId, replicaId, hardState: { term, vote, commit: index } };
    }
    case "snapshot-installed":
      return { kind, tabletId, replicaId, index, term, state: Buffer.from(payload) };
    case "replica-created":
    case "tombstone":
      return { kind, tabletId, replicaId, state: Buffer.from(payload) };
    default:
      return unreachable(kind);
  }
}

function takeVote(payload: Buffer): ReplicaId | null | undefined {
  if (payload.length === 0) return null;
  if (payload.length !== VOTE_BYTES) return undefined;
  const vote = takeU64(payload, 0);
  return Number.isSafeInteger(vote) ? (vote as ReplicaId) : undefined;
}

function takeEntries(
  row: TableRow,
  payload: Buffer,
  place: SegmentPlace,
  locations: EntryLocation[],
): Entry[] | null {
  if (row.entryCount * ENTRY_HEADER_BYTES > payload.length) return null;
  const entries: Entry[] = [];
  let at = 0;
  for (let nth = 0; nth < row.entryCount; nth++) {
    const header = takeEntryHeader(payload, at);
    if (header === null || header.index !== row.index + nth) return null;
    const start = at + ENTRY_HEADER_BYTES;
    at = start + header.length;
    if (at > payload.length) return null;
    entries.push({
      index: header.index,
      term: header.term,
      kind: header.kind,
      payload: header.kind === "config" ? Buffer.from(payload.subarray(start, at)) : NO_BYTES,
    });
    locations.push({
      segment: place.segment,
      offset: place.offset + start,
      length: header.length,
    });
  }
  return at === payload.length ? entries : null;
}

interface EntryHeader {
  readonly length: number;
  readonly index: LogIndex;
  readonly term: Term;
  readonly kind: EntryKind;
}

function takeEntryHeader(bytes: Buffer, at: number): EntryHeader | null {
  if (at + ENTRY_HEADER_BYTES > bytes.length) return null;
  const kind = entryKindOf.get(bytes[at + ENTRY_HEADER.kind] ?? 0);
  const index = takeU64(bytes, at + ENTRY_HEADER.index);
  const termHigh = bytes.readUIntLE(at + ENTRY_HEADER.termHigh, 3);
  const term = termHigh * 0x1_0000_0000 + bytes.readUInt32LE(at + ENTRY_HEADER.termLow);
  if (kind === undefined || !Number.isSafeInteger(index) || !Number.isSafeInteger(term)) {
    return null;
  }
  const length = bytes.readUInt32LE(at + ENTRY_HEADER.length);
  return { length, index: index as LogIndex, term: term as Term, kind };
}

// --- one entry alone -----------------------------------------------------------------------------

export interface EntryOwner {
  readonly tabletId: TabletId;
  readonly replicaId: ReplicaId;
}

const ownerBytes = Buffer.alloc(ENTRY_OWNER_BYTES);

/** Started from the owner, an entry's CRC fails for every other replica, without storing its ids. */
function crcOfOwner({ tabletId, replicaId }: EntryOwner): number {
  putU64(ownerBytes, 0, tabletId);
  putU64(ownerBytes, 8, replicaId);
  return crc32(ownerBytes);
}

/**
 * Whether `bytes`, an entry's header and payload, are entry `index` of `owner` as it was appended,
 * with a payload of `length` bytes.
 */
export function isEntryIntact(
  bytes: Buffer,
  owner: EntryOwner,
  index: LogIndex,
  length: number,
): boolean {
  if (bytes.length !== ENTRY_HEADER_BYTES + length) return false;
  const header = takeEntryHeader(bytes, 0);
  if (header === null || header.index !== index || header.length !== length) return false;
  const crc = crc32(bytes.subarray(ENTRY_HEADER.length), crcOfOwner(owner));
  return crc === bytes.readUInt32LE(ENTRY_HEADER.crc);
}
