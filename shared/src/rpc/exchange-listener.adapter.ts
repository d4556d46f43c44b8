/**
 * The serving end of an exchange over HTTP: reads the whole body of a POST, within a limit, and
 * gives the handler a sink over the response. It stands directly on `node:http`, since the paths
 * behind it carry the data path: see `http-server.adapter.ts` for how it shares a port with
 * fastify.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { ClientGone, ExchangeHandler, ReplySink } from "./exchange.ts";
import { refusalOf } from "./internal-auth.ts";
import type { ClusterIdentity } from "./internal-auth.ts";

export type HttpListener = (request: IncomingMessage, response: ServerResponse) => void;

/** A client that lets so much of its reply pile up is cut off. */
const MAX_UNREAD_BYTES = 64 * 1024 * 1024;

const HEADERS = { "content-type": "application/octet-stream" };

export function exchangeListener(options: {
  readonly identity: ClusterIdentity;
  readonly maxBodyBytes: number;
  readonly handler: ExchangeHandler;
}): HttpListener {
  const { identity, maxBodyBytes, handler } = options;
  return (request, response) => {
    response.sendDate = false;
    if (request.method !== "POST") {
      refuse(response, 405);
    } else if (refusalOf(identity, request.headers, "same-cluster") !== null) {
      refuse(response, 403);
    } else if (Number(request.headers["content-length"] ?? 0) > maxBodyBytes) {
      refuse(response, 413);
    } else {
      receive(request, response, maxBodyBytes, handler);
    }
  };
}

/** The rest of the request is not read: the connection ends with this reply. */
function refuse(response: ServerResponse, status: number): void {
  response.writeHead(status, { "content-length": 0, connection: "close" }).end();
}

function receive(
  request: IncomingMessage,
  response: ServerResponse,
  maxBodyBytes: number,
  handler: ExchangeHandler,
): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const take = (chunk: Buffer): void => {
    bytes += chunk.length;
    chunks.push(chunk);
    if (bytes <= maxBodyBytes) return;
    request.off("data", take);
    chunks.length = 0;
    refuse(response, 413);
  };
  request.on("data", take);
  request.on("end", () => {
    if (bytes > maxBodyBytes) return;
    const [first] = chunks;
    const body = chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks, bytes);
    const sink = new ResponseSink(response);
    sink.onGone(handler(body, sink, request.headers));
  });
}

/** A sink over a response of `node:http`. */
export class ResponseSink implements ReplySink {
  readonly #response: ServerResponse;

  constructor(response: ServerResponse) {
    this.#response = response;
  }

  onGone(gone: ClientGone): void {
    this.#response.on("close", () => {
      if (!this.#response.writableEnded) gone();
    });
  }

  answer(status: number, body: Buffer): void {
    if (this.#response.destroyed) return;
    const headers = status === 204 ? {} : { "content-length": body.length };
    this.#response.writeHead(status, headers).end(body);
  }

  write(chunks: readonly Buffer[], taken?: () => void): void {
    const response = this.#response;
    if (response.destroyed) return;
    response.cork();
    if (!response.headersSent) {
      response.writeHead(200, HEADERS);
      if (chunks.length === 0) response.flushHeaders();
    }
    chunks.forEach((chunk, at) => {
      if (taken === undefined || at < chunks.length - 1) response.write(chunk);
      else response.write(chunk, (error) => (error ? undefined : taken()));
    });
    response.uncork();
    if (response.writableLength > MAX_UNREAD_BYTES) response.destroy();
  }

  end(chunks: readonly Buffer[]): void {
    const response = this.#response;
    if (response.destroyed) return;
    if (!response.headersSent && chunks.length <= 1) {
      const body = chunks[0];
      response.writeHead(200, { ...HEADERS, "content-length": body?.length ?? 0 });
      response.end(body);
      return;
    }
    // `end` within `cork` would put the end of the reply before what is corked.
    if (chunks.length > 1 || !response.headersSent) this.write(chunks.slice(0, -1));
    if (!response.destroyed) response.end(chunks.at(-1));
  }
}
