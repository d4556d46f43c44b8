// Rows of a range, streamed, however often the stream is cut.
//
// S1. No row is given twice and none is missing: after a cut the stream goes on behind the last row
//     that was given, and a stream counts as whole only by its `end` line, whose count must fit.
// S2. Without a new row for `retryForMs` it gives up; each new row starts that time afresh.
import { setTimeout as sleep } from "node:timers/promises";
import { CliError, EXIT } from "./cli-error.ts";
import { fromJsonBytes, toJsonBytes } from "./json-bytes.ts";
import type { JsonBytes } from "./json-bytes.ts";
import { counted } from "./counted.ts";
import { isRetryable, ProblemError } from "./problem.ts";
import type { Problem } from "./problem.ts";
import type { RestClient } from "./rest-client.ts";
import { tablePath } from "./rest-path.ts";
import type { Query } from "./rest-path.ts";

export interface RowQuery {
  readonly prefix?: Buffer | undefined;
  readonly start?: Buffer | undefined;
  readonly startAfter?: Buffer | undefined;
  readonly end?: Buffer | undefined;
  readonly reverse?: boolean | undefined;
  readonly limit?: number | undefined;
  readonly columns?: readonly string[] | undefined;
  /** A number, or "all": then rows have `cells`. */
  readonly versions?: number | "all" | undefined;
  readonly keysOnly?: boolean | undefined;
}

export interface RowStreamOptions {
  readonly client: RestClient;
  readonly table: string;
  readonly query: RowQuery;
  /** consistency, maxStaleness. */
  readonly parameters: Query;
  readonly retryForMs: number;
  readonly interrupt: AbortSignal;
  readonly tell: (line: string) => void;
}

const BACKOFF_MIN_MS = 100;
const BACKOFF_MAX_MS = 2000;
const ROW_START = Buffer.from('{"key":');

type Control =
  | { readonly kind: "row" }
  | { readonly kind: "progress" }
  | { readonly kind: "end"; readonly rows: number; readonly more: boolean }
  | { readonly kind: "error"; readonly problem: Problem };

export class RowStream {
  readonly #options: RowStreamOptions;
  #rows = 0;
  #lastLine: Buffer | null = null;
  #more = false;
  #rowsOfThisStream = 0;

  constructor(options: RowStreamOptions) {
    this.#options = options;
  }

  /** Rows given so far. */
  get rows(): number {
    return this.#rows;
  }

