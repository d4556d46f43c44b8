/**
 * Rows as JSON text (docs/REST_API.md), rendered by hand: a row is built once and never parsed here.
 *
 * J1. Cells come ordered (W1), so the columns of a row are written in one pass.
 * J2. What is rendered here, `row-body.ts` takes.
 */
import type { Cell, Row } from "@stele/shared/row.ts";
import { renderBytes, renderValue } from "./bytes-json.ts";
import { renderColumn } from "./column-name.ts";

/** What a row shows: the newest value a column, all its cells, or only key and version. */
export type RowView = "columns" | "cells" | "keys";

export function renderRow(row: Row, view: RowView): string {
  return `{"key":${renderBytes(row.key)},${renderContents(row, view)}}`;
}

/** An answer of `rows:get`. */
export function renderFoundRow(row: Row, view: RowView): string {
  return `{"key":${renderBytes(row.key)},"found":true,${renderContents(row, view)}}`;
}

function renderContents(row: Row, view: RowView): string {
  const version = `"version":"${row.version}"`;
  switch (view) {
    case "keys":
      return version;
    case "columns":
      return `${version},"columns":{${renderNewest(row.cells)}}`;
    case "cells":
      return `${version},"cells":{${renderAll(row.cells)}}`;
  }
}

function renderNewest(cells: readonly Cell[]): string {
  let text = "";
  let previous: Cell | null = null;
  for (const cell of cells) {
    if (previous !== null && isSameColumn(previous, cell)) continue;
    const separator = previous === null ? "" : ",";
    const name = renderColumn(cell.family, cell.qualifier);
    text += `${separator}${name}:${renderValue(cell.value, cell.int64)}`;
    previous = cell;
  }
  return text;
}

function renderAll(cells: readonly Cell[]): string {
  let text = "";
  let previous: Cell | null = null;
  for (const cell of cells) {
    if (previous !== null && isSameColumn(previous, cell)) text += ",";
    else {
      const separator = previous === null ? "" : "],";
      text += `${separator}${renderColumn(cell.family, cell.qualifier)}:[`;
    }
    text += `{"value":${renderValue(cell.value, cell.int64)},"timestamp":"${cell.timestamp}"}`;
    previous = cell;
  }
  return previous === null ? "" : `${text}]`;
}

export function isSameColumn(a: Cell, b: Cell): boolean {
  return a.family === b.family && a.qualifier.equals(b.qualifier);
}
