// The REST API of one front-end, as a client written from the contract alone sees it.
//
// R1. Paths go out as they are written: nothing normalises `..` or re-encodes an octet.
// R2. No call is waited for longer than its guard; what outlives it fails the test.
import { Pool } from "undici";
import type { Dispatcher } from "undici";

export interface Call {
  /** Sent as JSON unless it is bytes or text. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** R2; default 20 s. */
  readonly guardMs?: number;
}

export interface Reply {
  readonly status: number;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  readonly bytes: Buffer;
  readonly text: string;
  json<T = unknown>(): T;
}

/** The members of every problem (section 6). */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly retryable: boolean;
  readonly requestId: string;
  readonly hint?: string;
  readonly errors?: readonly { readonly pointer: string; readonly detail: string }[];
  readonly applied?: "no" | "unknown";
  readonly version?: string | null;
  readonly retryAfterMs?: number;
}

export const NDJSON = "application/x-ndjson";
const GUARD_MS = 20_000;

export class Rest implements AsyncDisposable {
  readonly url: string;
  readonly #pool: Pool;

  /** `url` is the front-end's, without `/v1`. */
  constructor(url: string) {
    this.url = url;
    this.#pool = new Pool(url, { connections: 64, headersTimeout: 0, bodyTimeout: 0 });
  }

  get(path: string, call: Call = {}): Promise<Reply> {
    return this.send("GET", path, call);
  }

  put(path: string, body?: unknown, call: Call = {}): Promise<Reply> {
    return this.send("PUT", path, { ...call, body });
  }

  post(path: string, body?: unknown, call: Call = {}): Promise<Reply> {
    return this.send("POST", path, { ...call, body });
  }

  patch(path: string, body?: unknown, call: Call = {}): Promise<Reply> {
    return this.send("PATCH", path, { ...call, body });
  }

  delete(path: string, call: Call = {}): Promise<Reply> {
    return this.send("DELETE", path, call);
  }

  head(path: string, call: Call = {}): Promise<Reply> {
    return this.send("HEAD", path, call);
  }

  /** `path` below `/v1`, or any path of the process when it begins with `//`. */
  async send(method: string, path: string, { body, headers, guardMs }: Call = {}): Promise<Reply> {
    const isJson = body !== undefined && typeof body !== "string" && !Buffer.isBuffer(body);
    const reply = await this.#pool.request({
      method: method as Dispatcher.HttpMethod,
      path: path.startsWith("//") ? path.slice(1) : `/v1${path}`,
      headers: { ...(isJson ? { "content-type": "application/json" } : {}), ...headers },
      body: isJson ? JSON.stringify(body) : ((body ?? null) as string | Buffer | null),
      signal: AbortSignal.timeout(guardMs ?? GUARD_MS),
    });
    const bytes = Buffer.from(await reply.body.arrayBuffer());
    return {
      status: reply.statusCode,
      headers: plainHeaders(reply.headers),
      bytes,
      get text() {
        return bytes.toString("utf8");
      },
      json: <T>() => JSON.parse(bytes.toString("utf8")) as T,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool.destroy();
  }
}

/** The lines of an NDJSON answer. */
export function linesOf<T = Readonly<Record<string, unknown>>>({ bytes }: Reply): T[] {
  const lines: T[] = [];
  for (let start = 0; start < bytes.length;) {
    const newline = bytes.indexOf(0x0a, start);
    const end = newline === -1 ? bytes.length : newline;
    lines.push(JSON.parse(bytes.toString("utf8", start, end)) as T);
    start = end + 1;
  }
  return lines;
}

function plainHeaders(headers: Dispatcher.ResponseData["headers"]): Record<string, string> {
  const plain: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) plain[name] = Array.isArray(value) ? value.join(", ") : value;
  }
  return plain;
}
