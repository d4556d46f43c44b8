/**
 * One Raft message in binary. Kinds are numbered for ever: a peer of another version reads them.
 *
 *   message = u8 kind, varint from, varint to, varint term, fields of the kind in the order below
 *   entry   = u8 kind, varint term, bytes payload
 *
 * M1. Only what a peer may say has a number: a local step of the core cannot come from the wire.
 * M2. Entries carry no index: the first follows `prevIndex`, so a gap cannot be written down.
 * M3. Terms reach `MAX_TERM` at most, so that no peer can push a term to the end of the numbers,
 *     and within an append they never fall and never pass the leader's.
 */
import { assert, unreachable } from "../assert.ts";
import type { ByteReader } from "../bytes/byte-reader.ts";
import type { ByteWriter } from "../bytes/byte-writer.ts";
import type { LogIndex, ReplicaId, Term } from "../ids.ts";
import {
  decodeGroupConfig,
  encodeGroupConfig,
  GroupConfigFormatError,
} from "./group-config-codec.ts";
import type { GroupConfig } from "./group-config.ts";
import { MAX_ENTRY_PAYLOAD_BYTES } from "./messages.ts";
import type { AppendReply, Entry, EntryKind, RaftMessage } from "./messages.ts";

export const MAX_TERM = Number.MAX_SAFE_INTEGER - 1;

const KIND_NUMBERS = {
  "pre-vote": 1,
  "pre-vote-reply": 2,
  vote: 3,
  "vote-reply": 4,
  append: 5,
  "append-reply": 6,
  heartbeat: 7,
  "heartbeat-reply": 8,
  snapshot: 9,
  "timeout-now": 10,
} as const satisfies Record<RaftMessage["kind"], number>;

const KINDS = new Map<number, RaftMessage["kind"]>(
  Object.entries(KIND_NUMBERS).map(([kind, number]) => [number, kind as RaftMessage["kind"]]),
);

const ENTRY_KINDS: readonly EntryKind[] = ["empty", "config", "command"];
/** u8 kind, varint term, varint length of the payload. */
const LEAST_ENTRY_BYTES = 3;

interface Addressed {
  readonly from: ReplicaId;
  readonly to: ReplicaId;
  readonly term: Term;
}

export function writeRaftMessage(writer: ByteWriter, message: RaftMessage): void {
  writer.byte(KIND_NUMBERS[message.kind]);
  writer.varint(message.from).varint(message.to).varint(message.term);
  switch (message.kind) {
    case "pre-vote":
      writer.varint(message.lastIndex).varint(message.lastTerm);
      return;
    case "vote":
      writer.varint(message.lastIndex).varint(message.lastTerm).flag(message.transfer);
      return;
    case "pre-vote-reply":
    case "vote-reply":
      writer.flag(message.granted);
      return;
    case "append":
      writer.varint(message.prevIndex).varint(message.prevTerm).varint(message.commit);
      writeEntries(writer, message.prevIndex, message.entries);
      return;
    case "append-reply":
      writeOutcome(writer, message.outcome);
      return;
    case "heartbeat":
      writer.varint(message.commit).varint(message.round);
      return;
    case "heartbeat-reply":
      writer.varint(message.round);
      return;
    case "snapshot":
      writer.varint(message.index).varint(message.indexTerm).varint(message.configIndex);
      writer.bytes(encodeGroupConfig(message.config));
      return;
    case "timeout-now":
      return;
    default:
      unreachable(message);
  }
}

