// Rows as tables: a column a column where that fits the screen, else a cell a line.
//
// Widths must be known before the first line is drawn, so rows gather into tables of `BLOCK_ROWS`.
import { fromJsonBytes } from "../json-bytes.ts";
import type { JsonRow } from "../json-bytes.ts";
import { printKey, printText } from "../key-text.ts";
import { cellText } from "./cell-text.ts";
import type { CellTextOptions } from "./cell-text.ts";
import type { OutputWriter } from "./output-writer.ts";
import { parseRow } from "./row-sink.ts";
import type { RowSink } from "./row-sink.ts";
import { textTable } from "./text-table.ts";

const BLOCK_ROWS = 1000;

export interface TableSinkOptions extends CellTextOptions {
  /** Characters a line; Infinity where nobody looks. */
  readonly width: number;
}

export class TableSink implements RowSink {
  readonly #writer: OutputWriter;
  readonly #options: TableSinkOptions;
  #rows: JsonRow[] = [];

  constructor(writer: OutputWriter, options: TableSinkOptions) {
    this.#writer = writer;
    this.#options = options;
  }

  async rows(lines: readonly Buffer[]): Promise<void> {
    for (const line of lines) {
      this.#rows.push(parseRow(line));
      if (this.#rows.length >= BLOCK_ROWS) await this.end();
    }
  }

  async end(): Promise<void> {
    const rows = this.#rows;
    this.#rows = [];
    if (rows.length > 0) await this.#writer.write(rowsTable(rows, this.#options));
  }
}

export function rowsTable(rows: readonly JsonRow[], options: TableSinkOptions): string {
  if (rows.some(({ cells }) => cells !== undefined)) return cellsTable(rows, options);
  return wideTable(rows, options) ?? longTable(rows, options);
}

/** Null: it does not fit. */
function wideTable(rows: readonly JsonRow[], options: TableSinkOptions): string | null {
  const names = [...new Set(rows.flatMap(({ columns = {} }) => Object.keys(columns)))];
  const header = ["key", ...names.map(printText)];
  const lines = rows.map(({ key, columns = {} }) => [
    keyText(key),
    ...names.map((name) => {
      const value = columns[name];
      return value === undefined ? "" : cellText(value, options);
    }),
  ]);
  const widths = header.map((name, index) =>
    Math.max(name.length, ...lines.map((line) => line[index]?.length ?? 0)),
  );
  const width = widths.reduce((sum, column) => sum + column + 2, -2);
  if (width > options.width) return null;
  const numeric = names.flatMap((name, index) =>
    rows.every(({ columns = {} }) => isNumber(columns[name])) ? [index + 1] : [],
  );
  return textTable(header, lines, new Set(numeric));
}

function isNumber(value: unknown): boolean {
  return value === undefined || (typeof value === "object" && value !== null && "int64" in value);
}

function longTable(rows: readonly JsonRow[], options: TableSinkOptions): string {
  const lines = rows.flatMap(({ key, columns = {} }) =>
    headed(
      key,
      Object.entries(columns).map(([name, value]) => [printText(name), cellText(value, options)]),
    ),
  );
  return textTable(["key", "column", "value"], lines);
}

function cellsTable(rows: readonly JsonRow[], options: TableSinkOptions): string {
  const lines = rows.flatMap(({ key, cells = {} }) =>
    headed(
      key,
      Object.entries(cells).flatMap(([name, versions]) =>
        versions.map(({ value, timestamp }) => [
          printText(name),
          timestamp,
          cellText(value, options),
        ]),
      ),
    ),
  );
  return textTable(["key", "column", "timestamp", "value"], lines);
}

/** The key stands once, before the first of its lines. */
function headed(key: JsonRow["key"], lines: readonly string[][]): string[][] {
  if (lines.length === 0) return [[keyText(key)]];
  return lines.map((line, index) => [index === 0 ? keyText(key) : "", ...line]);
}

function keyText(key: JsonRow["key"]): string {
  return printKey(fromJsonBytes(key));
}
