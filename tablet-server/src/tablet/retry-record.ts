/**
 * What one log entry adds to the memory of front-ends' retries: outcomes by (sequenceId, seq), and up to where
 * front-ends are done with each sequence. The entry carries it as bytes, and the same bytes are stored as one record per
 * entry for as long as one of its outcomes may be asked for.
 *
 *   record = u32 crc, u8 format, u64 log age, sequence*
 *   sequence = u64 sequenceId, varint doneBelow, (varint seq, outcome)*
 *   crc    = CRC32 of everything behind it
 */
import { crc32 } from "node:zlib";
import { ByteReader } from "@stele/shared/bytes/byte-reader.ts";
import { ByteWriter } from "@stele/shared/bytes/byte-writer.ts";
import { MalformedFrameError } from "@stele/shared/bytes/malformed-frame-error.ts";
import type { WriteOutcome } from "@stele/shared/row-operations.ts";
import { readOutcome, writeOutcome } from "@stele/shared/wire/write-result-codec.ts";
import type { LogAge } from "./log-age.ts";

export interface RetryOutcome {
  readonly seq: number;
  readonly outcome: WriteOutcome;
}

export interface SequenceOutcomes {
  /** Names one sequence of a front-end's retry numbers; 64 bits. */
  readonly sequenceId: bigint;
  /** Every seq below is settled or given up: nobody will ask for it again. */
  readonly doneBelow: number;
  readonly outcomes: readonly RetryOutcome[];
}

export interface RetryRecord {
  /** The entry's. */
  readonly age: LogAge;
  readonly sequences: readonly SequenceOutcomes[];
}

const FORMAT = 1;
const CRC_BYTES = 4;

export function encodeRetryRecord(record: RetryRecord): Buffer {
  const writer = new ByteWriter(512);
  writer.u32(0).byte(FORMAT).counter(record.age).list(record.sequences, writeSequence);
  const bytes = writer.finish();
  bytes.writeUInt32BE(crc32(bytes.subarray(CRC_BYTES)), 0);
  return bytes;
}

/** Throws `MalformedFrameError` for bytes that are damaged. Outcomes are views into `bytes`. */
export function decodeRetryRecord(bytes: Buffer): RetryRecord {
  if (bytes.length < CRC_BYTES || crc32(bytes.subarray(CRC_BYTES)) !== bytes.readUInt32BE(0)) {
    throw new MalformedFrameError("the checksum of a retry record is wrong");
  }
  const reader = new ByteReader(bytes, CRC_BYTES);
  const format = reader.byte();
  if (format !== FORMAT) reader.fail(`unknown format ${format} of a retry record`);
  const age = reader.counter() as LogAge;
  const sequences = reader.list(10, readSequence);
  reader.end();
  return { age, sequences };
}

function writeSequence(writer: ByteWriter, sequence: SequenceOutcomes): void {
  writer.u64(sequence.sequenceId).varint(sequence.doneBelow);
  writer.list(sequence.outcomes, (to, { seq, outcome }) => writeOutcome(to.varint(seq), outcome));
}

function readSequence(reader: ByteReader): SequenceOutcomes {
  return {
    sequenceId: reader.u64(),
    doneBelow: reader.varint(),
    outcomes: reader.list(5, (from) => ({ seq: from.varint(), outcome: readOutcome(from) })),
  };
}
