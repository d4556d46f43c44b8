/**
 * What a front-end asks of a tablet, in binary. Every call names the tablet and the generation that the
 * caller routed by; `row-replies.ts` holds the answers.
 *
 * | kind  | carries                                    | lost or repeated                              |
 * |-------|--------------------------------------------|-----------------------------------------------|
 * | write | writes of rows, each with its retry number | may be sent again, by any grouping: each      |
 * |       |                                            | write takes effect once (C1)                  |
 * | read  | 1..n keys and one projection; the reply    | harmless                                      |
 * |       | may have the rows of the first keys only   |                                               |
 * | scan  | one range of keys, limits, a projection    | harmless                                      |
 *
 * C1. A write is named by (sequenceId, seq) for as long as its front-end tries it, also after a split put the
 *     writes of one call into different tablets. So each write of a call has its own `seq`.
 * C2. `doneBelow`: every seq of the sequence below it is settled or given up; nobody will ask for it again.
 *     A front-end numbers the writes of each tablet in a sequence of its own, so that a tablet that hangs
 *     does not make others keep results. `retired` tells the same of sequences that it had before.
 * C3. An attempt that was never answered may arrive after a later one was. A call that may be overtaken by such
 *     strays says so, and the tablet keeps what it answers also where nothing changed.
 * C4. Writes of one row in one call apply in the order given, rows in any order.
 */
import { unreachable } from "../assert.ts";
import { ByteReader } from "../bytes/byte-reader.ts";
import { ByteWriter } from "../bytes/byte-writer.ts";
import type { TabletId } from "../ids.ts";
import type { Projection, RowWrite, ScanRequest } from "../row-operations.ts";
import {
  readProjection,
  readScanRequest,
  writeProjection,
  writeScanRequest,
} from "./read-codec.ts";
import { readRowWrite, rowWriteEstimate, writeRowWrite } from "./row-write-codec.ts";

interface ToTablet {
  readonly tabletId: TabletId;
  /** As in the descriptor that the caller routed by. */
  readonly generation: number;
}

/** One row write with the number under which its front-end retries it; numbers are never used twice. */
export interface NumberedWrite {
  readonly seq: number;
  readonly write: RowWrite;
}

/** How far a front-end is with the writes of one sequence of retry numbers. */
export interface SequenceProgress {
  /** 64 random bits, drawn when a front-end process begins the sequence. */
  readonly sequenceId: bigint;
  readonly doneBelow: number;
}

export interface WriteCall extends ToTablet {
  readonly kind: "write";
  /** The sequence that all numbers of the call belong to. */
  readonly sequenceId: bigint;
  readonly doneBelow: number;
  /** A few at most. */
  readonly retired: readonly SequenceProgress[];
  /** An earlier attempt of one of its writes was sent and not answered: it may yet arrive (C3). */
  readonly hasStrays: boolean;
  readonly writes: readonly NumberedWrite[];
}

export interface ReadCall extends ToTablet {
  readonly kind: "read";
  /** At least one; may repeat. */
  readonly keys: readonly Buffer[];
  readonly projection: Projection;
}

export interface ScanCall extends ToTablet {
  readonly kind: "scan";
  readonly scan: ScanRequest;
}

export type RowCall = WriteCall | ReadCall | ScanCall;

const CALLS_VERSION = 1;
/** Sent on the wire: never renumber. */
const WRITE = 1;
const READ = 2;
const SCAN = 3;

/** Throws 400 INVALID_REQUEST for a predicate that nests too deep. */
export function encodeRowCall(call: RowCall): Buffer {
  const writer = new ByteWriter(estimate(call)).byte(CALLS_VERSION);
  switch (call.kind) {
    case "write":
      writeProgress(writeTarget(writer, WRITE, call), call);
      writer.list(call.retired, writeProgress).flag(call.hasStrays);
      writer.list(call.writes, writeNumbered);
      break;
    case "read":
      writeTarget(writer, READ, call);
      writeProjection(writer, call.projection);
      writer.list(call.keys, (to, key) => to.bytes(key));
      break;
    case "scan":
      writeTarget(writer, SCAN, call);
      writeScanRequest(writer, call.scan);
      break;
    default:
      unreachable(call);
  }
  return writer.finish();
}

/** Throws `MalformedFrameError`. Byte strings are views into `payload`. */
export function decodeRowCall(payload: Buffer): RowCall {
  const reader = new ByteReader(payload);
  const version = reader.byte();
  if (version !== CALLS_VERSION) reader.fail(`unknown version ${version} of row calls`);
  const call = readCall(reader);
  reader.end();
  return call;
}

function readCall(reader: ByteReader): RowCall {
  const kind = reader.byte();
  const tabletId = reader.varint() as TabletId;
  const generation = reader.varint();
  switch (kind) {
    case WRITE: {
      const progress = readProgress(reader);
      const retired = reader.list(9, readProgress);
      const hasStrays = reader.flag();
      const writes = reader.list(2, readNumbered);
      return { kind: "write", tabletId, generation, ...progress, retired, hasStrays, writes };
    }
    case READ: {
      const projection = readProjection(reader);
      const keys = reader.list(1, (from) => from.bytes());
      return { kind: "read", tabletId, generation, keys, projection };
    }
    case SCAN:
      return { kind: "scan", tabletId, generation, scan: readScanRequest(reader) };
    default:
      return reader.fail(`unknown kind of row call ${kind}`);
  }
}

function writeTarget(writer: ByteWriter, kind: number, target: ToTablet): ByteWriter {
  return writer.byte(kind).varint(target.tabletId).varint(target.generation);
}

function writeProgress(writer: ByteWriter, { sequenceId, doneBelow }: SequenceProgress): void {
  writer.u64(sequenceId).varint(doneBelow);
}

function readProgress(reader: ByteReader): SequenceProgress {
  return { sequenceId: reader.u64(), doneBelow: reader.varint() };
}

function writeNumbered(writer: ByteWriter, numbered: NumberedWrite): void {
  writer.varint(numbered.seq);
  writeRowWrite(writer, numbered.write);
}

function readNumbered(reader: ByteReader): NumberedWrite {
  return { seq: reader.varint(), write: readRowWrite(reader) };
}

function estimate(call: RowCall): number {
  switch (call.kind) {
    case "write":
      return call.writes.reduce((size, { write }) => size + rowWriteEstimate(write), 48);
    case "read":
      return call.keys.reduce((size, key) => size + 2 + key.length, 128);
    case "scan":
      return 256;
    default:
      return unreachable(call);
  }
}
