/**
 * Takes apart what `ByteWriter` built. Bytes are never trusted: everything else than the exact form
 * that the writer gives raises `MalformedFrameError`, before anything is allocated for it.
 *
 * `bytes` and `rest` are slices of the buffer, not copies: who keeps one keeps the whole buffer.
 */
import { isUtf8 } from "node:buffer";
import { MalformedFrameError } from "./malformed-frame-error.ts";

/** The high word of a counter stays below this. */
const HIGH_WORD_END = 0x20_0000;

export class ByteReader {
  readonly #buffer: Buffer;
  #at: number;

  constructor(buffer: Buffer, offset = 0) {
    this.#buffer = buffer;
    this.#at = offset;
  }

  get remaining(): number {
    return this.#buffer.length - this.#at;
  }

  /** Bytes taken so far, counted from the start of the buffer. */
  get position(): number {
    return this.#at;
  }

  fail(detail: string): never {
    throw new MalformedFrameError(detail);
  }

  /** 2 bytes, big-endian. */
  u16(): number {
    return this.#buffer.readUInt16BE(this.#take(2));
  }

  /** 4 bytes, big-endian. */
  u32(): number {
    return this.#buffer.readUInt32BE(this.#take(4));
  }

  /** 8 bytes, big-endian; below 2^53. */
  counter(): number {
    const at = this.#take(8);
    const high = this.#buffer.readUInt32BE(at);
    if (high >= HIGH_WORD_END) this.fail("a counter is 2^53 or more");
    return high * 0x1_0000_0000 + this.#buffer.readUInt32BE(at + 4);
  }

  /** 8 bytes, big-endian; in [0, 2^64). */
  u64(): bigint {
    return this.#buffer.readBigUInt64BE(this.#take(8));
  }

  /** 8 bytes, big-endian two's complement. */
  i64(): bigint {
    return this.#buffer.readBigInt64BE(this.#take(8));
  }

  byte(): number {
    const value = this.#buffer[this.#at];
    if (value === undefined) throw new MalformedFrameError("bytes end within a byte field");
    this.#at++;
    return value;
  }

  flag(): boolean {
    const value = this.byte();
    if (value > 1) throw new MalformedFrameError(`a flag is 0 or 1, not ${value}`);
    return value === 1;
  }

  /** An integer in [0, 2^53). */
  varint(): number {
    let value = 0;
    let factor = 1;
    for (let size = 1; size <= 8; size++) {
      const byte = this.#buffer[this.#at++];
      if (byte === undefined) throw new MalformedFrameError("bytes end within a varint");
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) {
        if (byte === 0 && size > 1) throw new MalformedFrameError("varint is not minimal");
        if (value > Number.MAX_SAFE_INTEGER) break;
        return value;
      }
      factor *= 128;
    }
    throw new MalformedFrameError("varint is 2^53 or more");
  }

  /** A length-prefixed byte string, as a slice. */
  bytes(): Buffer {
    return this.raw(this.varint());
  }

  /** A length-prefixed text; well-formed UTF-8 only. */
  text(): string {
    const bytes = this.bytes();
    if (!isUtf8(bytes)) this.fail("text is not UTF-8");
    return bytes.toString("utf8");
  }

  /** The next `size` bytes, as a slice. */
  raw(size: number): Buffer {
    const at = this.#take(size);
    return this.#buffer.subarray(at, at + size);
  }

  skip(size: number): void {
    this.#take(size);
  }

  /** The position behind the next `size` bytes, which exist. */
  endOf(size: number): number {
    if (size > this.remaining) this.#tooShort(size);
    return this.#at + size;
  }

  /** What `ByteWriter.list` wrote. Every item takes at least `itemBytes`, 1 or more. */
  list<T>(itemBytes: number, item: (reader: ByteReader) => T): T[] {
    const count = this.varint();
    if (count * itemBytes > this.remaining) this.fail(`${count} items announced, too few bytes`);
    const items: T[] = [];
    for (let taken = 0; taken < count; taken++) items.push(item(this));
    return items;
  }

  /** Everything that is left, as a slice. */
  rest(): Buffer {
    return this.raw(this.remaining);
  }

  /** Raises an error unless everything was taken. */
  end(): void {
    if (this.remaining > 0) this.fail(`${this.remaining} bytes too many`);
  }

  /** Takes `size` bytes and returns the offset of the first. */
  #take(size: number): number {
    const at = this.#at;
    if (size > this.#buffer.length - at) this.#tooShort(size);
    this.#at = at + size;
    return at;
  }

  #tooShort(size: number): never {
    this.fail(`${size} bytes announced, ${this.remaining} left`);
  }
}
