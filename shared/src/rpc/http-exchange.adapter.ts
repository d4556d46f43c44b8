/**
 * The calling end of an exchange over HTTP, with undici: one pool of kept-alive connections for
 * each peer process.
 *
 * Nothing is sent twice: when a connection breaks after the first byte of a request left, the
 * request fails with `sent: "maybe"`. A request that still waits for a connection survives the
 * break of an old one, so a connection that the peer closed while it was idle costs nothing.
 */
import { Pool } from "undici";
import type { Dispatcher } from "undici";
import { identityHeaders } from "./internal-auth.ts";
import type { ClusterIdentity } from "./internal-auth.ts";
import type { AbortExchange, Exchange, ExchangeEvents, ExchangeRequest } from "./exchange.ts";

/** Below the 72 s of our servers, so that the client is the side that closes an idle connection. */
export const CLIENT_KEEP_ALIVE_MS = 30_000;

export const CONNECT_TIMEOUT_MS = 2_000;

/** More than a channel's slots, its open replies and both Raft lanes together. */
const CONNECTIONS_PER_PEER = 32;

export class HttpExchange implements Exchange {
  readonly #identity: ClusterIdentity;
  readonly #pools = new Map<string, Pool>();

  constructor(identity: ClusterIdentity) {
    this.#identity = identity;
  }

  post(request: ExchangeRequest, events: ExchangeEvents): AbortExchange {
    const handler = new EventHandler(events);
    const headers = {
      "content-type": "application/octet-stream",
      ...request.headers,
      ...identityHeaders(this.#identity),
    };
    const { path, body } = request;
    try {
      this.#poolOf(request.url).dispatch({ method: "POST", path, body, headers }, handler);
    } catch (error) {
      handler.fail(error instanceof Error ? error.message : String(error));
    }
    return () => handler.abort();
  }

  /** Breaks everything that is under way. */
  async close(): Promise<void> {
    const pools = [...this.#pools.values()];
    this.#pools.clear();
    await Promise.all(pools.map((pool) => pool.destroy()));
  }

  #poolOf(url: string): Pool {
    const known = this.#pools.get(url);
    if (known !== undefined) return known;
    const pool = new Pool(url, {
      connections: CONNECTIONS_PER_PEER,
      pipelining: 1,
      keepAliveTimeout: CLIENT_KEEP_ALIVE_MS,
      keepAliveMaxTimeout: CLIENT_KEEP_ALIVE_MS,
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: { timeout: CONNECT_TIMEOUT_MS },
    });
    this.#pools.set(url, pool);
    return pool;
  }
}

class EventHandler implements Dispatcher.DispatchHandler {
  readonly #events: ExchangeEvents;
  #controller: Dispatcher.DispatchController | null = null;
  #over = false;

  constructor(events: ExchangeEvents) {
    this.#events = events;
  }

  abort(): void {
    this.#over = true;
    this.#controller?.abort(new Error("given up by the caller"));
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#over) controller.abort(new Error("given up by the caller"));
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number): void {
    if (!this.#over) this.#events.head(status);
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.#over) this.#events.data(chunk);
  }

  onResponseEnd(): void {
    if (this.#over) return;
    this.#over = true;
    this.#events.end();
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.fail(error.message);
  }

  /** Later, since undici may call from within `dispatch`. */
  fail(detail: string): void {
    queueMicrotask(() => {
      if (this.#over) return;
      this.#over = true;
      if (this.#controller === null) this.#events.failed("refused", "no", detail);
      else this.#events.failed("broken", "maybe", detail);
    });
  }
}
