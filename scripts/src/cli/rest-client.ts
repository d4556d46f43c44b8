// The REST API as the command line calls it.
//
// R1. Every call has a deadline. The server gets it as `?timeout=`; here it ends a little later, so
//     that the server's own answer (504, what was applied) arrives first.
// R2. A status of 400 or more becomes a `ProblemError`, a failed connection a `CliError`: both carry
//     the exit code. Nothing is retried here.
// R3. Paths travel as they are; nothing on the way rewrites `..` or re-encodes an octet.
import { Readable } from "node:stream";
import { Pool } from "undici";
import type { Dispatcher } from "undici";
import { CliError, EXIT } from "./cli-error.ts";
import { curlLine } from "./curl-line.ts";
import { readLines } from "./ndjson-lines.ts";
import { ProblemError, problemOf } from "./problem.ts";
import type { RestAddress } from "./rest-address.ts";
import { queryText } from "./rest-path.ts";
import type { Query } from "./rest-path.ts";

const NDJSON = "application/x-ndjson";

export interface RestRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Below the base, encoded, without query. */
  readonly path: string;
  readonly query?: Query;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: RequestBody;
  /** What the call takes at most without --timeout; default 10 s. */
  readonly timeoutMs?: number;
}

export type RequestBody =
  | { readonly kind: "json"; readonly value: unknown }
  | { readonly kind: "bytes"; readonly bytes: Buffer }
  | {
      readonly kind: "lines";
      readonly lines: AsyncIterable<Buffer>;
      /** Where the lines come from, for --curl. */
      readonly file: string;
    };

export interface RestReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly bytes: Buffer;
  /** Parsed on demand. */
  json<T>(): T;
}

export interface RestStream {
  readonly headers: Readonly<Record<string, string>>;
  /** Lines as they arrive, without newlines. Ends early, without error, when the connection is cut. */
  readonly lines: AsyncIterable<readonly Buffer[]>;
}

export interface RestClientOptions {
  readonly address: RestAddress;
  /** From --timeout; undefined: each call's own. */
  readonly timeoutMs: number | undefined;
  readonly interrupt: AbortSignal;
  /** Told of each request and answer; absent: nobody asked. */
  readonly trace?: ((line: string) => void) | undefined;
  /** With --curl: told of the request, which is then not sent. */
  readonly spell?: ((line: string) => void) | undefined;
}

/** What --curl ends with, in place of an answer. */
export class SpelledOnly extends Error {
  override readonly name = "SpelledOnly";
}

const DEFAULT_TIMEOUT_MS = 10_000;
/** R1. */
const GRACE_MS = 1000;
const CONNECT_MS = 5000;
/** A stream sends a line at least every 5 s. */
const STREAM_SILENCE_MS = 30_000;

export class RestClient {
  readonly #options: RestClientOptions;
  readonly #pool: Pool;

  constructor(options: RestClientOptions) {
    this.#options = options;
    this.#pool = new Pool(options.address.origin, { connect: { timeout: CONNECT_MS } });
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }

  /** A call with a whole answer. */
  async call(request: RestRequest): Promise<RestReply> {
    const timeoutMs = this.#timeoutMs(request) + GRACE_MS;
    const reply = await this.#send(request, { headersMs: timeoutMs, silenceMs: timeoutMs });
    const bytes = await this.#wholeBody(reply, request, timeoutMs);
    return {
      status: reply.statusCode,
      headers: plainHeaders(reply.headers),
      bytes,
      json: <T>() => JSON.parse(bytes.toString("utf8")) as T,
    };
  }

  /** A call with an answer of any length, line by line. */
  async stream(request: RestRequest): Promise<RestStream> {
    const headers = { accept: NDJSON, ...request.headers };
    const reply = await this.#send(
      { ...request, headers },
      { headersMs: this.#timeoutMs(request) + GRACE_MS, silenceMs: STREAM_SILENCE_MS },
    );
    return { headers: plainHeaders(reply.headers), lines: uncut(reply.body, this.#options) };
  }

  #timeoutMs({ timeoutMs }: RestRequest): number {
    return this.#options.timeoutMs ?? timeoutMs ?? DEFAULT_TIMEOUT_MS;
  }

  async #send(
    request: RestRequest,
    { headersMs, silenceMs }: { readonly headersMs: number; readonly silenceMs: number },
  ): Promise<Dispatcher.ResponseData> {
    const { address, timeoutMs, interrupt, trace, spell } = this.#options;
    const timeout = timeoutMs === undefined ? undefined : `${timeoutMs}ms`;
    const query = queryText({ ...request.query, timeout });
    const path = `${address.basePath}${request.path}${query}`;
    const headers = { ...contentHeaders(request.body), ...request.headers };
    const line = (): string => spelled(request, address.origin + path, headers);
    if (spell !== undefined) {
      spell(line());
      throw new SpelledOnly();
    }
    trace?.(`> ${line()}`);
    const startedMs = performance.now();
    let reply: Dispatcher.ResponseData;
    try {
      reply = await this.#pool.request({
        method: request.method,
        path,
        headers,
        body: bodyOf(request.body),
        headersTimeout: headersMs,
        bodyTimeout: silenceMs,
        signal: interrupt,
      });
    } catch (error) {
      throw connectionError(error, { origin: address.origin, interrupt, method: request.method });
    }
    const served = reply.headers["stele-served-by"];
    const ms = (performance.now() - startedMs).toFixed(1);
    trace?.(`< ${reply.statusCode} after ${ms} ms${served === undefined ? "" : `, ${served}`}`);
    if (reply.statusCode < 400) return reply;
    const bytes = await this.#wholeBody(reply, request, headersMs);
    throw new ProblemError(problemOf(reply.statusCode, bytes.toString("utf8")), request.path);
  }

  async #wholeBody(
    reply: Dispatcher.ResponseData,
    { method }: RestRequest,
    timeoutMs: number,
  ): Promise<Buffer> {
    const { address, interrupt } = this.#options;
    const late = setTimeout(() => reply.body.destroy(new BodyLate()), timeoutMs);
    try {
      return Buffer.from(await reply.body.arrayBuffer());
    } catch (error) {
      throw connectionError(error, { origin: address.origin, interrupt, method });
    } finally {
      clearTimeout(late);
    }
  }
}

