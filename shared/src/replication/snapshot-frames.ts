/**
 * A replica's state on its way to another server: one header, chunks of keys and values, large values in pieces,
 * one end. Each frame is checksummed by the transport; the end proves that none is missing.
 *
 * | frame  | first byte | content                                                                |
 * |--------|------------|------------------------------------------------------------------------|
 * | header | 1          | JSON: who, to whom, (index, term), config, the machine's state (base64) |
 * | chunk  | 2          | u32 count, then per entry: u32 key length, u32 value length, key, value |
 * | end    | 3          | u64 entries, u32 CRC over all frames between header and end            |
 * | value  | 4          | u32 value length, key; the value follows in pieces                     |
 * | piece  | 5          | the next bytes of the value, one at least                              |
 */
import { z } from "zod";
import { MalformedFrameError } from "../bytes/malformed-frame-error.ts";
import { groupConfigSchema } from "../wire/tablet-schemas.ts";

const id = z.int().nonnegative();

const headerSchema = z.strictObject({
  tabletId: id,
  from: id,
  to: id,
  /** The sender's term: a receiver of a higher one ignores the snapshot. */
  term: id,
  index: id,
  indexTerm: id,
  configIndex: id,
  config: groupConfigSchema,
  machineState: z.base64(),
});
export type SnapshotHeader = z.infer<typeof headerSchema>;

export type SnapshotFrame =
  | { readonly kind: "header"; readonly header: SnapshotHeader }
  | { readonly kind: "chunk"; readonly entries: readonly (readonly [Buffer, Buffer])[] }
  | { readonly kind: "end"; readonly count: number; readonly crc: number }
  /** Of the value, `bytes` follow. */
  | { readonly kind: "value"; readonly key: Buffer; readonly bytes: number }
  | { readonly kind: "piece"; readonly piece: Buffer };

const HEADER = 1;
const CHUNK = 2;
const END = 3;
const VALUE = 4;
const PIECE = 5;
/** No state machine stores a larger value: the largest row, and what stands around its cells. */
const MAX_VALUE_BYTES = 72 * 1024 * 1024;

export function encodeSnapshotHeader(header: SnapshotHeader): Buffer {
  return Buffer.concat([Buffer.of(HEADER), Buffer.from(JSON.stringify(header))]);
}

/** Keys are relative to the machine's space. */
export function encodeSnapshotChunk(entries: readonly (readonly [Buffer, Buffer])[]): Buffer {
  let bytes = 5;
  for (const [key, value] of entries) bytes += 8 + key.length + value.length;
  const frame = Buffer.allocUnsafe(bytes);
  frame[0] = CHUNK;
  frame.writeUInt32LE(entries.length, 1);
  let at = 5;
  for (const [key, value] of entries) {
    frame.writeUInt32LE(key.length, at);
    frame.writeUInt32LE(value.length, at + 4);
    at += 8;
    at += key.copy(frame, at);
    at += value.copy(frame, at);
  }
  return frame;
}

/** A key whose value of `bytes` follows in pieces. */
export function encodeSnapshotValue(key: Buffer, bytes: number): Buffer {
  const frame = Buffer.allocUnsafe(5 + key.length);
  frame[0] = VALUE;
  frame.writeUInt32LE(bytes, 1);
  key.copy(frame, 5);
  return frame;
}

export function encodeSnapshotPiece(piece: Buffer): Buffer {
  return Buffer.concat([Buffer.of(PIECE), piece]);
}

export function encodeSnapshotEnd(count: number, crc: number): Buffer {
  const frame = Buffer.allocUnsafe(13);
  frame[0] = END;
  frame.writeBigUInt64LE(BigInt(count), 1);
  frame.writeUInt32LE(crc, 9);
  return frame;
}

/** Throws `MalformedFrameError`. */
export function decodeSnapshotFrame(frame: Buffer): SnapshotFrame {
  switch (frame[0]) {
    case HEADER:
      return { kind: "header", header: decodeHeader(frame.subarray(1)) };
    case CHUNK:
      return { kind: "chunk", entries: decodeEntries(frame) };
    case END:
      if (frame.length !== 13) throw new MalformedFrameError("snapshot end of another length");
      return {
        kind: "end",
        count: Number(frame.readBigUInt64LE(1)),
        crc: frame.readUInt32LE(9),
      };
    case VALUE:
      return decodeValue(frame);
    case PIECE:
      if (frame.length < 2) throw new MalformedFrameError("snapshot piece without a byte");
      return { kind: "piece", piece: frame.subarray(1) };
    default:
      throw new MalformedFrameError(`snapshot frame of kind ${frame[0]}`);
  }
}

function decodeHeader(bytes: Buffer): SnapshotHeader {
  try {
    return headerSchema.parse(JSON.parse(bytes.toString()));
  } catch (error) {
    throw new MalformedFrameError(`snapshot header: ${String(error)}`);
  }
}

function decodeValue(frame: Buffer): SnapshotFrame {
  if (frame.length < 5) throw new MalformedFrameError("snapshot value without a length");
  const bytes = frame.readUInt32LE(1);
  if (bytes < 1 || bytes > MAX_VALUE_BYTES) {
    throw new MalformedFrameError(`snapshot value of ${bytes} bytes`);
  }
  return { kind: "value", key: frame.subarray(5), bytes };
}

function decodeEntries(frame: Buffer): (readonly [Buffer, Buffer])[] {
  if (frame.length < 5) throw new MalformedFrameError("snapshot chunk without a count");
  const count = frame.readUInt32LE(1);
  const entries: (readonly [Buffer, Buffer])[] = [];
  let at = 5;
  for (let entry = 0; entry < count; entry++) {
    if (at + 8 > frame.length) throw new MalformedFrameError("snapshot chunk is cut");
    const keyEnd = at + 8 + frame.readUInt32LE(at);
    const valueEnd = keyEnd + frame.readUInt32LE(at + 4);
    if (valueEnd > frame.length) throw new MalformedFrameError("snapshot chunk is cut");
    entries.push([frame.subarray(at + 8, keyEnd), frame.subarray(keyEnd, valueEnd)]);
    at = valueEnd;
  }
  if (at !== frame.length) throw new MalformedFrameError("snapshot chunk with bytes left over");
  return entries;
}
