/**
 * What a tablet server answers to a row call, in binary.
 *
 * | kind          | meaning                                             | the caller                   |
 * |---------------|-----------------------------------------------------|------------------------------|
 * | written, read,| done; `written` has one outcome a write, in order   | is served                    |
 * | scanned       |                                                     |                              |
 * | failed        | the whole call failed                               | passes it on, may retry      |
 * | not-leader    | this replica does not lead, or stopped meanwhile    | asks the leader, same seqs   |
 * | wrong-range   | another generation, or a key outside                | routes by these descriptors  |
 * | not-here      | no replica of the tablet on this server             | asks the master              |
 * | table-dropped | the tablet's table was dropped                      | resolves the name anew       |
 *
 * `not-here` and `table-dropped` leave no effect of the call's writes. `not-leader` and `wrong-range` tell it
 * by `applied`, `failed` in its error; where nothing is told, an effect is possible. After all of them the
 * writes may be sent again under the same retry numbers.
 */
import { unreachable } from "../assert.ts";
import { ByteReader } from "../bytes/byte-reader.ts";
import { ByteWriter } from "../bytes/byte-writer.ts";
import type { DatabaseErrorBody } from "../errors.ts";
import type { ServerId } from "../ids.ts";
import type { ReadResult, ScanChunk, WriteOutcome } from "../row-operations.ts";
import type { Row } from "../row.ts";
import type { TabletDescriptor } from "../tablet-descriptor.ts";
import {
  readBound,
  readDescriptor,
  readServerId,
  writeBound,
  writeDescriptor,
} from "./descriptor-codec.ts";
import { readError, writeError } from "./error-codec.ts";
import { readRows, writeRows, writeRowsHead } from "./row-codec.ts";
import { readServedBy, writeServedBy } from "./served-by.ts";
import type { ServedBy } from "./served-by.ts";
import { readOutcome, writeOutcome } from "./write-result-codec.ts";

/** `no`: none of the call's writes takes effect by this call. `unknown`: some may have, or may yet. */
export type CallEffect = "no" | "unknown";

export type RowReply =
  | {
      readonly kind: "written";
      readonly servedBy: ServedBy;
      /** One a write, in the order of the call. */
      readonly outcomes: readonly WriteOutcome[];
    }
  | {
      readonly kind: "read";
      readonly servedBy: ServedBy;
      /**
       * One a key, in the order of the call; at least one. Fewer than keys when the rows are large: the
       * caller asks for the others.
       */
      readonly rows: readonly ReadResult[];
    }
  | { readonly kind: "scanned"; readonly servedBy: ServedBy; readonly chunk: ScanChunk }
  | { readonly kind: "failed"; readonly error: DatabaseErrorBody }
  | {
      readonly kind: "not-leader";
      /** The server of the replica that leads, as far as this one knows. */
      readonly leader: ServerId | null;
      readonly descriptor: TabletDescriptor;
      readonly applied: CallEffect;
    }
  | {
      readonly kind: "wrong-range";
      /** The tablet's own descriptor now, and others that this server knows to cover its former range. */
      readonly descriptors: readonly TabletDescriptor[];
      readonly applied: CallEffect;
    }
  | { readonly kind: "not-here" }
  | { readonly kind: "table-dropped" };

const REPLIES_VERSION = 1;
const HEAD_BYTES = 256;
/** Sent on the wire: never renumber. */
const WRITTEN = 1;
const READ = 2;
const SCANNED = 3;
const FAILED = 4;
const NOT_LEADER = 5;
const WRONG_RANGE = 6;
const NOT_HERE = 7;
const TABLE_DROPPED = 8;

export function encodeRowReply(reply: RowReply): Buffer {
  const writer = new ByteWriter(rowReplyEstimate(reply)).byte(REPLIES_VERSION);
  return writeReply(writer, reply).finish();
}

/** Throws `MalformedFrameError`. Byte strings are views into `payload`. */
export function decodeRowReply(payload: Buffer): RowReply {
  const reader = new ByteReader(payload);
  const version = reader.byte();
  if (version !== REPLIES_VERSION) reader.fail(`unknown version ${version} of row replies`);
  const reply = readReply(reader);
  reader.end();
  return reply;
}

/** The beginning of a `read` reply; `rows` rows follow as `row-codec.ts` writes them. */
export function encodeReadHead(servedBy: ServedBy, names: readonly string[], rows: number): Buffer {
  const writer = new ByteWriter(HEAD_BYTES).byte(REPLIES_VERSION);
  return writeRowsHead(writeReadHead(writer, servedBy), names, rows).finish();
}

