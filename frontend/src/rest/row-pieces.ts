/**
 * Large rows as JSON text in pieces, so that no step of rendering takes long: a value of 10 MiB is
 * escaped 64 KiB at a time.
 *
 * The pieces of a row, joined, are exactly what `renderRow` gives.
 */
import { isUtf8 } from "node:buffer";
import type { Row } from "@stele/shared/row.ts";
import { renderBytes, renderValue } from "./bytes-json.ts";
import { renderColumn } from "./column-name.ts";
import { isSameColumn, renderRow } from "./row-json.ts";
import type { RowView } from "./row-json.ts";
import { rowBytes } from "./row-size.ts";

/** Rows above it are rendered in pieces. */
const WHOLE_BYTES = 64 * 1024;
/** Of a value at a time; a multiple of 3, so that base64 needs no padding in between. */
const SLICE_BYTES = 48 * 1024;

export function isLargeRow(row: Row): boolean {
  return rowBytes(row) > WHOLE_BYTES;
}

export function* rowPieces(row: Row, view: RowView): Generator<string> {
  if (view === "keys" || !isLargeRow(row)) {
    yield renderRow(row, view);
    return;
  }
  yield `{"key":${renderBytes(row.key)},"version":"${row.version}","${view}":{`;
  let previous: Row["cells"][number] | null = null;
  for (const cell of row.cells) {
    const isSame = previous !== null && isSameColumn(previous, cell);
    if (isSame && view === "columns") continue;
    const name = isSame ? "" : `${renderColumn(cell.family, cell.qualifier)}:`;
    if (view === "columns") {
      yield `${previous === null ? "" : ","}${name}`;
      yield* valuePieces(cell.value, cell.int64);
    } else {
      const opening = isSame ? "," : `${previous === null ? "" : "],"}${name}[`;
      yield `${opening}{"value":`;
      yield* valuePieces(cell.value, cell.int64);
      yield `,"timestamp":"${cell.timestamp}"}`;
    }
    previous = cell;
  }
  yield view === "cells" ? "]}}" : "}}";
}

function* valuePieces(value: Buffer, int64: boolean): Generator<string> {
  if (value.length <= SLICE_BYTES) yield renderValue(value, int64);
  else if (isUtf8(value)) yield* textPieces(value);
  else yield* base64Pieces(value);
}

function* textPieces(value: Buffer): Generator<string> {
  yield '"';
  for (let start = 0; start < value.length;) {
    const end = characterBoundary(value, Math.min(start + SLICE_BYTES, value.length));
    yield JSON.stringify(value.toString("utf8", start, end)).slice(1, -1);
    start = end;
  }
  yield '"';
}

function* base64Pieces(value: Buffer): Generator<string> {
  yield '{"b64":"';
  for (let start = 0; start < value.length; start += SLICE_BYTES) {
    yield value.toString("base64url", start, start + SLICE_BYTES);
  }
  yield '"}';
}

/** The last index at or below `index` where a character of valid UTF-8 begins. */
function characterBoundary(value: Buffer, index: number): number {
  let boundary = index;
  while (boundary < value.length && ((value[boundary] as number) & 0xc0) === 0x80) boundary--;
  return boundary;
}
