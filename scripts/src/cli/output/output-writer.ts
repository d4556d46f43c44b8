// Writes to a stream as fast as its reader takes it.
import type { Output } from "../context.ts";

export class OutputWriter {
  readonly #stream: Output;

  constructor(stream: Output) {
    this.#stream = stream;
  }

  /** Resolves when more may be written, also when nobody will ever read it. */
  write(data: string | Buffer): Promise<void> {
    const stream = this.#stream;
    if (data.length === 0 || stream.destroyed || stream.write(data)) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        for (const event of ["drain", "close", "error"]) stream.off(event, done);
        resolve();
      };
      for (const event of ["drain", "close", "error"]) stream.once(event, done);
    });
  }
}
