/**
 * One command of a tablet's Raft log. Stored on disk and sent between servers: never renumber a kind; a
 * new layout of all is a new format byte.
 *
 * | kind               | what applying it does                                                      |
 * |--------------------|----------------------------------------------------------------------------|
 * | write              | the effects of writes that were evaluated together, with what retries need |
 * | forget-idempotency | deletes those named idempotency records that have expired at its log age   |
 * | drop-tablet        | the tablet answers TABLE_DROPPED from here on                              |
 * | verify             | every replica hashes its rows as of this entry and tells the leader        |
 *
 * P1. `generation` is the one under which the leader evaluated. Apply checks it: under another one the
 *     effects are refused on every replica alike, and evaluated anew.
 * P2. `maxVersion` is the tablet's highest version after the entry, and `age` its log age, also when the entry has no
 *     effects. A late entry may tell an age below the log's, which then stands.
 */
import { unreachable } from "@stele/shared/assert.ts";
import { ByteReader } from "@stele/shared/bytes/byte-reader.ts";
import { ByteWriter } from "@stele/shared/bytes/byte-writer.ts";
import type { Version } from "@stele/shared/ids.ts";
import type { RowEffect } from "./effects.ts";
import { effectSize, readEffect, writeEffect } from "./effect-codec.ts";
import type { LogAge } from "./log-age.ts";

/** Names one idempotency record beside a row. */
export interface IdempotencyName {
  readonly rowKey: Buffer;
  readonly idempotencyKey: string;
}

export interface StoredIdempotency extends IdempotencyName {
  /** As `encodeIdempotencyRecord` gave it. */
  readonly record: Buffer;
}

export interface WriteEntry {
  readonly kind: "write";
  readonly generation: number;
  readonly maxVersion: Version;
  readonly age: LogAge;
  /** Rows that the effects create and remove: keeps the count of rows without reading any. */
  readonly rowsAdded: number;
  readonly rowsRemoved: number;
  /** In order: of two effects on one row the second was evaluated on the result of the first. */
  readonly effects: readonly RowEffect[];
  readonly idempotency: readonly StoredIdempotency[];
  /** As `encodeRetryRecord` gave it. */
  readonly retries: Buffer;
}

export interface ForgetIdempotencyEntry {
  readonly kind: "forget-idempotency";
  readonly generation: number;
  /** Records that expire later are kept: another write may have taken the key meanwhile. */
  readonly age: LogAge;
  readonly records: readonly IdempotencyName[];
}

export interface DropTabletEntry {
  readonly kind: "drop-tablet";
  readonly generation: number;
}

export interface VerifyEntry {
  readonly kind: "verify";
  readonly generation: number;
  /** Chosen by the leader that asks, to match the answers with. */
  readonly verifyId: number;
}

/** What became of a committed entry. `void`: applied without effects, as P1 says. */
export type EntryFate = "effective" | "void";

export type EntryPayload = WriteEntry | ForgetIdempotencyEntry | DropTabletEntry | VerifyEntry;

const FORMAT = 1;
const WRITE = 1;
const FORGET_IDEMPOTENCY = 2;
const DROP_TABLET = 3;
const VERIFY = 4;

export function encodeEntry(entry: EntryPayload): Buffer {
  const writer = new ByteWriter(estimate(entry)).byte(FORMAT);
  switch (entry.kind) {
    case "write":
      writer.byte(WRITE).varint(entry.generation).counter(entry.maxVersion).counter(entry.age);
      writer.varint(entry.rowsAdded).varint(entry.rowsRemoved);
      writer.list(entry.effects, writeEffect);
      writer.list(entry.idempotency, (to, stored) => writeName(to, stored).bytes(stored.record));
      writer.bytes(entry.retries);
      break;
    case "forget-idempotency":
      writer.byte(FORGET_IDEMPOTENCY).varint(entry.generation).counter(entry.age);
      writer.list(entry.records, writeName);
      break;
    case "drop-tablet":
      writer.byte(DROP_TABLET).varint(entry.generation);
      break;
    case "verify":
      writer.byte(VERIFY).varint(entry.generation).varint(entry.verifyId);
      break;
    default:
      unreachable(entry);
  }
  return writer.finish();
}

/** Throws `MalformedFrameError`. Byte strings are views into `payload`. */
export function decodeEntry(payload: Buffer): EntryPayload {
  const reader = new ByteReader(payload);
  const format = reader.byte();
  if (format !== FORMAT) reader.fail(`unknown format ${format} of a tablet's log entry`);
  const entry = readEntry(reader);
  reader.end();
  return entry;
}

function readEntry(reader: ByteReader): EntryPayload {
  const kind = reader.byte();
  const generation = reader.varint();
  switch (kind) {
    case WRITE:
      return readWriteEntry(reader, generation);
    case FORGET_IDEMPOTENCY: {
      const age = reader.counter() as LogAge;
      return { kind: "forget-idempotency", generation, age, records: reader.list(2, readName) };
    }
    case DROP_TABLET:
      return { kind: "drop-tablet", generation };
    case VERIFY:
      return { kind: "verify", generation, verifyId: reader.varint() };
    default:
      return reader.fail(`unknown kind of log entry ${kind}`);
  }
}

function readWriteEntry(reader: ByteReader, generation: number): WriteEntry {
  return {
    kind: "write",
    generation,
    maxVersion: reader.counter() as Version,
    age: reader.counter() as LogAge,
    rowsAdded: reader.varint(),
    rowsRemoved: reader.varint(),
    effects: reader.list(2, readEffect),
    idempotency: reader.list(3, readStored),
    retries: reader.bytes(),
  };
}

function writeName(writer: ByteWriter, name: IdempotencyName): ByteWriter {
  return writer.bytes(name.rowKey).text(name.idempotencyKey);
}

function readName(reader: ByteReader): IdempotencyName {
  return { rowKey: reader.bytes(), idempotencyKey: reader.text() };
}

function readStored(reader: ByteReader): StoredIdempotency {
  return { ...readName(reader), record: reader.bytes() };
}

function estimate(entry: EntryPayload): number {
  if (entry.kind !== "write") return 256;
  let size = 64 + entry.retries.length;
  for (const effect of entry.effects) size += effectSize(effect);
  for (const { rowKey, record } of entry.idempotency) size += 140 + rowKey.length + record.length;
  return size;
}
