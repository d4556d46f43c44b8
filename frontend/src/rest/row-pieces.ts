/**
 * Large rows as JSON text in pieces, so that no step of rendering takes long: a value of 10 MiB is
 * escaped 64 KiB at a time.
 *
 * The pieces of a row, joined, are exactly what `renderRow` and `renderFoundRow` give.
 */
import { isUtf8 } from "node:buffer";
import type { Cell, Row } from "@stele/shared/row.ts";
import { renderBytes, renderValue } from "./bytes-json.ts";
import { renderColumn } from "./column-name.ts";
import { isSameColumn, renderFoundRow, renderRow } from "./row-json.ts";
import type { RowView } from "./row-json.ts";
import { rowBytes } from "./row-size.ts";

/** Rows above it are rendered in pieces. */
const WHOLE_BYTES = 64 * 1024;
/** Of a value at a time; a multiple of 3, so that base64 needs no padding in between. */
const SLICE_BYTES = 48 * 1024;
/** Small cells are gathered: a piece costs as much as ten of them. */
const PIECE_CHARACTERS = 16 * 1024;

export function isLargeRow(row: Row): boolean {
  return rowBytes(row) > WHOLE_BYTES;
}

export function* rowPieces(row: Row, view: RowView): Generator<string> {
  if (view === "keys" || !isLargeRow(row)) yield renderRow(row, view);
  else yield* largeRowPieces(row, view, `{"key":${renderBytes(row.key)}`);
}

/** An answer of `rows:get`. */
export function* foundRowPieces(row: Row, view: RowView): Generator<string> {
  if (view === "keys" || !isLargeRow(row)) yield renderFoundRow(row, view);
  else yield* largeRowPieces(row, view, `{"key":${renderBytes(row.key)},"found":true`);
}

function* largeRowPieces(row: Row, view: "columns" | "cells", opening: string): Generator<string> {
  let text = `${opening},"version":"${row.version}","${view}":{`;
  let previous: Cell | null = null;
  for (const cell of row.cells) {
    const isSame = previous !== null && isSameColumn(previous, cell);
    if (isSame && view === "columns") continue;
    text += cellOpening(cell, view, previous === null ? "first" : isSame ? "same" : "next");
    if (cell.value.length <= SLICE_BYTES) text += renderValue(cell.value, cell.int64);
    else {
      yield text;
      text = "";
      yield* valuePieces(cell.value);
    }
    if (view === "cells") text += `,"timestamp":"${cell.timestamp}"}`;
    previous = cell;
    if (text.length < PIECE_CHARACTERS) continue;
    yield text;
    text = "";
  }
  yield text + (view === "cells" ? "]}}" : "}}");
}

/** What stands before a value; `place`: whether its column is the row's first, the same, the next. */
function cellOpening(
  { family, qualifier }: Cell,
  view: "columns" | "cells",
  place: "first" | "same" | "next",
): string {
  if (view === "columns") {
    return `${place === "first" ? "" : ","}${renderColumn(family, qualifier)}:`;
  }
  if (place === "same") return ',{"value":';
  return `${place === "first" ? "" : "],"}${renderColumn(family, qualifier)}:[{"value":`;
}

function* valuePieces(value: Buffer): Generator<string> {
  if (isUtf8(value)) yield* textPieces(value);
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
