// The lines of an NDJSON input.
import { CliError, EXIT } from "../cli-error.ts";
import { LineTooLongError, readLines } from "../ndjson-lines.ts";
import type { ImportPosition } from "./import-checkpoint.ts";
import { importLine } from "./import-line.ts";
import type { InputLine } from "./import-window.ts";

export interface NdjsonSourceOptions {
  /** From `start.offset` on. */
  readonly stream: AsyncIterable<Buffer>;
  readonly start: ImportPosition;
  /** Of the import: part of each idempotency key. */
  readonly id: string;
}

/** Yields what is to be sent, in order. Throws when the input says of itself that it is incomplete. */
export async function* ndjsonSource({
  stream,
  start,
  id,
}: NdjsonSourceOptions): AsyncGenerator<readonly InputLine[]> {
  let { line: number, offset, rows } = start;
  try {
    for await (const lines of readLines(stream, { tail: "line" })) {
      const found: InputLine[] = [];
      for (const input of lines) {
        number++;
        offset += input.length + 1;
        const line = importLine(input, () => `${id}/${number}`);
        if (line.kind === "error") throw incomplete(number, `it was cut by ${line.detail}`);
        if (line.kind === "end") {
          if (line.rows !== rows) {
            throw incomplete(
              number,
              `it should hold ${line.rows} rows, but ${rows} came before it`,
            );
          }
          rows = 0;
        }
        if (line.kind !== "send") continue;
        if (line.isRow) rows++;
        found.push({ number, endOffset: offset, rows, bytes: line.bytes, input, failure: null });
      }
      if (found.length > 0) yield found;
    }
  } catch (error) {
    if (!(error instanceof LineTooLongError)) throw error;
    throw new CliError(EXIT.other, `line ${number + 1}: ${error.message}`);
  }
}

function incomplete(number: number, why: string): CliError {
  return new CliError(EXIT.partial, `line ${number} says that the input is incomplete: ${why}`);
}
