/**
 * Rows as NDJSON: one a line, control lines without `key` between and after them (docs/REST_API.md).
 *
 * N1. The last line is exactly one of `end` and `error`; a stream without either was cut.
 * N2. The next chunk is fetched while the current one is sent, and never more.
 * N3. After 5 s without a row, a `progress` line says where the scan is.
 */
import type { Clock } from "@stele/shared/clock.ts";
import type { Row } from "@stele/shared/row.ts";
import type { TableScanChunk } from "../operations.ts";
import { encodePageToken } from "./page-token.ts";
import { expectedError, problemOf } from "./problem-json.ts";
import type { RequestLimits } from "./request-limits.ts";
import type { RowView } from "./row-json.ts";
import { renderRow } from "./row-json.ts";
import { isLargeRow, rowPieces } from "./row-pieces.ts";
import type { ScanCursor } from "./scan-cursor.ts";

const PROGRESS_MS = 5000;
const CHUNK_ROWS = 2000;
const CHUNK_BYTES = 1024 * 1024;
/** Rows are gathered into pieces of the size that is sent. */
const PIECE_CHARACTERS = 32 * 1024;

export interface RowStream {
  readonly clock: Clock;
  readonly cursor: ScanCursor;
  readonly view: RowView;
  /** Rows in all; null: no limit. */
  readonly limit: number | null;
  readonly fingerprint: Buffer;
  readonly requestId: string;
  readonly limits: RequestLimits;
  /** Bounds each chunk. */
  readonly timeoutMs: number;
}

export function nextChunk(stream: RowStream, rowsSent: number): Promise<TableScanChunk> {
  const { clock, cursor, limit, limits, timeoutMs } = stream;
  const rows = limit === null ? CHUNK_ROWS : Math.min(CHUNK_ROWS, limit - rowsSent);
  return cursor.next(
    { limit: rows, byteBudget: CHUNK_BYTES },
    limits.until(clock.monotonicMs() + timeoutMs),
  );
}

/** `first`: the chunk that was fetched before the reply began; null: there is none to fetch. */
export async function* rowLines(
  stream: RowStream,
  first: TableScanChunk | null,
): AsyncGenerator<string> {
  const { clock, cursor, view, limit } = stream;
  let sent = 0;
  let chunk = first;
  let lastRowMs = clock.monotonicMs();
  let token = tokenAt(stream);
  while (chunk !== null) {
    const rows: TableScanChunk["rows"] = chunk.rows;
    const isLast = cursor.isDone || (limit !== null && sent + rows.length >= limit);
    token = tokenAt(stream);
    const pending = isLast ? null : settled(nextChunk(stream, sent + rows.length));
    yield* linesOf(rows, view);
    yield "";
    sent += rows.length;
    if (rows.length > 0) lastRowMs = clock.monotonicMs();
    if (pending === null) break;
    let outcome = await earlier(clock, pending, lastRowMs + PROGRESS_MS);
    while (outcome === null) {
      lastRowMs = clock.monotonicMs();
      yield `{"progress":{"nextPageToken":"${token}"}}\n`;
      yield "";
      outcome = await earlier(clock, pending, lastRowMs + PROGRESS_MS);
    }
    if (outcome.kind === "failed") {
      yield errorLine(stream, outcome.error, token);
      return;
    }
    chunk = outcome.chunk;
  }
  yield endLine(stream, sent);
}

function* linesOf(rows: readonly Row[], view: RowView): Generator<string> {
  let text = "";
  for (const row of rows) {
    if (isLargeRow(row)) {
      yield text;
      yield* rowPieces(row, view);
      text = "\n";
    } else text += `${renderRow(row, view)}\n`;
    if (text.length < PIECE_CHARACTERS) continue;
    yield text;
    text = "";
  }
  yield text;
}

function endLine(stream: RowStream, rows: number): string {
  const { staleness, session, isDone } = stream.cursor;
  const more = isDone ? {} : { nextPageToken: tokenAt(stream) };
  return `${JSON.stringify({ end: { rows, staleness, session: String(session), ...more } })}\n`;
}

function errorLine(stream: RowStream, error: unknown, nextPageToken: string): string {
  const body = expectedError(error);
  if (body === null) throw error;
  const problem = problemOf(body, stream.requestId);
  return `${JSON.stringify({ error: { ...problem, nextPageToken } })}\n`;
}

/** Where the scan goes on after the chunks that arrived; empty before the first. */
function tokenAt({ cursor, fingerprint }: RowStream): string {
  return cursor.place === null ? "" : encodePageToken(fingerprint, cursor.place);
}

type ChunkOutcome =
  | { readonly kind: "chunk"; readonly chunk: TableScanChunk }
  | { readonly kind: "failed"; readonly error: unknown };

/** Never rejects: a stream that is closed early leaves its last fetch behind. */
function settled(chunk: Promise<TableScanChunk>): Promise<ChunkOutcome> {
  return chunk.then(
    (value) => ({ kind: "chunk", chunk: value }),
    (error: unknown) => ({ kind: "failed", error }),
  );
}

/** The outcome, or null when it is not there at `untilMs`. */
function earlier(
  clock: Clock,
  outcome: Promise<ChunkOutcome>,
  untilMs: number,
): Promise<ChunkOutcome | null> {
  return new Promise((resolve) => {
    const delayMs = Math.max(0, untilMs - clock.monotonicMs());
    const cancel = clock.after(delayMs, () => resolve(null));
    void outcome.then((value) => {
      cancel();
      resolve(value);
    });
  });
}
