/**
 * A store client over the REST API of real front-ends.
 *
 * R1. One attempt a call: nothing is sent twice here. A retry is the caller's, under its own Idempotency-Key.
 * R2. A connection that could not be made sent nothing: the call failed. What broke later is unknown.
 * R3. It stays with one front-end until that does not answer, and then turns to the next.
 * R4. An answer that only a fault of the program gives is told, whatever the outcome is (`StoreClient`, K3): INTERNAL,
 *     of a call, of one operation of a batch or of one row of many; a body that is not JSON; rows that nobody asked for.
 */
import { Pool } from "undici";
import type {
  FailedOutcome,
  GetOperation,
  ScanOperation,
  ScannedOutcome,
  WriteOperation,
} from "../../check/history/row-operation.ts";
import type {
  CallPatience,
  GetManyOperation,
  ReadAnswer,
  ScanCall,
  StoreClient,
  TableAnswer,
  WriteAnswer,
} from "../../workloads/store-client.ts";
import {
  codeOf,
  isWithoutEffect,
  manyReads,
  readOutcome,
  scanPage,
  writeOutcome,
} from "./rest-answers.ts";
import type { RestAnswer } from "./rest-answers.ts";
import {
  batchOperation,
  getCall,
  getManyCall,
  keyJson,
  scanCall,
  writeCall,
} from "./rest-spelling.ts";
import type { RestCall } from "./rest-spelling.ts";

/** What the server is given less than the caller waits, so that its own answer arrives first. */
const WAY_BACK_MS = 250;
/** Before the first byte of a request was sent. */
const NOT_CONNECTED: ReadonlySet<unknown> = new Set(["ECONNREFUSED", "UND_ERR_CONNECT_TIMEOUT"]);

type Reply =
  | { readonly kind: "answered"; readonly answer: RestAnswer }
  | { readonly kind: "not-sent" }
  | { readonly kind: "unknown" };

const NOT_SENT: FailedOutcome = { kind: "failed", code: "UNAVAILABLE", version: null };

export class RestStoreClient implements StoreClient, AsyncDisposable {
  readonly #pools: readonly Pool[];
  readonly #unexpected: (fault: string) => void;
  #turn: number;

