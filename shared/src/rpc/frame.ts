/**
 * The unit of every binary exchange between two processes: a length-prefixed, checksummed frame.
 *
 *   frame = u32 payload length, u32 CRC-32, payload            (integers big-endian)
 *
 * F1. The checksum covers the length too: the CRC starts from the length mixed with a constant, so
 *     that zeroes are no frame and a flipped length is found like a flipped payload byte.
 * F2. A length above the cap is refused before anything is allocated for it.
 * F3. Nothing behind a damaged frame is trusted: the reader fails for good.
 */
import { crc32 } from "node:zlib";
import { assert } from "../assert.ts";
import { MalformedFrameError } from "../bytes/malformed-frame-error.ts";

export const FRAME_HEADER_BYTES = 8;

/** A Raft entry or a row may have 16 MiB; what stands around it in the frame has its own room. */
export const MAX_FRAME_PAYLOAD_BYTES = 16 * 1024 * 1024 + 64 * 1024;

const CRC_START = 0x5374_656c;

const startOf = (length: number): number => (length ^ CRC_START) >>> 0;

/** One frame around the parts, one behind the other. */
export function encodeFrame(parts: readonly Uint8Array[]): Buffer {
  let length = 0;
  for (const part of parts) length += part.length;
  const frame = Buffer.allocUnsafe(FRAME_HEADER_BYTES + length);
  let at = FRAME_HEADER_BYTES;
  for (const part of parts) {
    frame.set(part, at);
    at += part.length;
  }
  sealFrame(frame, 0, at);
  return frame;
}

/** The header of a frame whose parts are written behind it without being copied. */
export function encodeFrameHeader(parts: readonly Uint8Array[]): Buffer {
  let length = 0;
  for (const part of parts) length += part.length;
  assert(length <= MAX_FRAME_PAYLOAD_BYTES, () => `a frame of ${length} bytes`);
  let crc = startOf(length);
  for (const part of parts) crc = crc32(part, crc);
  const header = Buffer.allocUnsafe(FRAME_HEADER_BYTES);
  header.writeUInt32BE(length, 0);
  header.writeUInt32BE(crc, 4);
  return header;
}

/** Writes the header at `start` for the payload that already stands in [start + 8, end). */
export function sealFrame(buffer: Buffer, start: number, end: number): void {
  const payload = start + FRAME_HEADER_BYTES;
  const length = end - payload;
  assert(length >= 0 && length <= MAX_FRAME_PAYLOAD_BYTES, () => `a frame of ${length} bytes`);
  buffer.writeUInt32BE(length, start);
  buffer.writeUInt32BE(crc32(buffer.subarray(payload, end), startOf(length)), start + 4);
}

/**
 * Finds the frames in a stream that arrives in chunks of any size. A payload is a slice of its
 * chunk when it lies in one; a frame that spans chunks is gathered in a buffer that grows with what
 * has arrived, never with what was announced.
 */
export class FrameReader {
  readonly #maxPayloadBytes: number;
  /** The start of an unfinished frame, in the first `#held` bytes. */
  #partial: Buffer | null = null;
  #held = 0;
  #failure: MalformedFrameError | null = null;

  constructor(maxPayloadBytes = MAX_FRAME_PAYLOAD_BYTES) {
    this.#maxPayloadBytes = maxPayloadBytes;
  }

  /**
   * Calls `onPayload` for each frame that the chunk completes, in order; the frames before a
   * damaged one are delivered. Throws `MalformedFrameError`.
   */
  push(chunk: Buffer, onPayload: (payload: Buffer) => void): void {
    if (this.#failure !== null) throw this.#failure;
    let at = this.#partial === null ? 0 : this.#complete(chunk, onPayload);
    while (chunk.length - at >= FRAME_HEADER_BYTES) {
      const end = at + FRAME_HEADER_BYTES + this.#lengthAt(chunk, at);
      if (end > chunk.length) break;
      onPayload(this.#checked(chunk, at, end));
      at = end;
    }
    if (at < chunk.length) this.#hold(chunk.subarray(at));
  }

  /** Throws unless the stream may end here, between two frames. */
  end(): void {
    if (this.#failure !== null) throw this.#failure;
    if (this.#held > 0) this.#fail(`the stream ends ${this.#held} bytes into a frame`);
  }

  /** Feeds the unfinished frame from the start of the chunk and returns how much it took. */
  #complete(chunk: Buffer, onPayload: (payload: Buffer) => void): number {
    let at = 0;
    if (this.#held < FRAME_HEADER_BYTES) {
      at = Math.min(FRAME_HEADER_BYTES - this.#held, chunk.length);
      this.#hold(chunk.subarray(0, at));
    }
    const partial = this.#partial;
    if (partial === null || this.#held < FRAME_HEADER_BYTES) return at;
    const size = FRAME_HEADER_BYTES + this.#lengthAt(partial, 0);
    const taken = Math.min(size - this.#held, chunk.length - at);
    this.#hold(chunk.subarray(at, at + taken), size);
    if (this.#held === size && this.#partial !== null) {
      const frame = this.#partial;
      this.#partial = null;
      this.#held = 0;
      onPayload(this.#checked(frame, 0, size));
    }
    return at + taken;
  }

  #hold(bytes: Buffer, wanted = Number.POSITIVE_INFINITY): void {
    const needed = this.#held + bytes.length;
    if (this.#partial === null || this.#partial.length < needed) {
      const room = Math.min(wanted, Math.max(needed, 2 * this.#held, FRAME_HEADER_BYTES));
      const grown = Buffer.allocUnsafe(room);
      if (this.#partial !== null) this.#partial.copy(grown, 0, 0, this.#held);
      this.#partial = grown;
    }
    this.#partial.set(bytes, this.#held);
    this.#held = needed;
  }

  #lengthAt(buffer: Buffer, at: number): number {
    const length = buffer.readUInt32BE(at);
    if (length > this.#maxPayloadBytes) {
      this.#fail(`a frame announces ${length} bytes, at most ${this.#maxPayloadBytes}`);
    }
    return length;
  }

  #checked(buffer: Buffer, start: number, end: number): Buffer {
    const payload = buffer.subarray(start + FRAME_HEADER_BYTES, end);
    if (crc32(payload, startOf(payload.length)) !== buffer.readUInt32BE(start + 4)) {
      this.#fail(`checksum of a frame of ${payload.length} bytes does not match`);
    }
    return payload;
  }

  #fail(detail: string): never {
    this.#failure = new MalformedFrameError(detail);
    this.#partial = null;
    throw this.#failure;
  }
}

/** All payloads of a body that is complete. Throws `MalformedFrameError`. */
export function decodeFrames(body: Buffer): Buffer[] {
  const payloads: Buffer[] = [];
  const reader = new FrameReader();
  reader.push(body, (payload) => payloads.push(payload));
  reader.end();
  return payloads;
}
