// Results that are not rows (tables, tablets, servers, counts), in every form of output.
import { unreachable } from "@stele/shared/assert.ts";
import type { CliContext } from "../context.ts";
import { notOneCell } from "./format.ts";
import type { Format } from "./format.ts";
import { OutputWriter } from "./output-writer.ts";

export interface Field<T> {
  readonly name: string;
  readonly text: (record: T) => string;
  readonly isNumber?: boolean;
}

export interface RecordOutput<T> {
  readonly context: CliContext;
  readonly format: Format;
  /** The first names the record: what `-o keys` prints. */
  readonly fields: readonly [Field<T>, ...Field<T>[]];
}

/** A list: in JSON one array. */
export async function writeRecords<T>(
  records: readonly T[],
  { context, format, fields }: RecordOutput<T>,
): Promise<void> {
  const text = format === "json" ? `${JSON.stringify(records, null, 2)}\n` : null;
  const writer = new OutputWriter(context.stdout);
  await writer.write(text ?? (await recordsText(records, { format, fields })));
}

/** One record: in JSON an object. */
export async function writeRecord<T>(record: T, output: RecordOutput<T>): Promise<void> {
  if (output.format !== "json") return writeRecords([record], output);
  await new OutputWriter(output.context.stdout).write(`${JSON.stringify(record, null, 2)}\n`);
}

async function recordsText<T>(
  records: readonly T[],
  { format, fields }: Pick<RecordOutput<T>, "format" | "fields">,
): Promise<string> {
  const texts = (): string[][] => records.map((record) => fields.map(({ text }) => text(record)));
  const header = fields.map(({ name }) => name);
  switch (format) {
    case "json":
    case "ndjson":
      return records.map((record) => `${JSON.stringify(record)}\n`).join("");
    case "keys":
      return records.map((record) => `${fields[0].text(record)}\n`).join("");
    case "csv": {
      const { stringify } = await import("csv-stringify/sync");
      return stringify([header, ...texts()]);
    }
    case "table": {
      if (records.length === 0) return "";
      const { textTable } = await import("./text-table.ts");
      const numbers = fields.flatMap(({ isNumber }, index) => (isNumber === true ? [index] : []));
      return textTable(header, texts(), new Set(numbers));
    }
    case "raw":
      throw notOneCell("this command gives none");
    default:
      return unreachable(format);
  }
}
