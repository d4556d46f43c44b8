/**
 * A reply that comes in parts, in a buffer of its announced size. The system gives the memory page
 * by page as the parts are written, so that an announcement alone costs nothing.
 */
import { MalformedFrameError } from "../bytes/malformed-frame-error.ts";

export class GatheredReply {
  /** To be read when it is whole. */
  readonly bytes: Buffer;
  #length = 0;

  constructor(byteLength: number) {
    this.bytes = Buffer.allocUnsafeSlow(byteLength);
  }

  get isWhole(): boolean {
    return this.#length === this.bytes.length;
  }

  /** Throws `MalformedFrameError` for a part that is not of this reply. */
  add(part: Buffer, byteLength: number): void {
    if (byteLength !== this.bytes.length || this.#length + part.length > byteLength) {
      throw new MalformedFrameError(`a part of ${part.length} bytes beyond its reply`);
    }
    this.bytes.set(part, this.#length);
    this.#length += part.length;
  }
}
