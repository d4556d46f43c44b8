// Rows as CSV: `key`, then a column a column. What it writes, `import` takes.
//
// V1. Cells hold text as it is. Bytes that are not text, and text that would be taken for such, are
//     written as {"b64":".."}; an empty value is a quoted empty field, no cell an empty field.
// V2. A number is written as its digits; `import --int64 COLUMN` makes it a number again.
// V3. The header comes first, so columns that were not named must all occur in the first rows.
import { stringify } from "csv-stringify/sync";
import { CliError, EXIT, usageError } from "../cli-error.ts";
import type { JsonBytes, JsonRow, JsonValue } from "../json-bytes.ts";
import type { OutputWriter } from "./output-writer.ts";
import { parseRow } from "./row-sink.ts";
import type { RowSink } from "./row-sink.ts";

const HEADER_ROWS = 1000;
/** Text that `import` reads as bytes or as a number. */
export const TYPED_VALUE = /^\{"(?:b64|int64)":"[^"]*"\}$/;

export class CsvSink implements RowSink {
  readonly #writer: OutputWriter;
  #columns: readonly string[] | null;
  #rows: JsonRow[] = [];

  constructor(writer: OutputWriter, columns: readonly string[] | undefined) {
    this.#writer = writer;
    const known = columns !== undefined && columns.every((column) => column.includes(":"));
    this.#columns = known ? columns : null;
    if (known) this.#headerDue = true;
  }

  #headerDue = false;

  async rows(lines: readonly Buffer[]): Promise<void> {
    this.#rows.push(...lines.map(parseRow));
    if (this.#columns !== null || this.#rows.length >= HEADER_ROWS) await this.#flush();
  }

  async end(): Promise<void> {
    await this.#flush();
  }

  async #flush(): Promise<void> {
    const rows = this.#rows;
    this.#rows = [];
    if (this.#columns === null) {
      this.#columns = [...new Set(rows.flatMap(({ columns = {} }) => Object.keys(columns)))].sort();
      this.#headerDue = true;
    }
    const columns = this.#columns;
    const records = rows.map((row) => record(row, columns));
    if (this.#headerDue) records.unshift(["key", ...columns]);
    this.#headerDue = false;
    await this.#writer.write(stringify(records, { cast: { string: quoteEmpty } }));
  }
}

/** The library's own option would quote the field of a missing cell too. */
function quoteEmpty(text: string): string | { value: string; quoted_empty: true } {
  return text === "" ? { value: text, quoted_empty: true } : text;
}

function record(row: JsonRow, columns: readonly string[]): (string | null)[] {
  if (row.cells !== undefined) throw usageError("CSV has no place for versions: use -o ndjson");
  const values = row.columns ?? {};
  const unknown = Object.keys(values).find((name) => !columns.includes(name));
  if (unknown !== undefined) {
    throw new CliError(
      EXIT.partial,
      `the column ${unknown} occurs first in row ${JSON.stringify(row.key)}, behind the CSV header`,
      { hint: "Name the columns: --columns FAMILY:QUALIFIER,..." },
    );
  }
  return [
    fieldText(row.key),
    ...columns.map((name) => {
      const value = values[name];
      return value === undefined ? null : fieldText(value);
    }),
  ];
}

function fieldText(value: JsonBytes | JsonValue): string {
  if (typeof value === "string") {
    if (!TYPED_VALUE.test(value)) return value;
    return JSON.stringify({ b64: Buffer.from(value, "utf8").toString("base64url") });
  }
  return "int64" in value ? value.int64 : JSON.stringify(value);
}
