/**
 * A row as reads give it and as a tablet evaluates it.
 *
 * W1. Cells are ordered by family (name, bytewise), then qualifier bytes, then timestamp, newest first.
 * W2. No two cells of a row share (family, qualifier, timestamp).
 * W3. A row that exists has at least one cell.
 */
import type { Version } from "./ids.ts";

export interface Cell {
  readonly family: string;
  /** Any bytes, possibly none. */
  readonly qualifier: Buffer;
  readonly timestamp: Version;
  readonly value: Buffer;
  /** Written by `increment` or as `{"int64":..}`: shown as a number in JSON. */
  readonly int64: boolean;
}

export interface Row {
  readonly key: Buffer;
  readonly version: Version;
  readonly cells: readonly Cell[];
}
