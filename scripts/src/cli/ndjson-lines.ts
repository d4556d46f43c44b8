// Lines of a byte stream, in bounded memory.
//
// N1. Memory is one chunk plus one unfinished line of at most `maxLineBytes`.
// N2. A line that is too long is an error at once, not when it ends.
const NEWLINE = 0x0a;

/** As long as the longest line the REST API takes or gives, and a little. */
const MAX_LINE_BYTES = 13 * 1024 * 1024;

export class LineTooLongError extends Error {
  override readonly name = "LineTooLongError";
}

export interface LineReading {
  /** What lacks its newline at the end: a last line of a file, or a line that was cut. */
  readonly tail: "line" | "cut";
  readonly maxLineBytes?: number;
}

/** Yields the whole lines of each chunk, without newlines. */
export async function* readLines(
  stream: AsyncIterable<Buffer>,
  { tail, maxLineBytes = MAX_LINE_BYTES }: LineReading,
): AsyncGenerator<Buffer[]> {
  let held: Buffer[] = [];
  let heldBytes = 0;
  for await (const chunk of stream) {
    const lines: Buffer[] = [];
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      const rest = chunk.subarray(start, end);
      lines.push(heldBytes === 0 ? rest : Buffer.concat([...held, rest]));
      held = [];
      heldBytes = 0;
      start = end + 1;
    }
    if (start < chunk.length) {
      held.push(chunk.subarray(start));
      heldBytes += chunk.length - start;
      if (heldBytes > maxLineBytes) {
        throw new LineTooLongError(`a line is longer than ${maxLineBytes} bytes`);
      }
    }
    if (lines.length > 0) yield lines;
  }
  if (heldBytes > 0 && tail === "line") yield [Buffer.concat(held)];
}
