// Where rows go. They come as the JSON lines of the server.
import type { JsonRow } from "../json-bytes.ts";

export interface RowSink {
  /** JSON texts without newlines; to be awaited before the next call. */
  rows(lines: readonly Buffer[]): Promise<void>;
  /** After the last row; also after a failure, so that what came is seen. */
  end(): Promise<void>;
}

export function parseRow(line: Buffer): JsonRow {
  return JSON.parse(line.toString("utf8")) as JsonRow;
}
