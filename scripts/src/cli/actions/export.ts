// Writes a range of a table to standard output or a file.
//
// E1. A file grows under the name `<file>.part` and gets its own name when it is complete.
// E2. --resume goes on behind the last whole row of such a part.
import { createReadStream, createWriteStream, existsSync, renameSync, truncateSync } from "node:fs";
import { once } from "node:events";
import type { WriteStream } from "node:fs";
import { CliError, usageError } from "../cli-error.ts";
import type { CliContext } from "../context.ts";
import { counted } from "../counted.ts";
import { fromJsonBytes } from "../json-bytes.ts";
import { printKey } from "../key-text.ts";
import { readLines } from "../ndjson-lines.ts";
import { OutputWriter } from "../output/output-writer.ts";
import { openRowSink } from "../output/open-row-sink.ts";
import { parseRow } from "../output/row-sink.ts";
import type { RowSink } from "../output/row-sink.ts";
import { durationText, Progress } from "../progress.ts";
import { RowStream } from "../row-stream.ts";
import { consistencyQuery, withSession } from "../session.ts";
import type { Session } from "../session.ts";
import { rangeQuery } from "./row-read.ts";
import type { RangeOptions, ReadOptions } from "./row-read.ts";

export interface ExportOptions extends RangeOptions, ReadOptions {
  readonly out?: string;
  readonly resume?: boolean;
  readonly retryFor: number;
}

export function exportRows(
  context: CliContext,
  [table = ""]: readonly string[],
  options: ExportOptions,
): Promise<number> {
  return withSession(context, options, async (session) => {
    const { out } = options;
    const format = exportFormat(options);
    if (out === undefined && options.resume === true) throw usageError("--resume needs --out");
    if (format === "csv" && options.resume === true) throw usageError("--resume needs NDJSON");
    const part =
      out === undefined || options.curl === true ? null : await PartFile.open(out, options);
    const writer = new OutputWriter(part?.stream ?? context.stdout);
    const sink = await openRowSink(format, {
      context,
      full: true,
      columns: options.columns,
      writer,
    });
    const from = part?.lastKey ?? undefined;
    const range = rangeQuery(options);
    const stream = new RowStream({
      client: session.client,
      table,
      query: {
        ...range,
        ...(from === undefined ? {} : { start: undefined, startAfter: from }),
        columns: options.columns,
        versions: options.versions,
      },
      parameters: consistencyQuery(options),
      retryForMs: options.retryFor,
      interrupt: context.interrupt,
      tell: session.tell,
    });
    try {
      const toTerminal = part === null && context.stdout.isTTY === true;
      await copyRows({ session, stream, sink, toTerminal });
      await part?.complete();
    } catch (error) {
      await part?.close();
      throw unfinished(error, stream, part);
    }
  });
}

/** NDJSON unless asked otherwise, also on a terminal. */
function exportFormat({ output, out }: ExportOptions): "ndjson" | "csv" {
  const format = output ?? (out?.endsWith(".csv") === true ? "csv" : "ndjson");
  if (format === "ndjson" || format === "csv") return format;
  throw usageError(`export writes ndjson or csv, not ${format}`);
}

interface Copy {
  readonly session: Session;
  readonly stream: RowStream;
  readonly sink: RowSink;
  /** Progress would stand between the rows. */
  readonly toTerminal: boolean;
}

async function copyRows({ session, stream, sink, toTerminal }: Copy): Promise<void> {
  const { context, options, tell } = session;
  const startedMs = performance.now();
  const progress = await Progress.start({
    stderr: context.stderr,
    shown: options.quiet !== true && !toTerminal,
    verb: "exported",
    totalBytes: undefined,
  });
  let bytes = 0;
  try {
    for await (const rows of stream.lines()) {
      for (const row of rows) bytes += row.length + 1;
      await sink.rows(rows);
      progress.advance({ rows: stream.rows, bytes, failed: 0 });
    }
    await sink.end();
  } finally {
    progress.stop();
  }
  if (!toTerminal) {
    tell(
      `exported ${counted(stream.rows, "row")} in ${durationText(performance.now() - startedMs)}`,
    );
  }
}

/** Says how to go on. */
function unfinished(error: unknown, stream: RowStream, part: PartFile | null): unknown {
  if (!(error instanceof CliError)) return error;
  const { lastKey } = stream;
  const onward =
    part !== null
      ? `The rows so far are in ${part.path}; the same command with --resume goes on.`
      : lastKey === null
        ? undefined
        : `Go on with --after ${printKey(lastKey)}`;
  return new CliError(
    error.exitCode,
    `${error.message}; exported so far: ${counted(stream.rows, "row")}`,
    {
      hint: onward ?? error.hint,
      code: error.code,
      cause: error,
    },
  );
}

class PartFile {
  readonly path: string;
  readonly stream: WriteStream;
  /** Of the last row that an earlier run wrote. */
  readonly lastKey: Buffer | null;
  readonly #out: string;

  private constructor(out: string, path: string, lastKey: Buffer | null) {
    this.#out = out;
    this.path = path;
    this.lastKey = lastKey;
    this.stream = createWriteStream(path, { flags: lastKey === null ? "w" : "a" });
  }

  static async open(out: string, { resume }: ExportOptions): Promise<PartFile> {
    const path = `${out}.part`;
    const lastKey = resume === true && existsSync(path) ? await cutToRows(path) : null;
    const part = new PartFile(out, path, lastKey);
    try {
      await once(part.stream, "open");
    } catch (error) {
      throw usageError(`cannot write ${path}: ${(error as Error).message}`);
    }
    return part;
  }

  async complete(): Promise<void> {
    await this.close();
    renameSync(this.path, this.#out);
  }

  async close(): Promise<void> {
    if (this.stream.destroyed) return;
    this.stream.end();
    await once(this.stream, "close");
  }
}

/** Cuts a half-written row off and gives the key of the last whole one; null: there is none. */
async function cutToRows(path: string): Promise<Buffer | null> {
  let last: Buffer | null = null;
  let bytes = 0;
  for await (const lines of readLines(createReadStream(path), { tail: "cut" })) {
    for (const line of lines) bytes += line.length + 1;
    last = Buffer.from(lines.at(-1) as Buffer);
  }
  truncateSync(path, bytes);
  return last === null ? null : fromJsonBytes(parseRow(last).key);
}
