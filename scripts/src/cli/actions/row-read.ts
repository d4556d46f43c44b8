// Reads: get, scan, count.
import { CliError, EXIT, usageError } from "../cli-error.ts";
import type { CliContext } from "../context.ts";
import { counted } from "../counted.ts";
import { quote } from "../curl-line.ts";
import { parseKey, printKey } from "../key-text.ts";
import { toJsonBytes } from "../json-bytes.ts";
import { OutputWriter } from "../output/output-writer.ts";
import { writeRecord } from "../output/records.ts";
import { openRowSink } from "../output/open-row-sink.ts";
import { cellPath, rowPath, tablePath } from "../rest-path.ts";
import { RowStream } from "../row-stream.ts";
import type { RowQuery } from "../row-stream.ts";
import { consistencyQuery, isInterruption, withSession } from "../session.ts";
import type { ConsistencyOptions, GlobalOptions, Session } from "../session.ts";

export interface ReadOptions extends GlobalOptions, ConsistencyOptions {
  readonly columns?: readonly string[];
  readonly versions?: number | "all";
}

export interface RangeOptions extends GlobalOptions, ConsistencyOptions {
  readonly prefix?: string;
  readonly start?: string;
  readonly after?: string;
  readonly end?: string;
}

export interface ScanOptions extends ReadOptions, RangeOptions {
  readonly reverse?: boolean;
  readonly limit?: number;
  readonly keysOnly?: boolean;
  readonly all?: boolean;
}

const TERMINAL_ROWS = 100;
/** A person waits no longer for a stream that was cut. */
const SCAN_RETRY_MS = 10_000;

export function getRow(
  context: CliContext,
  [table = "", keyText = "", ...named]: readonly string[],
  options: ReadOptions,
): Promise<number> {
  return withSession(context, options, async (session) => {
    const key = parseKey(keyText);
    const columns = [...named, ...(options.columns ?? [])];
    const [column] = columns;
    const { client, format } = session;
    const { path, query } = rowPath(table, key);
    const isOneCell = columns.length === 1 && column !== undefined && column.includes(":");
    if (format === "raw" && isOneCell && options.versions === undefined) {
      const cell = cellPath(table, key, column);
      const reply = await client.call({
        method: "GET",
        path: cell.path,
        query: { ...cell.query, ...consistencyQuery(options) },
      });
      await new OutputWriter(context.stdout).write(reply.bytes);
      return;
    }
    const reply = await client.call({
      method: "GET",
      path,
      query: { ...query, ...readQuery(columns, options), ...consistencyQuery(options) },
    });
    if (format === "json") {
      const text = JSON.stringify(reply.json(), null, 2);
      await new OutputWriter(context.stdout).write(`${text}\n`);
      return;
    }
    const sink = await openRowSink(format, {
      context,
      full: options.full === true,
      columns: undefined,
    });
    await sink.rows([reply.bytes]);
    await sink.end();
  });
}

function readQuery(columns: readonly string[], { versions }: ReadOptions) {
  return {
    columns: columns.length === 0 ? undefined : columns.join(","),
    view: versions === undefined ? undefined : "cells",
    versions: versions === undefined ? undefined : String(versions),
  };
}

export function scanRows(
  context: CliContext,
  [table = ""]: readonly string[],
  options: ScanOptions,
): Promise<number> {
  return withSession(context, options, async (session) => {
    const { format, tell } = session;
    const query = rowQuery(options, session);
    const stream = new RowStream({
      client: session.client,
      table,
      query,
      parameters: consistencyQuery(options),
      retryForMs: SCAN_RETRY_MS,
      interrupt: context.interrupt,
      tell,
    });
    const sink = await openRowSink(format, {
      context,
      full: options.full === true,
      columns: options.columns,
    });
    try {
      for await (const rows of stream.lines()) await sink.rows(rows);
    } catch (error) {
      if (format !== "raw") await sink.end();
      if (isInterruption(error)) throw interruptedScan(stream, table, options);
      throw error;
    }
    await sink.end();
    if (stream.more && context.stdout.isTTY === true) {
      const on = `stele ${continued(stream, table, options)}`;
      const all = options.limit === undefined ? " (or --all for every row)" : "";
      tell(`${counted(stream.rows, "row")}; go on with: ${on}${all}`);
    }
  });
}

