/** A span of time that doubles each time it is used, up to a limit. */
export class DoublingSpan {
  readonly #maxMs: number;
  #nextMs: number;

  constructor(firstMs: number, maxMs: number) {
    this.#nextMs = firstMs;
    this.#maxMs = maxMs;
  }

  /** Milliseconds. */
  next(): number {
    const spanMs = this.#nextMs;
    this.#nextMs = Math.min(this.#maxMs, spanMs * 2);
    return spanMs;
  }
}
