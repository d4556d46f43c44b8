/** An answer above `PART_BYTES` on its way out, part after part. */
import { encodePart, PART_BYTES } from "./batch-frames.ts";

export class LargeAnswer {
  readonly byteLength: number;
  /** Of its call; monotonic. */
  readonly deadlineMs: number;
  readonly #callId: number;
  readonly #slices: readonly Buffer[];
  /** The next byte: in which slice, and where in it. */
  #slice = 0;
  #at = 0;
  #left: number;

  constructor(
    call: { readonly callId: number; readonly deadlineMs: number },
    slices: readonly Buffer[],
    byteLength: number,
  ) {
    this.byteLength = byteLength;
    this.deadlineMs = call.deadlineMs;
    this.#callId = call.callId;
    this.#slices = slices;
    this.#left = byteLength;
  }

  get isSent(): boolean {
    return this.#left === 0;
  }

  /** The next part as a frame, whose payload is not copied. REQUIRES: not all is sent. */
  nextFrame(): readonly Buffer[] {
    const part: Buffer[] = [];
    let room = PART_BYTES;
    while (room > 0 && this.#left > 0) {
      const slice = this.#slices[this.#slice] as Buffer;
      const piece = slice.subarray(this.#at, this.#at + room);
      part.push(piece);
      room -= piece.length;
      this.#left -= piece.length;
      this.#at += piece.length;
      if (this.#at < slice.length) continue;
      this.#slice++;
      this.#at = 0;
    }
    return encodePart(this.#callId, this.byteLength, part);
  }
}
