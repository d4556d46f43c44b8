/** Many rows by key: POST rows:get (rest-api section 4). */
import type { FastifyReply, FastifyRequest } from "fastify";
import { DatabaseError } from "@stele/shared/errors.ts";
import { version } from "@stele/shared/ids.ts";
import type { CallLimits, RowOperations } from "../operations.ts";
import { parseBytes, renderBytes } from "./bytes-json.ts";
import { at, invalidBody, listOf, objectOf, onlyMembers } from "./invalid-input.ts";
import { LIMITS, ROW_TIMEOUT_MS } from "./limits.ts";
import { JSON_TYPE, NDJSON_TYPE, prefersNdjson } from "./media-types.ts";
import { expectedError, operationProblem, problemOf } from "./problem-json.ts";
import {
  FRESHNESS_PARAMETERS,
  SHAPE_PARAMETERS,
  checkFreshness,
  readOptionsOfBody,
} from "./read-options.ts";
import type { ReadOptions } from "./read-options.ts";
import { freshnessHeaders } from "./reply-writer.ts";
import { limitsOf, queryOf, timeoutOf } from "./rest-context.ts";
import type { RestContext } from "./rest-context.ts";
import type { Route } from "./route.ts";
import { renderFoundRow } from "./row-json.ts";
import { checkedKey, tableOf } from "./row-path.ts";
import { refuseFilter } from "./scan-request.ts";
import { streamText } from "./text-stream.ts";

const QUERY: ReadonlySet<string> = new Set([...FRESHNESS_PARAMETERS, "timeout"]);
const MEMBERS: ReadonlySet<string> = new Set(["keys", ...SHAPE_PARAMETERS]);

/** Keys read together: what is held of an answer at a time. */
const WINDOW_KEYS = 256;
/** A JSON answer is held until its status is known; larger ones are for NDJSON. */
const MAX_ANSWER_CHARACTERS = 64 * 1024 * 1024;

export function rowsGetRoutes(context: RestContext): readonly Route[] {
  return [
    {
      op: "rows_get",
      methods: ["POST"],
      path: "/v1/tables/{table}/rows:get",
      summary: "Read many rows by key, in the order of the request",
      query: QUERY,
      body: "json",
      effect: "read",
      handler: (request, reply) => getRows(context, request, reply),
    },
  ];
}

async function getRows(
  context: RestContext,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const query = queryOf(request, QUERY);
  const table = tableOf(request);
  const limits = limitsOf(context, reply, query, ROW_TIMEOUT_MS);
  checkFreshness(query, request.raw.headers);
  const body = objectOf(await context.bodies.json(request, reply, limits), null);
  refuseFilter(body);
  onlyMembers(body, MEMBERS, null);
  const keys = parseKeys(body.keys);
  const reader = new WindowReader(context.rows, table, keys, readOptionsOfBody(body));
  if (keys.length === 0) await context.tables.describe(table, limits);
  if (!prefersNdjson(request.raw.headers.accept)) {
    await answerJson(context, reply, reader, limits);
    return;
  }
  const timeoutMs = timeoutOf(query, ROW_TIMEOUT_MS);
  const ofWindow = () => limits.until(context.clock.monotonicMs() + timeoutMs);
  const first = await reader.next(ofWindow());
  context.replies.begin(reply, 200, NDJSON_TYPE);
  streamText(context, reply, rowLines(reader, first, ofWindow, request.id));
}

function parseKeys(value: unknown): readonly Buffer[] {
  const place = at(null, "keys");
  const list = listOf(value, place);
  if (list.length > LIMITS.keys) throw invalidBody(place, `must hold at most ${LIMITS.keys} keys`);
  return list.map((key, index) => checkedKey(parseBytes(key, at(place, index)), `/keys/${index}`));
}

/** Reads the rows of a list of keys, one window after another. */
class WindowReader {
  /** The largest of all windows so far. */
  staleness = 0;
  session = version(0);
  hasFailures = false;
  readonly #rows: RowOperations;
  readonly #table: string;
  readonly #keys: readonly Buffer[];
  readonly #options: ReadOptions;
  #read = 0;

  constructor(rows: RowOperations, table: string, keys: readonly Buffer[], options: ReadOptions) {
    this.#rows = rows;
    this.#table = table;
    this.#keys = keys;
    this.#options = options;
  }

  get count(): number {
    return this.#keys.length;
  }

  /** The rows of the next window as JSON texts; none: all were read. */
  async next(limits: CallLimits): Promise<readonly string[]> {
    const keys = this.#keys.slice(this.#read, this.#read + WINDOW_KEYS);
    if (keys.length === 0) return [];
    const { projection, view } = this.#options;
    const answer = await this.#rows.readMany(this.#table, keys, projection, limits);
    this.#read += keys.length;
    this.staleness = Math.max(this.staleness, answer.staleness);
    this.session = version(Math.max(this.session, answer.session));
    return answer.results.map((result, index) => {
      const key = renderBytes(keys[index] as Buffer);
      if (result.kind === "failed") {
        this.hasFailures = true;
        return `{"key":${key},${JSON.stringify(operationProblem(result.error)).slice(1)}`;
      }
      if (result.row === null) return `{"key":${key},"found":false}`;
      return renderFoundRow(result.row, view);
    });
  }
}

async function answerJson(
  context: RestContext,
  reply: FastifyReply,
  reader: WindowReader,
  limits: CallLimits,
): Promise<void> {
  const windows: string[] = [];
  let characters = 0;
  for (;;) {
    const rows = await reader.next(limits);
    if (rows.length === 0) break;
    const window = rows.join();
    characters += window.length;
    if (characters > MAX_ANSWER_CHARACTERS) throw answerTooLarge();
    windows.push(window);
  }
  const status = reader.hasFailures ? 207 : 200;
  context.replies.begin(reply, status, JSON_TYPE, freshnessHeaders(reader));
  streamText(context, reply, answerPieces(windows));
}

function* answerPieces(windows: readonly string[]): Generator<string> {
  let opening = '{"rows":[';
  for (const window of windows) {
    yield opening;
    yield window;
    opening = ",";
  }
  yield windows.length === 0 ? '{"rows":[]}' : "]}";
}

function answerTooLarge(): DatabaseError {
  return new DatabaseError({
    code: "TOO_LARGE",
    detail: `the rows asked for pass ${MAX_ANSWER_CHARACTERS} characters of JSON`,
    hint: `ask for fewer keys, or for Accept: ${NDJSON_TYPE}`,
  });
}

async function* rowLines(
  reader: WindowReader,
  first: readonly string[],
  ofWindow: () => CallLimits,
  requestId: string,
): AsyncGenerator<string> {
  let rows = first;
  try {
    while (rows.length > 0) {
      for (const row of rows) yield `${row}\n`;
      yield "";
      rows = await reader.next(ofWindow());
    }
  } catch (error) {
    const body = expectedError(error);
    if (body === null) throw error;
    yield `${JSON.stringify({ error: problemOf(body, requestId) })}\n`;
    return;
  }
  const { count, staleness, session } = reader;
  yield `${JSON.stringify({ end: { rows: count, staleness, session: String(session) } })}\n`;
}