/** The range of a scan, without limit. */
export function rangeQuery(options: RangeOptions): RowQuery {
  const { prefix, start, after, end } = options;
  if (start !== undefined && after !== undefined) {
    throw usageError("--start and --after exclude each other");
  }
  const bound = (text: string | undefined, flag: string): Buffer | undefined => {
    return text === undefined ? undefined : parseKey(text, flag);
  };
  return {
    prefix: bound(prefix, "--prefix"),
    start: bound(start, "--start"),
    startAfter: bound(after, "--after"),
    end: bound(end, "--end"),
  };
}

function rowQuery(options: ScanOptions, { context, format }: Session): RowQuery {
  const range = rangeQuery(options);
  const isBounded = [range.prefix, range.start, range.startAfter, range.end, options.limit].some(
    (bound) => bound !== undefined,
  );
  const isShort = context.stdout.isTTY === true && !isBounded && options.all !== true;
  return {
    ...range,
    reverse: options.reverse,
    limit: options.limit ?? (isShort ? TERMINAL_ROWS : undefined),
    columns: options.columns,
    versions: options.versions,
    keysOnly: options.keysOnly === true || format === "keys",
  };
}

/** The command line that goes on behind the last row. */
function continued({ lastKey }: RowStream, table: string, options: ScanOptions): string {
  const { prefix, start, after, end, reverse, limit, columns, versions, output } = options;
  const last = lastKey === null ? undefined : printKey(lastKey);
  const goesDown = reverse === true;
  const text = (flag: string, value: string | undefined): string[] => {
    return value === undefined ? [] : [flag, quote(value)];
  };
  return [
    "scan",
    quote(table),
    ...text("--prefix", prefix),
    ...text("--start", last === undefined || goesDown ? start : undefined),
    ...text("--after", last === undefined || goesDown ? after : last),
    ...text("--end", last === undefined || !goesDown ? end : last),
    ...(goesDown ? ["--reverse"] : []),
    ...text("--limit", limit === undefined ? undefined : String(limit)),
    ...(options.keysOnly === true ? ["--keys-only"] : []),
    ...text("--columns", columns?.join(",")),
    ...text("--versions", versions === undefined ? undefined : String(versions)),
    ...text("-o", output),
  ].join(" ");
}

function interruptedScan(stream: RowStream, table: string, options: ScanOptions): CliError {
  return new CliError(EXIT.interrupted, `interrupted after ${counted(stream.rows, "row")}`, {
    hint: `Go on with: stele ${continued(stream, table, options)}`,
  });
}

interface CountAnswer {
  readonly count: number;
  readonly nextPageToken?: string;
}

export function countRows(
  context: CliContext,
  [table = ""]: readonly string[],
  options: RangeOptions,
): Promise<number> {
  return withSession(context, options, async ({ client, format }) => {
    const { prefix, start, startAfter, end } = rangeQuery(options);
    const range = {
      prefix: prefix && toJsonBytes(prefix),
      start: start && toJsonBytes(start),
      startAfter: startAfter && toJsonBytes(startAfter),
      end: end && toJsonBytes(end),
    };
    let count = 0;
    let pageToken: string | undefined;
    do {
      const reply = await client.call({
        method: "POST",
        path: tablePath(table, "/rows:count"),
        query: consistencyQuery(options),
        body: { kind: "json", value: { ...range, pageToken } },
      });
      const answer = reply.json<CountAnswer>();
      count += answer.count;
      pageToken = answer.nextPageToken;
    } while (pageToken !== undefined);
    if (format === "raw" || format === "table") {
      await new OutputWriter(context.stdout).write(`${count}\n`);
      return;
    }
    const field = { name: "count", text: (record: { count: number }) => String(record.count) };
    await writeRecord({ count }, { context, format, fields: [field] });
  });
}