/** The beginning of a `scanned` reply; `rows` rows follow as `row-codec.ts` writes them. */
export function encodeScanHead(
  servedBy: ServedBy,
  chunk: Omit<ScanChunk, "rows">,
  names: readonly string[],
  rows: number,
): Buffer {
  const writer = new ByteWriter(HEAD_BYTES).byte(REPLIES_VERSION);
  return writeRowsHead(writeScanHead(writer, servedBy, chunk), names, rows).finish();
}

function writeReadHead(writer: ByteWriter, servedBy: ServedBy): ByteWriter {
  return writeServedBy(writer.byte(READ), servedBy);
}

function writeScanHead(
  writer: ByteWriter,
  servedBy: ServedBy,
  chunk: Omit<ScanChunk, "rows">,
): ByteWriter {
  writeServedBy(writer.byte(SCANNED), servedBy).varint(chunk.count);
  return writeBound(writer, chunk.resume);
}

function writeReply(writer: ByteWriter, reply: RowReply): ByteWriter {
  switch (reply.kind) {
    case "written":
      return writeServedBy(writer.byte(WRITTEN), reply.servedBy).list(reply.outcomes, writeOutcome);
    case "read":
      return writeRows(writeReadHead(writer, reply.servedBy), reply.rows);
    case "scanned":
      return writeRows(writeScanHead(writer, reply.servedBy, reply.chunk), reply.chunk.rows);
    case "failed":
      return writeError(writer.byte(FAILED), reply.error);
    case "not-leader":
      writer.byte(NOT_LEADER).flag(reply.leader !== null);
      if (reply.leader !== null) writer.text(reply.leader);
      writeDescriptor(writer, reply.descriptor);
      return writer.flag(reply.applied === "unknown");
    case "wrong-range":
      writer.byte(WRONG_RANGE).list(reply.descriptors, writeDescriptor);
      return writer.flag(reply.applied === "unknown");
    case "not-here":
      return writer.byte(NOT_HERE);
    case "table-dropped":
      return writer.byte(TABLE_DROPPED);
    default:
      return unreachable(reply);
  }
}

function readReply(reader: ByteReader): RowReply {
  const kind = reader.byte();
  switch (kind) {
    case WRITTEN: {
      const servedBy = readServedBy(reader);
      return { kind: "written", servedBy, outcomes: reader.list(1, readOutcome) };
    }
    case READ: {
      const servedBy = readServedBy(reader);
      return { kind: "read", servedBy, rows: readRows(reader) };
    }
    case SCANNED: {
      const servedBy = readServedBy(reader);
      return { kind: "scanned", servedBy, chunk: readChunk(reader) };
    }
    case FAILED:
      return { kind: "failed", error: readError(reader) };
    case NOT_LEADER: {
      const leader = reader.flag() ? readServerId(reader) : null;
      const descriptor = readDescriptor(reader);
      return { kind: "not-leader", leader, descriptor, applied: readEffect(reader) };
    }
    case WRONG_RANGE: {
      const descriptors = reader.list(1, readDescriptor);
      return { kind: "wrong-range", descriptors, applied: readEffect(reader) };
    }
    case NOT_HERE:
      return { kind: "not-here" };
    case TABLE_DROPPED:
      return { kind: "table-dropped" };
    default:
      return reader.fail(`unknown kind of row reply ${kind}`);
  }
}

function readEffect(reader: ByteReader): CallEffect {
  return reader.flag() ? "unknown" : "no";
}

function readChunk(reader: ByteReader): ScanChunk {
  const count = reader.varint();
  const resume = readBound(reader);
  const rows = readRows(reader).filter((row): row is Row => row !== null);
  return { rows, count, resume };
}

/** About the bytes that `encodeRowReply` gives. */
export function rowReplyEstimate(reply: RowReply): number {
  switch (reply.kind) {
    case "written":
      return outcomesEstimate(reply.outcomes);
    case "read":
      return rowsEstimate(reply.rows);
    case "scanned":
      return rowsEstimate(reply.chunk.rows);
    case "failed":
    case "not-leader":
    case "wrong-range":
    case "not-here":
    case "table-dropped":
      return 512;
    default:
      return unreachable(reply);
  }
}

function outcomesEstimate(outcomes: readonly WriteOutcome[]): number {
  let size = 96 + outcomes.length * 24;
  for (const outcome of outcomes) {
    if (outcome.kind === "failed") continue;
    for (const { column, value } of outcome.result.computed) {
      size += 24 + column.family.length + column.qualifier.length + value.length;
    }
  }
  return size;
}

function rowsEstimate(rows: readonly ReadResult[]): number {
  let size = 256;
  for (const row of rows) {
    size += 32 + (row?.key.length ?? 0);
    for (const cell of row?.cells ?? []) size += 24 + cell.qualifier.length + cell.value.length;
  }
  return size;
}
