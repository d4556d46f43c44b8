/**
 * A row as reads give it and as a tablet evaluates it.
 *
 * W1. Cells are ordered by family (name, bytewise), then qualifier bytes, then timestamp, newest first.
 * W2. No two cells of a row share (family, qualifier, timestamp).
 * W3. A row that exists has at least one cell.
 */
import type { Version } from "./ids.ts";

export const MAX_QUALIFIER_BYTES = 16 * 1024;
export const MAX_VALUE_BYTES = 10 * 1024 * 1024;
/** Of the row's stored record: keys of columns, timestamps and lengths count too. */
export const MAX_ROW_BYTES = 64 * 1024 * 1024;

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
