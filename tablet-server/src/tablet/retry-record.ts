/**
 * What one log entry adds to the memory of front-ends' retries: results by (sequenceId, seq), and up to where
 * front-ends are done with each sequence. The entry carries it as bytes, and the same bytes are stored as one record per
 * entry for as long as one of its results may be asked for.
 *
 *   record = u32 crc, u8 format, u64 log age, sequence*
 *   sequence = u64 sequenceId, varint doneBelow, (varint seq, result)*
 *   crc    = CRC32 of everything behind it
 */
import { crc32 } from "node:zlib";
import { ByteReader } from "@stele/shared/bytes/byte-reader.ts";
import { ByteWriter } from "@stele/shared/bytes/byte-writer.ts";
import { MalformedFrameError } from "@stele/shared/bytes/malformed-frame-error.ts";
import type { WriteResult } from "@stele/shared/row-operations.ts";
import { readResult, writeResult } from "@stele/shared/wire/write-result-codec.ts";
import type { LogAge } from "./log-age.ts";

export interface RetryResult {
  readonly seq: number;
  readonly result: WriteResult;
}

export interface SequenceResults {
  /** Names one sequence of a front-end's retry numbers; 64 bits. */
  readonly sequenceId: bigint;
  /** Every seq below is settled or given up: nobody will ask for it again. */
  readonly doneBelow: number;
  readonly results: readonly RetryResult[];
}

export interface RetryRecord {
  /** The entry's. */
  readonly age: LogAge;
  readonly sequences: readonly SequenceResults[];
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

/** Throws `MalformedFrameError` for bytes that are damaged. Results are views into `bytes`. */
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

function writeSequence(writer: ByteWriter, sequence: SequenceResults): void {
  writer.u64(sequence.sequenceId).varint(sequence.doneBelow);
  writer.list(sequence.results, (to, { seq, result }) => writeResult(to.varint(seq), result));
}

function readSequence(reader: ByteReader): SequenceResults {
  return {
    sequenceId: reader.u64(),
    doneBelow: reader.varint(),
    results: reader.list(4, (from) => ({ seq: from.varint(), result: readResult(from) })),
  };
}
