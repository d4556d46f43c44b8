/**
 * The HTTP server of an internal process: fastify for the routes of the control plane, and beside
 * it, on the same port, listeners on plain `node:http` for the paths of the data path.
 *
 * H1. Idle connections live longer here than at our clients, so that it is the client that closes
 *     them and no request meets a connection that is just being closed.
 * H2. No route below `/internal/` runs before `internal-auth.ts` let the request pass.
 * H3. `close` ends within its grace: no new connections, 503 for new requests, time for the ones
 *     under way, then every connection is cut.
 */
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { fastify } from "fastify";
import type { FastifyError, FastifyInstance, FastifyReply } from "fastify";
import { delay } from "../clock.ts";
import type { Clock } from "../clock.ts";
import { DatabaseError } from "../errors.ts";
import { encodeErrorBody } from "./error-body.ts";
import type { HttpListener } from "./exchange-listener.adapter.ts";
import { FRAMES_MEDIA_TYPE } from "./frame-stream.ts";
import { refusalOf } from "./internal-auth.ts";
import type { ClusterCheck, ClusterIdentity } from "./internal-auth.ts";

const SERVER_KEEP_ALIVE_MS = 72_000;

const MAX_BODY_BYTES = 16 * 1024 * 1024;
const CLOSE_POLL_MS = 20;

declare module "fastify" {
  interface FastifyContextConfig {
    /** Which cluster ids a route below `/internal/` accepts; default `same-cluster`. */
    clusterCheck?: ClusterCheck;
  }
}

export interface HttpServerOptions {
  readonly clock: Clock;
  readonly identity: ClusterIdentity;
  readonly role: string;
  readonly version: string;
  /** Null: ready; else why not. */
  readonly unreadyReason: () => string | null;
  /** In the text format of Prometheus. */
  readonly metrics: () => string | Promise<string>;
  /** By exact path; they check the cluster themselves. */
  readonly listeners: ReadonlyMap<string, HttpListener>;
  /** Hears of errors that no route should raise; for the log. */
  readonly unexpected: (error: unknown, path: string) => void;
}

export class HttpServer {
  /** For `registerRoute` and `registerStreamRoute`, before `listen`. */
  readonly app: FastifyInstance;
  readonly #clock: Clock;
  readonly #server: Server;
  readonly #listeners: ReadonlyMap<string, HttpListener>;
  #closing = false;

  constructor(options: HttpServerOptions) {
    this.#clock = options.clock;
    this.#listeners = options.listeners;
    let fallback: HttpListener = () => {};
    this.#server = createServer({ keepAliveTimeout: SERVER_KEEP_ALIVE_MS, requestTimeout: 0 });
    this.#server.on("request", (request: IncomingMessage, response: ServerResponse) => {
      this.#dispatch(request, response, fallback);
    });
    this.app = fastify({
      bodyLimit: MAX_BODY_BYTES,
      logger: false,
      forceCloseConnections: false,
      serverFactory: (handler) => {
        fallback = handler;
        return this.#server;
      },
    });
    setUp(this.app, options);
  }

  /**
   * Returns the port, also when 0 was asked for. Throws what `listen` throws, EADDRINUSE above all.
   */
  async listen(host: string, port: number): Promise<number> {
    await this.app.listen({ host, port });
    return (this.#server.address() as AddressInfo).port;
  }

  async close(graceMs: number): Promise<void> {
    this.#closing = true;
    let closed = false;
    const closing = this.app.close().then(() => (closed = true));
    const endMs = this.#clock.monotonicMs() + graceMs;
    while (!closed && this.#clock.monotonicMs() < endMs) {
      this.#server.closeIdleConnections();
      await Promise.race([closing, delay(this.#clock, CLOSE_POLL_MS)]);
    }
    this.#server.closeAllConnections();
    await closing;
  }

  #dispatch(request: IncomingMessage, response: ServerResponse, fallback: HttpListener): void {
    const listener = this.#listeners.get(request.url ?? "");
    if (listener === undefined) {
      fallback(request, response);
    } else if (this.#closing) {
      response.writeHead(503, { "content-length": 0, connection: "close" }).end();
    } else {
      listener(request, response);
    }
  }
}

function setUp(app: FastifyInstance, options: HttpServerOptions): void {
  const { identity, role, version } = options;
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    "application/octet-stream",
    { parseAs: "buffer" },
    (_request, body, done) => done(null, body),
  );
  // Read by the route itself, frame by frame.
  app.addContentTypeParser(FRAMES_MEDIA_TYPE, (_request, _payload, done) => done(null));
  app.addHook("onRequest", async (request, reply) => {
    if (!request.url.startsWith("/internal/")) return;
    const check = request.routeOptions.config?.clusterCheck ?? "same-cluster";
    const refusal = refusalOf(identity, request.headers, check);
    if (refusal !== null) await reply.code(403).send({ refused: refusal });
  });
  app.setNotFoundHandler((request, reply) => {
    const detail = `there is no ${request.method} ${request.url}`;
    return sendError(reply, new DatabaseError({ code: "PATH_NOT_FOUND", detail }));
  });
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const known = errorOfRequest(error);
    if (known !== null) return sendError(reply, known);
    options.unexpected(error, request.url);
    return sendError(reply, new DatabaseError({ code: "INTERNAL", detail: "the server failed" }));
  });
  app.get("/healthz", () => ({ status: "ok" }));
  app.get("/readyz", (_request, reply) => {
    const reason = options.unreadyReason();
    return reply.code(reason === null ? 200 : 503).send({ ready: reason === null, reason });
  });
  app.get("/v1/version", () => ({ role, version }));
  app.get("/metrics", async (_request, reply) => {
    return reply.type("text/plain; version=0.0.4").send(await options.metrics());
  });
}

function sendError(reply: FastifyReply, error: DatabaseError): FastifyReply {
  return reply.code(error.status).type("application/json").send(encodeErrorBody(error.body));
}

/** What fastify finds wrong with a request; null: the fault is ours. */
function errorOfRequest(error: FastifyError): DatabaseError | null {
  const detail = error.message;
  if (error.statusCode === 413) return new DatabaseError({ code: "TOO_LARGE", detail });
  if (error.statusCode === 415)
    return new DatabaseError({ code: "UNSUPPORTED_MEDIA_TYPE", detail });
  if (error.statusCode === undefined || error.statusCode >= 500) return null;
  return new DatabaseError({ code: "INVALID_REQUEST", detail });
}