  /** The key of the last row given; null before the first. */
  get lastKey(): Buffer | null {
    if (this.#lastLine === null) return null;
    const { key } = JSON.parse(this.#lastLine.toString("utf8")) as { key: JsonBytes };
    return fromJsonBytes(key);
  }

  /** Whether the limit ended the rows before the range did. */
  get more(): boolean {
    return this.#more;
  }

  /** Yields rows as JSON lines, exactly as the server wrote them, without newlines. */
  async *lines(): AsyncGenerator<readonly Buffer[]> {
    let lastRowMs = performance.now();
    let backoffMs = BACKOFF_MIN_MS;
    for (;;) {
      const before = this.#rows;
      const failure = yield* this.#oneStream();
      if (failure === null) return;
      if (this.#rows > before) {
        lastRowMs = performance.now();
        backoffMs = BACKOFF_MIN_MS;
      }
      const { retryForMs, interrupt, tell } = this.#options;
      if (!isRetryable(failure) || performance.now() - lastRowMs > retryForMs) {
        throw this.#partial(failure);
      }
      tell(`${failure.message}; going on after ${counted(this.#rows, "row")}`);
      await sleep(backoffMs, undefined, { signal: interrupt }).catch(() => {});
      if (interrupt.aborted) throw new CliError(EXIT.interrupted, "interrupted");
      backoffMs = Math.min(backoffMs * 2, BACKOFF_MAX_MS);
    }
  }

  /** Null: the rows are complete. */
  async *#oneStream(): AsyncGenerator<readonly Buffer[], CliError | null> {
    const limit = this.#limitLeft();
    if (limit === 0) return null;
    this.#rowsOfThisStream = 0;
    try {
      const { client, table, parameters } = this.#options;
      const stream = await client.stream({
        method: "POST",
        path: tablePath(table, "/rows:scan"),
        query: parameters,
        body: { kind: "json", value: scanBody(this.#options.query, this.lastKey, limit) },
      });
      for await (const lines of stream.lines) {
        const { rows, last } = splitControl(lines);
        if (rows.length > 0) {
          this.#rows += rows.length;
          this.#rowsOfThisStream += rows.length;
          this.#lastLine = rows.at(-1) as Buffer;
          yield rows;
        }
        if (last.kind === "end") return this.#checkEnd(last);
        if (last.kind === "error") return new ProblemError(last.problem);
      }
    } catch (error) {
      if (error instanceof CliError && error.exitCode !== EXIT.interrupted) return error;
      throw error;
    }
    return new CliError(EXIT.unreachable, "the stream was cut");
  }

  #limitLeft(): number | undefined {
    const { limit } = this.#options.query;
    return limit === undefined ? undefined : limit - this.#rows;
  }

  #checkEnd({ rows, more }: { readonly rows: number; readonly more: boolean }): CliError | null {
    this.#more = more;
    if (rows === this.#rowsOfThisStream) return null;
    return new CliError(
      EXIT.partial,
      `the stream ended with ${counted(rows, "row")}, but ${this.#rowsOfThisStream} arrived`,
    );
  }

  #partial(failure: CliError): CliError {
    if (this.#rows === 0) return failure;
    return new CliError(
      EXIT.partial,
      `cut after ${counted(this.#rows, "row")}: ${failure.message}`,
      {
        hint: failure.hint,
        code: failure.code,
        cause: failure,
      },
    );
  }
}

function scanBody(query: RowQuery, lastKey: Buffer | null, limit: number | undefined): object {
  const { prefix, reverse, columns, versions, keysOnly } = query;
  const goesDown = reverse === true;
  const startAfter = lastKey !== null && !goesDown ? lastKey : query.startAfter;
  const start = lastKey !== null && !goesDown ? undefined : query.start;
  const end = lastKey !== null && goesDown ? lastKey : query.end;
  return {
    prefix: prefix && toJsonBytes(prefix),
    start: start && toJsonBytes(start),
    startAfter: startAfter && toJsonBytes(startAfter),
    end: end && toJsonBytes(end),
    reverse: goesDown ? true : undefined,
    limit,
    columns,
    view: versions === undefined ? undefined : "cells",
    versions,
    keysOnly: keysOnly === true ? true : undefined,
  };
}

/** Rows come first in practice; whatever follows a control line that ends the stream is ignored. */
function splitControl(lines: readonly Buffer[]): { rows: readonly Buffer[]; last: Control } {
  let last: Control = { kind: "row" };
  let rows: Buffer[] | null = null;
  for (const [index, line] of lines.entries()) {
    if (line.subarray(0, ROW_START.length).equals(ROW_START)) {
      rows?.push(line);
      continue;
    }
    const control = parseControl(line);
    if (control.kind === "row") {
      rows?.push(line);
      continue;
    }
    rows ??= lines.slice(0, index);
    last = control;
    if (control.kind !== "progress") break;
  }
  return { rows: rows ?? lines, last };
}

function parseControl(line: Buffer): Control {
  const value = JSON.parse(line.toString("utf8")) as {
    readonly key?: unknown;
    readonly progress?: unknown;
    readonly end?: { readonly rows: number; readonly nextPageToken?: string };
    readonly error?: Problem;
  };
  if (value.key !== undefined) return { kind: "row" };
  if (value.end !== undefined) {
    const { rows, nextPageToken } = value.end;
    return { kind: "end", rows, more: nextPageToken !== undefined };
  }
  if (value.error !== undefined) return { kind: "error", problem: value.error };
  return { kind: "progress" };
}