class BodyLate extends Error {
  readonly code = "UND_ERR_BODY_TIMEOUT";
}

/** A cut is known by what the lines lack, so it ends the lines like any end. */
async function* uncut(
  body: AsyncIterable<Buffer>,
  { interrupt }: RestClientOptions,
): AsyncGenerator<readonly Buffer[]> {
  try {
    yield* readLines(body, { tail: "cut" });
  } catch (error) {
    if (interrupt.aborted) throw interrupted(error);
    if (!isConnectionFailure(error)) throw error;
  }
}

function contentHeaders(body: RequestBody | undefined): Record<string, string> {
  switch (body?.kind) {
    case undefined:
      return {};
    case "json":
      return { "content-type": "application/json" };
    case "bytes":
      return { "content-type": "application/octet-stream" };
    case "lines":
      return { "content-type": NDJSON };
  }
}

function bodyOf(body: RequestBody | undefined): string | Buffer | Readable | null {
  switch (body?.kind) {
    case undefined:
      return null;
    case "json":
      return JSON.stringify(body.value);
    case "bytes":
      return body.bytes;
    case "lines":
      return Readable.from(body.lines, { objectMode: false });
  }
}

function spelled(request: RestRequest, url: string, headers: Record<string, string>): string {
  const { method, body } = request;
  const spelledBody = (): { text: string } | { file: string } | undefined => {
    switch (body?.kind) {
      case undefined:
        return undefined;
      case "json":
        return { text: JSON.stringify(body.value) };
      case "bytes":
        return { file: "-" };
      case "lines":
        return { file: body.file };
    }
  };
  return curlLine({ method, url, headers, body: spelledBody() });
}

function plainHeaders(headers: Dispatcher.ResponseData["headers"]): Record<string, string> {
  const plain: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) plain[name] = Array.isArray(value) ? value.join(", ") : value;
  }
  return plain;
}

function codeOf(error: unknown): string {
  return typeof error === "object" && error !== null && "code" in error ? String(error.code) : "";
}

const UNREACHABLE = /^(?:E[A-Z]+|UND_ERR_(?:SOCKET|CONNECT_TIMEOUT|CLOSED|DESTROYED|ABORTED))$/;
const LATE = /^UND_ERR_(?:HEADERS|BODY)_TIMEOUT$/;

function isConnectionFailure(error: unknown): boolean {
  const code = codeOf(error);
  return UNREACHABLE.test(code) || LATE.test(code) || code === "UND_ERR_INFO";
}

function interrupted(cause: unknown): CliError {
  return new CliError(EXIT.interrupted, "interrupted", { cause });
}

interface FailedCall {
  readonly origin: string;
  readonly interrupt: AbortSignal;
  readonly method: RestRequest["method"];
}

function connectionError(error: unknown, { origin, interrupt, method }: FailedCall): unknown {
  if (interrupt.aborted) return interrupted(error);
  const code = codeOf(error);
  const isWrite = method !== "GET" && method !== "POST";
  const unknown = isWrite ? "; whether the write was applied is not known" : "";
  if (LATE.test(code)) {
    const message = `no answer from ${origin} in time${unknown}`;
    return new CliError(EXIT.deadline, message, { cause: error });
  }
  if (!isConnectionFailure(error)) return error;
  const isRefused = code === "ECONNREFUSED";
  const reason = isRefused ? "nobody listens there" : `${messageOf(error)}${unknown}`;
  return new CliError(EXIT.unreachable, `cannot reach ${origin}: ${reason}`, {
    hint: "Is the cluster running (npm start)? Another address: --url or STELE_URL.",
    cause: error,
  });
}

function messageOf(error: unknown): string {
  return error instanceof Error && error.message !== "" ? error.message : codeOf(error);
}
