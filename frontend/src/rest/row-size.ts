/** The bytes of a row's key, qualifiers and values: what its JSON weighs, near enough. */
import type { Row } from "@stele/shared/row.ts";

const BYTES_PER_CELL = 16;

export function rowBytes(row: Row): number {
  let bytes = row.key.length;
  for (const { qualifier, value } of row.cells) {
    bytes += qualifier.length + value.length + BYTES_PER_CELL;
  }
  return bytes;
}