/** Throws `MalformedFrameError`. */
export function readRaftMessage(reader: ByteReader): RaftMessage {
  const number = reader.byte();
  const kind = KINDS.get(number) ?? reader.fail(`unknown kind of Raft message ${number}`);
  const from = reader.varint() as ReplicaId;
  const to = reader.varint() as ReplicaId;
  const addressed = { from, to, term: readTerm(reader) };
  switch (kind) {
    case "pre-vote":
      return { kind, ...addressed, lastIndex: readIndex(reader), lastTerm: readTerm(reader) };
    case "vote": {
      const last = { lastIndex: readIndex(reader), lastTerm: readTerm(reader) };
      return { kind, ...addressed, ...last, transfer: reader.flag() };
    }
    case "pre-vote-reply":
    case "vote-reply":
      return { kind, ...addressed, granted: reader.flag() };
    case "append":
      return readAppend(reader, addressed);
    case "append-reply":
      return { kind, ...addressed, outcome: readOutcome(reader) };
    case "heartbeat":
      return { kind, ...addressed, commit: readIndex(reader), round: reader.varint() };
    case "heartbeat-reply":
      return { kind, ...addressed, round: reader.varint() };
    case "snapshot": {
      const position = { index: readIndex(reader), indexTerm: readTerm(reader) };
      const configIndex = readIndex(reader);
      return { kind, ...addressed, ...position, configIndex, config: readConfig(reader) };
    }
    case "timeout-now":
      return { kind, ...addressed };
    default:
      return unreachable(kind);
  }
}

function writeEntries(writer: ByteWriter, prevIndex: LogIndex, entries: readonly Entry[]): void {
  let expected: number = prevIndex;
  writer.list(entries, (_, { index, term, kind, payload }) => {
    expected++;
    assert(index === expected, () => `entry ${index} where ${expected} belongs`);
    writer.byte(ENTRY_KINDS.indexOf(kind)).varint(term).bytes(payload);
  });
}

function readAppend(reader: ByteReader, addressed: Addressed): RaftMessage {
  const prevIndex = readIndex(reader);
  const prevTerm = readTerm(reader);
  const commit = readIndex(reader);
  let index: number = prevIndex;
  let term = prevTerm;
  const entries = reader.list(LEAST_ENTRY_BYTES, (): Entry => {
    const kindNumber = reader.byte();
    const kind = ENTRY_KINDS[kindNumber] ?? reader.fail(`unknown kind of entry ${kindNumber}`);
    const before = term;
    term = readTerm(reader);
    if (term < before) reader.fail(`an entry of term ${term} behind term ${before}`);
    index++;
    if (index > Number.MAX_SAFE_INTEGER) reader.fail("an entry passes the last index");
    const payload = reader.bytes();
    if (payload.length > MAX_ENTRY_PAYLOAD_BYTES)
      reader.fail(`an entry of ${payload.length} bytes`);
    return { index: index as LogIndex, term, kind, payload };
  });
  if (term > addressed.term) reader.fail(`a leader of term ${addressed.term} sends term ${term}`);
  return { kind: "append", ...addressed, prevIndex, prevTerm, commit, entries };
}

function writeOutcome(writer: ByteWriter, outcome: AppendReply["outcome"]): void {
  writer.flag(outcome.kind === "accepted");
  if (outcome.kind === "accepted") writer.varint(outcome.match);
  else writer.varint(outcome.prevIndex).varint(outcome.hintIndex).varint(outcome.hintTerm);
}

function readOutcome(reader: ByteReader): AppendReply["outcome"] {
  if (reader.flag()) return { kind: "accepted", match: readIndex(reader) };
  return {
    kind: "rejected",
    prevIndex: readIndex(reader),
    hintIndex: readIndex(reader),
    hintTerm: readTerm(reader),
  };
}

function readConfig(reader: ByteReader): GroupConfig {
  try {
    return decodeGroupConfig(reader.bytes());
  } catch (error) {
    if (error instanceof GroupConfigFormatError) reader.fail(error.message);
    throw error;
  }
}

function readTerm(reader: ByteReader): Term {
  const value = reader.varint();
  if (value > MAX_TERM) reader.fail(`a term of ${value}`);
  return value as Term;
}

const readIndex = (reader: ByteReader): LogIndex => reader.varint() as LogIndex;
