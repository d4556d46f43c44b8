/** Many rows by key: POST rows:get (docs/REST_API.md). */
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
import type { RowView } from "./row-json.ts";
import { checkedKey, tableOf } from "./row-path.ts";
import { foundRowPieces } from "./row-pieces.ts";
import { rowBytes } from "./row-size.ts";
import { refuseFilter } from "./no-filters.ts";
import { streamText } from "./text-stream.ts";

const QUERY: ReadonlySet<string> = new Set([...FRESHNESS_PARAMETERS, "timeout"]);
const MEMBERS: ReadonlySet<string> = new Set(["keys", ...SHAPE_PARAMETERS]);

/** Keys read together, fewer when their rows are large: what is held of an answer at a time. */
const WINDOW_KEYS = 256;
/** A JSON answer is held until its status is known: one row of any size, or many small ones. */
const MAX_ANSWER_BYTES = 72 * 1024 * 1024;
const PIECE_CHARACTERS = 32 * 1024;

/** A key, and what reading it gave. */
interface Answer {
  readonly key: Buffer;
  readonly result: Awaited<ReturnType<RowOperations["readMany"]>>["results"][number];
}

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
  refuseFilter(body, null);
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

  get view(): RowView {
    return this.#options.view;
  }

  get count(): number {
    return this.#keys.length;
  }

  /** What the next keys give, one at least; none: all were read. */
  async next(limits: CallLimits): Promise<readonly Answer[]> {
    const keys = this.#keys.slice(this.#read, this.#read + WINDOW_KEYS);
    if (keys.length === 0) return [];
    const { projection } = this.#options;
    const answer = await this.#rows.readMany(this.#table, keys, projection, limits);
    this.#read += answer.results.length;
    this.staleness = Math.max(this.staleness, answer.staleness);
    this.session = version(Math.max(this.session, answer.session));
    return answer.results.map((result, index) => ({ key: keys[index] as Buffer, result }));
  }
}

/** One key's answer as JSON text. */
function* answerPieces({ key, result }: Answer, view: RowView): Generator<string> {
  if (result.kind === "failed") {
    const problem = JSON.stringify(operationProblem(result.error)).slice(1);
    yield `{"key":${renderBytes(key)},${problem}`;
  } else if (result.row === null) yield `{"key":${renderBytes(key)},"found":false}`;
  else yield* foundRowPieces(result.row, view);
}

async function answerJson(
  context: RestContext,
  reply: FastifyReply,
  reader: WindowReader,
  limits: CallLimits,
): Promise<void> {
  const answers: Answer[] = [];
  let bytes = 0;
  for (;;) {
    const window = await reader.next(limits);
    if (window.length === 0) break;
    for (const answer of window) {
      const { result } = answer;
      if (result.kind === "read" && result.row !== null) bytes += rowBytes(result.row);
      answers.push(answer);
    }
    if (bytes > MAX_ANSWER_BYTES) throw answerTooLarge();
  }
  const status = answers.some(({ result }) => result.kind === "failed") ? 207 : 200;
  context.replies.begin(reply, status, JSON_TYPE, freshnessHeaders(reader));
  streamText(context, reply, gathered(listPieces(answers, reader.view)));
}

function* listPieces(answers: readonly Answer[], view: RowView): Generator<string> {
  let opening = '{"rows":[';
  for (const answer of answers) {
    yield opening;
    yield* answerPieces(answer, view);
    opening = ",";
  }
  yield answers.length === 0 ? '{"rows":[]}' : "]}";
}

function answerTooLarge(): DatabaseError {
  return new DatabaseError({
    code: "TOO_LARGE",
    detail: `the rows asked for pass ${MAX_ANSWER_BYTES} bytes`,
    hint: `ask for fewer keys, or for Accept: ${NDJSON_TYPE}`,
  });
}

async function* rowLines(
  reader: WindowReader,
  first: readonly Answer[],
  ofWindow: () => CallLimits,
  requestId: string,
): AsyncGenerator<string> {
  let answers = first;
  try {
    while (answers.length > 0) {
      yield* gathered(linePieces(answers, reader.view));
      yield "";
      answers = await reader.next(ofWindow());
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

function* linePieces(answers: readonly Answer[], view: RowView): Generator<string> {
  for (const answer of answers) {
    yield* answerPieces(answer, view);
    yield "\n";
  }
}

/** Small pieces joined: each that is sent costs more than most rows. */
function* gathered(pieces: Iterable<string>): Generator<string> {
  let text = "";
  for (const piece of pieces) {
    text += piece;
    if (text.length < PIECE_CHARACTERS) continue;
    yield text;
    text = "";
  }
  if (text !== "") yield text;
}
