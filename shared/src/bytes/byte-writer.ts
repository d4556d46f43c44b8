/**
 * Builds one buffer out of small integers, byte strings and texts: the writing half of every binary
 * format in Stele. `ByteReader` is the other half and accepts exactly what this class writes.
 *
 * W1. Integers are unsigned varints (7 bits a byte, low bits first), minimal, below 2^53.
 * W2. Byte strings and texts (UTF-8) are prefixed with their length in bytes, as a varint.
 * W3. The buffer doubles when it is full; a good first guess of the size saves the copying.
 */
import { assert } from "../assert.ts";
import { MAX_VARINT_BYTES, putCounter, putVarint } from "./varint.ts";

export class ByteWriter {
  #buffer: Buffer;
  #length = 0;

  /** `expectedBytes`: a guess of the final length. */
  constructor(expectedBytes = 256) {
    this.#buffer = Buffer.allocUnsafe(Math.max(16, expectedBytes));
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  byte(value: number): this {
    assert(value >= 0 && value <= 255, () => `not a byte: ${value}`);
    this.#reserve(1);
    this.#buffer[this.#length++] = value;
    return this;
  }

  /** 0 or 1. */
  flag(value: boolean): this {
    return this.byte(value ? 1 : 0);
  }

  /** An integer in [0, 2^53). */
  varint(value: number): this {
    this.#reserve(MAX_VARINT_BYTES);
    this.#length = putVarint(this.#buffer, this.#length, value);
    return this;
  }

  /** 2 bytes, big-endian. */
  u16(value: number): this {
    this.#reserve(2);
    this.#length = this.#buffer.writeUInt16BE(value, this.#length);
    return this;
  }

  /** 4 bytes, big-endian. */
  u32(value: number): this {
    this.#reserve(4);
    this.#length = this.#buffer.writeUInt32BE(value, this.#length);
    return this;
  }

  /** An integer in [0, 2^53) as 8 bytes, big-endian. */
  counter(value: number): this {
    this.#reserve(8);
    this.#length = putCounter(this.#buffer, this.#length, value);
    return this;
  }

  /** An integer in [0, 2^64) as 8 bytes, big-endian. */
  u64(value: bigint): this {
    this.#reserve(8);
    this.#length = this.#buffer.writeBigUInt64BE(value, this.#length);
    return this;
  }

  /** An integer in [-2^63, 2^63) as 8 bytes, big-endian two's complement. */
  i64(value: bigint): this {
    this.#reserve(8);
    this.#length = this.#buffer.writeBigInt64BE(value, this.#length);
    return this;
  }

  /** A length-prefixed byte string. */
  bytes(value: Uint8Array): this {
    return this.varint(value.length).raw(value);
  }

  /** A length-prefixed text. */
  text(value: string): this {
    const size = Buffer.byteLength(value);
    this.varint(size);
    this.#reserve(size);
    this.#length += this.#buffer.write(value, this.#length, size);
    return this;
  }

  /** Bytes without a length: the reader must know it otherwise. */
  raw(value: Uint8Array): this {
    this.#reserve(value.length);
    this.#buffer.set(value, this.#length);
    this.#length += value.length;
    return this;
  }

  /** The number of items as a varint, then each as `item` writes it. */
  list<T>(items: readonly T[], item: (writer: ByteWriter, value: T) => unknown): this {
    this.varint(items.length);
    for (const value of items) item(this, value);
    return this;
  }

  /** `size` bytes that `fill` writes at the offset it is given; it returns the offset behind them. */
  fill(size: number, fill: (buffer: Buffer, at: number) => number): this {
    this.#reserve(size);
    const end = fill(this.#buffer, this.#length);
    assert(end === this.#length + size, () => `${size} bytes announced, not filled exactly`);
    this.#length = end;
    return this;
  }

  /** The bytes [start, end) of `source`, without a length. */
  slice(source: Buffer, start: number, end: number): this {
    this.#reserve(end - start);
    this.#length += source.copy(this.#buffer, this.#length, start, end);
    return this;
  }

  /** Overwrites the 4 bytes at `at`, which were written before. */
  patchU32(at: number, value: number): this {
    assert(at + 4 <= this.#length, () => `nothing is written at ${at}`);
    this.#buffer.writeUInt32BE(value, at);
    return this;
  }

  /** Takes back everything behind the first `length` bytes. */
  truncate(length: number): this {
    assert(length <= this.#length, () => `cannot truncate ${this.#length} bytes to ${length}`);
    this.#length = length;
    return this;
  }

  /** Leaves `size` bytes to be filled in later, through the buffer of `finish()`. Returns their offset. */
  gap(size: number): number {
    this.#reserve(size);
    const at = this.#length;
    this.#length += size;
    return at;
  }

  /** Everything written, without a copy: nothing may be written afterwards. */
  finish(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  #reserve(size: number): void {
    const needed = this.#length + size;
    if (needed <= this.#buffer.length) return;
    // Room behind a large piece, or the byte that follows it would copy it once more.
    const roomy = needed + (needed >>> 3);
    const grown = Buffer.allocUnsafe(Math.max(roomy, this.#buffer.length * 2));
    this.#buffer.copy(grown, 0, 0, this.#length);
    this.#buffer = grown;
  }
}
