// One sink for each form of output.
import type { CliContext } from "../context.ts";
import { fromJsonBytes, fromJsonValue } from "../json-bytes.ts";
import { printKey } from "../key-text.ts";
import { unreachable } from "@stele/shared/assert.ts";
import { notOneCell } from "./format.ts";
import type { Format } from "./format.ts";
import { OutputWriter } from "./output-writer.ts";
import { parseRow } from "./row-sink.ts";
import type { RowSink } from "./row-sink.ts";

export interface RowSinkOptions {
  readonly context: CliContext;
  /** Long values are shown whole in tables. */
  readonly full: boolean;
  /** The columns of a CSV, when they are known; families and all are not columns. */
  readonly columns?: readonly string[] | undefined;
  /** Instead of standard output. */
  readonly writer?: OutputWriter | undefined;
}

const NEWLINE = Buffer.from("\n");
const JSON_GAP = Buffer.from(",\n");

export async function openRowSink(format: Format, options: RowSinkOptions): Promise<RowSink> {
  const writer = options.writer ?? new OutputWriter(options.context.stdout);
  switch (format) {
    case "ndjson":
      return new NdjsonSink(writer);
    case "json":
      return new JsonSink(writer);
    case "keys":
      return new KeysSink(writer);
    case "raw":
      return new RawSink(writer);
    case "table": {
      const { TableSink } = await import("./table-sink.ts");
      const width = options.context.stdout.columns ?? Infinity;
      return new TableSink(writer, { full: options.full, width });
    }
    case "csv": {
      const { CsvSink } = await import("./csv-sink.ts");
      return new CsvSink(writer, options.columns);
    }
    default:
      return unreachable(format);
  }
}

class NdjsonSink implements RowSink {
  readonly #writer: OutputWriter;

  constructor(writer: OutputWriter) {
    this.#writer = writer;
  }

  rows(lines: readonly Buffer[]): Promise<void> {
    return this.#writer.write(Buffer.concat(lines.flatMap((line) => [line, NEWLINE])));
  }

  async end(): Promise<void> {}
}

/** One array, a row a line. */
class JsonSink implements RowSink {
  readonly #writer: OutputWriter;
  #isFirst = true;

  constructor(writer: OutputWriter) {
    this.#writer = writer;
  }

  rows(lines: readonly Buffer[]): Promise<void> {
    const parts = lines.flatMap((line, index) => {
      return index === 0 && this.#isFirst ? [Buffer.from("[\n"), line] : [JSON_GAP, line];
    });
    if (lines.length > 0) this.#isFirst = false;
    return this.#writer.write(Buffer.concat(parts));
  }

  end(): Promise<void> {
    return this.#writer.write(this.#isFirst ? "[]\n" : "\n]\n");
  }
}

class KeysSink implements RowSink {
  readonly #writer: OutputWriter;

  constructor(writer: OutputWriter) {
    this.#writer = writer;
  }

  rows(lines: readonly Buffer[]): Promise<void> {
    const keys = lines.map((line) => `${printKey(fromJsonBytes(parseRow(line).key))}\n`);
    return this.#writer.write(keys.join(""));
  }

  async end(): Promise<void> {}
}

/** The bytes of the only cell, and nothing else. */
class RawSink implements RowSink {
  readonly #writer: OutputWriter;
  #value: Buffer | null = null;

  constructor(writer: OutputWriter) {
    this.#writer = writer;
  }

  async rows(lines: readonly Buffer[]): Promise<void> {
    for (const line of lines) {
      if (this.#value !== null) throw notOneCell("there are several rows");
      const { columns, cells } = parseRow(line);
      const values = Object.values(
        columns ?? Object.values(cells ?? {}).flatMap((versions) => versions.map((c) => c.value)),
      );
      const [value] = values;
      if (value === undefined) throw notOneCell("the row shows none");
      if (values.length > 1) throw notOneCell(`the row has ${values.length}`);
      this.#value = fromJsonValue(value);
    }
  }

  async end(): Promise<void> {
    if (this.#value === null) throw notOneCell("there is no row");
    await this.#writer.write(this.#value);
  }
}
