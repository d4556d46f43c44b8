// The records of a CSV input, each as the row it stands for. See csv-sink.ts for how cells are spelled.
import { parse } from "csv-parse";
import type { Parser } from "csv-parse";
import { usageError } from "../cli-error.ts";
import type { JsonValue } from "../json-bytes.ts";
import { TYPED_VALUE } from "../output/csv-sink.ts";
import type { ImportPosition } from "./import-checkpoint.ts";
import type { InputLine } from "./import-window.ts";

export interface CsvSourceOptions {
  /** From the first byte on: records before `start.line` are read and passed over. */
  readonly stream: AsyncIterable<Buffer>;
  readonly start: ImportPosition;
  /** Columns whose values are 64-bit integers. */
  readonly int64: ReadonlySet<string>;
}

/** A field: null is an empty one without quotes. */
type Field = string | null;

/** Yields what is to be sent, in order. Lines are numbered as records, the header not counted. */
export async function* csvSource({
  stream,
  start,
  int64,
}: CsvSourceOptions): AsyncGenerator<readonly InputLine[]> {
  let header: readonly string[] | null = null;
  let number = 0;
  let found: InputLine[] = [];
  const add = (bytes: Buffer | null, input: Buffer, at: number, detail: string): void => {
    number++;
    if (number <= start.line) return;
    const failure = bytes === null ? { status: 400, code: "INVALID_REQUEST", detail } : null;
    found.push({ number, endOffset: at, rows: number, bytes, input, failure });
  };
  const parser = parse({
    bom: true,
    skip_empty_lines: true,
    skip_records_with_error: true,
    cast: (text, { quoting }) => (text === "" && !quoting ? null : text),
    on_record: (record: Field[], context) => {
      if (header === null) {
        header = checkedHeader(record);
      } else {
        const row = Buffer.from(JSON.stringify(rowOf(header, record, int64)));
        add(row, row, context.bytes, "");
      }
      return null;
    },
    on_skip: (error, raw) => {
      const input = Buffer.from(raw ?? "", "utf8");
      add(null, input, parser.info.bytes, error?.message ?? "not CSV");
    },
  });
  // Told by the write that met it.
  parser.on("error", () => {});
  parser.resume();
  for await (const chunk of stream) {
    await write(parser, chunk);
    if (found.length > 0) yield found;
    found = [];
  }
  await end(parser);
  if (found.length > 0) yield found;
}

function checkedHeader(record: readonly Field[]): readonly string[] {
  const names = record.map((name) => name ?? "");
  if (!names.includes("key")) {
    throw usageError(
      `the CSV header has no column "key", but ${names.slice(0, 5).join(", ")}`,
      "The first line names the columns: key,family:qualifier,...",
    );
  }
  const wrong = names.find((name) => name !== "key" && !name.includes(":"));
  if (wrong !== undefined) {
    throw usageError(`the CSV column ${JSON.stringify(wrong)} is not family:qualifier`);
  }
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw usageError(`the CSV column ${twice} occurs twice`);
  return names;
}

function rowOf(
  header: readonly string[],
  record: readonly Field[],
  int64: ReadonlySet<string>,
): object {
  let key: JsonValue = "";
  const columns = new Map<string, JsonValue>();
  for (const [index, name] of header.entries()) {
    const field = record[index] ?? null;
    if (name === "key") key = jsonValue(field ?? "");
    else if (field !== null) {
      columns.set(name, int64.has(name) ? { int64: field.trim() } : jsonValue(field));
    }
  }
  return { key, columns: Object.fromEntries(columns) };
}

function jsonValue(field: string): JsonValue {
  return TYPED_VALUE.test(field) ? (JSON.parse(field) as JsonValue) : field;
}

function write(parser: Parser, chunk: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    parser.write(chunk, (error) => (error ? reject(error) : resolve()));
  });
}

function end(parser: Parser): Promise<void> {
  return new Promise((resolve, reject) => {
    parser.once("error", reject);
    parser.end(() => resolve());
  });
}
