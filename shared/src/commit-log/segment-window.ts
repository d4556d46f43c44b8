/**
 * A segment file seen through a window of about 1 MiB, so that a scan holds neither the file nor the
 * event loop: each step of the window is an awaited read.
 */
export const WINDOW_BYTES = 1024 * 1024;

export class SegmentWindow {
  readonly #readAt: (offset: number, length: number) => Promise<Buffer>;
  #start = 0;
  #bytes: Buffer = Buffer.alloc(0);
  /** The file's length, once a read came back short. */
  #fileEnd = Number.POSITIVE_INFINITY;

  /** `readAt` gives fewer bytes only at the end of the file. */
  constructor(readAt: (offset: number, length: number) => Promise<Buffer>) {
    this.#readAt = readAt;
  }

  /** `length` bytes at `offset`; fewer at the end of the file. Valid until the next call. */
  async at(offset: number, length: number): Promise<Buffer> {
    const needed = Math.min(offset + length, this.#fileEnd);
    if (offset < this.#start || needed > this.#start + this.#bytes.length) {
      const wanted = Math.max(length, WINDOW_BYTES);
      this.#bytes = await this.#readAt(offset, wanted);
      this.#start = offset;
      if (this.#bytes.length < wanted) this.#fileEnd = offset + this.#bytes.length;
    }
    const from = Math.min(offset - this.#start, this.#bytes.length);
    return this.#bytes.subarray(from, from + length);
  }
}