  /**
   * @param first which of the front-ends it begins with
   * @param unexpected R4
   */
  constructor(urls: readonly string[], first: number, unexpected: (fault: string) => void) {
    this.#pools = urls.map(
      (url) => new Pool(url, { connections: 16, pipelining: 1, connect: { timeout: 1000 } }),
    );
    this.#unexpected = unexpected;
    this.#turn = first;
  }

  async get(table: string, operation: GetOperation, call: CallPatience): Promise<ReadAnswer> {
    return outcomeOf(await this.#send(getCall(table, operation), call), readOutcome);
  }

  async getMany(
    table: string,
    operation: GetManyOperation,
    call: CallPatience,
  ): Promise<readonly ReadAnswer[]> {
    const { keys } = operation;
    const reply = await this.#send(getManyCall(table, operation), call);
    if (reply.kind !== "answered") {
      return keys.map(() => (reply.kind === "not-sent" ? NOT_SENT : null));
    }
    const { body } = reply.answer;
    const reads = manyReads(reply.answer);
    if (reads.kind === "no-rows") return keys.map(() => reads.read);
    const answered = reads.rows.map(({ key }) => key);
    if (JSON.stringify(answered) !== JSON.stringify(keys)) {
      this.#unexpected(`rows:get of ${table} answered other keys: ${JSON.stringify(body)}`);
    }
    const { rows } = body as { readonly rows: readonly unknown[] };
    rows.forEach((row, at) => this.#lookForFault(`row ${at} of rows:get of ${table}`, row));
    return keys.map((_, at) => reads.rows[at]?.read ?? null);
  }

  async write(
    table: string,
    operation: WriteOperation,
    { patienceMs, request }: CallPatience & { readonly request: string | null },
  ): Promise<WriteAnswer> {
    const call = writeCall(table, operation);
    const headers = request === null ? {} : { "idempotency-key": request };
    const sent = { ...call, headers: { ...call.headers, ...headers } };
    return outcomeOf(await this.#send(sent, { patienceMs }), writeOutcome);
  }

  async writeMany(
    table: string,
    operations: readonly WriteOperation[],
    call: CallPatience,
  ): Promise<readonly WriteAnswer[]> {
    const reply = await this.#send(
      {
        method: "POST",
        path: `/tables/${table}/rows:batch`,
        query: {},
        headers: { "content-type": "application/json" },
        body: `{"ops":[${operations.map(batchOperation).join(",")}]}`,
      },
      call,
    );
    const results = resultsOf(reply);
    if (results === null) {
      const all = outcomeOf(reply, writeOutcome);
      return operations.map(() => (all?.kind === "failed" ? all : null));
    }
    return operations.map((_, at) => {
      const body = results[at];
      this.#lookForFault(`operation ${at} of a batch of ${table}`, body);
      const { status } = body as { readonly status: number };
      return writeOutcome({ status, body });
    });
  }

  async scan(
    table: string,
    operation: ScanOperation,
    { patienceMs, shows = "columns" }: ScanCall,
  ): Promise<ScannedOutcome | FailedOutcome | null> {
    const endMs = performance.now() + patienceMs;
    const rows: ScannedOutcome["rows"][number][] = [];
    let token: string | null = null;
    for (;;) {
      const call = scanCall(table, operation, { token, shows });
      const reply = await this.#send(call, { patienceMs: endMs - performance.now() });
      const page = reply.kind === "answered" ? scanPage(reply.answer, shows) : null;
      if (page === null || "kind" in page) {
        if (rows.length > 0) return { kind: "scanned", rows, resume: resumeOf(rows, operation) };
        return reply.kind === "not-sent" ? NOT_SENT : page;
      }
      for (const row of page.rows) rows.push(row);
      token = page.nextPageToken;
      if (token === null) return { kind: "scanned", rows, resume: null };
    }
  }

  async createTable(
    table: string,
    options: CallPatience & { readonly splitKeys: readonly string[]; readonly request: string },
  ): Promise<TableAnswer> {
    const { patienceMs, splitKeys, request } = options;
    const name = JSON.stringify(table);
    const keys = splitKeys.map(keyJson).join(",");
    // Unless told, a table has one replica while few servers are alive.
    const families = `{"d":{"maxVersions":1},"e":{"maxVersions":1}}`;
    const body = `{"name":${name},"families":${families},"replicas":3,"splitKeys":[${keys}]}`;
    const reply = await this.#send(
      {
        method: "POST",
        path: "/tables",
        query: {},
        headers: { "content-type": "application/json", "idempotency-key": request },
        body,
      },
      { patienceMs },
    );
    return tableAnswer(reply);
  }

  async dropTable(
    table: string,
    { patienceMs, request }: CallPatience & { readonly request: string },
  ): Promise<TableAnswer> {
    const headers = { "idempotency-key": request };
    const call: RestCall = {
      method: "DELETE",
      path: `/tables/${table}`,
      query: {},
      headers,
      body: null,
    };
    return tableAnswer(await this.#send(call, { patienceMs }));
  }

  /** Breaks what is under way. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#pools.map((pool) => pool.destroy()));
  }

  async #send(call: RestCall, { patienceMs }: CallPatience): Promise<Reply> {
    if (patienceMs <= 0) return { kind: "unknown" };
    const turn = this.#turn;
    const reply = await this.#attempt(turn, call, patienceMs);
    // R3. Of calls that fail together only the first turns.
    if (reply.kind !== "answered" && this.#turn === turn) this.#turn += 1;
    return reply;
  }

  async #attempt(turn: number, call: RestCall, patienceMs: number): Promise<Reply> {
    const pool = this.#pools[turn % this.#pools.length] as Pool;
    const serverMs = Math.max(1, Math.floor(patienceMs - Math.min(WAY_BACK_MS, patienceMs / 2)));
    const query = new URLSearchParams({ ...call.query, timeout: `${serverMs}ms` });
    const patience = new AbortController();
    const timer = setTimeout(() => patience.abort(), patienceMs);
    try {
      const { statusCode, body } = await pool.request({
        method: call.method,
        path: `/v1${call.path}?${query.toString()}`,
        headers: call.headers,
        body: call.body,
        signal: patience.signal,
        headersTimeout: 0,
        bodyTimeout: 0,
      });
      const answer = { status: statusCode, body: this.#parsed(call, await body.text()) };
      this.#lookForFault(`${call.method} ${call.path}`, answer.body);
      return { kind: "answered", answer };
    } catch (error) {
      const { code } = error as { readonly code?: unknown };
      return { kind: NOT_CONNECTED.has(code) ? "not-sent" : "unknown" };
    } finally {
      clearTimeout(timer);
    }
  }

  /** Throws what is no JSON: then the outcome is unknown. */
  #parsed({ method, path }: RestCall, text: string): unknown {
    if (text === "") return null;
    try {
      return JSON.parse(text);
    } catch (error) {
      this.#unexpected(
        `${method} ${path} was answered with what is no JSON: ${text.slice(0, 200)}`,
      );
      throw error;
    }
  }

  /** R4. */
  #lookForFault(what: string, body: unknown): void {
    if (codeOf(body) === "INTERNAL") this.#unexpected(`${what}: ${JSON.stringify(body)}`);
  }
}

function outcomeOf<T>(reply: Reply, read: (answer: RestAnswer) => T): T | FailedOutcome | null {
  switch (reply.kind) {
    case "answered":
      return read(reply.answer);
    case "not-sent":
      return NOT_SENT;
    case "unknown":
      return null;
  }
}

function resultsOf(reply: Reply): readonly unknown[] | null {
  if (reply.kind !== "answered" || reply.answer.status >= 400) return null;
  return (reply.answer.body as { readonly results: readonly unknown[] }).results;
}

/** What a scan that was given up has left, by the last row that it read. */
function resumeOf(rows: ScannedOutcome["rows"], { reverse }: ScanOperation): string {
  const { key } = rows.at(-1) as { readonly key: string };
  return reverse ? key : `${key}\0`;
}

function tableAnswer(reply: Reply): TableAnswer {
  if (reply.kind === "not-sent") return { kind: "failed", code: "UNAVAILABLE" };
  if (reply.kind === "unknown") return { kind: "unknown" };
  const { status, body } = reply.answer;
  if (status < 300) return { kind: "done" };
  const code = codeOf(body);
  if (code === null) return { kind: "unknown" };
  // A refusal did nothing; of other errors only what says so.
  return status < 500 || isWithoutEffect(body) ? { kind: "failed", code } : { kind: "unknown" };
}
