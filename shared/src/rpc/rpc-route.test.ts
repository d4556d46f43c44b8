import { afterEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { systemClock } from "../clock.ts";
import { DatabaseError } from "../errors.ts";
import { decodeErrorBody } from "./error-body.ts";
import { ChannelFailure } from "./channel-contract.ts";
import type { Exchange } from "./exchange.ts";
import { HttpExchange } from "./http-exchange.adapter.ts";
import { HttpServer } from "./http-server.adapter.ts";
import type { HttpServerOptions } from "./http-server.adapter.ts";
import type { ClusterIdentity } from "./internal-auth.ts";
import { registerRoute } from "./register-route.ts";
import { RpcClient } from "./rpc-client.ts";
import { defineRoute, routeEndpoint } from "./rpc-route.ts";
import type { RouteHandler } from "./rpc-route.ts";
import { openJsonText, sealJson } from "./sealed-json.ts";

const hexBytes = z.codec(z.string(), z.instanceof(Buffer), {
  decode: (text) => Buffer.from(text, "hex"),
  encode: (bytes) => bytes.toString("hex"),
});

const keyRoute = defineRoute({
  path: "/internal/test/key",
  request: z.strictObject({ key: hexBytes, times: z.int().min(1) }),
  response: z.strictObject({ keys: z.array(hexBytes) }),
});
type KeyHandler = RouteHandler<typeof keyRoute>;

const joinRoute = defineRoute({
  path: "/internal/test/join",
  request: z.strictObject({}),
  response: z.literal("welcome"),
  check: "joining",
});

const textRoute = defineRoute({
  path: "/internal/test/text",
  request: z.object({ text: z.string() }),
  response: z.object({ text: z.string() }),
});

function flipped(bytes: Buffer, bit: number): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeUInt8(copy.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
  return copy;
}

const cluster = (clusterId: string | null, token: string | null = "secret"): ClusterIdentity => ({
  token,
  clusterId: () => clusterId,
});

const cleanups: (() => Promise<unknown> | void)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

function httpServer(options: Partial<HttpServerOptions> = {}): HttpServer {
  const server = new HttpServer({
    clock: systemClock,
    identity: cluster("c"),
    role: "master",
    version: "1.2.3",
    unreadyReason: () => null,
    metrics: () => "up 1\n",
    listeners: new Map(),
    unexpected: () => {},
    ...options,
  });
  cleanups.push(() => server.close(0));
  return server;
}

async function urlOf(server: HttpServer): Promise<string> {
  return `http://127.0.0.1:${await server.listen("127.0.0.1", 0)}`;
}

async function serve(
  handler: KeyHandler,
  unexpected: (error: unknown, path: string) => void = () => {},
): Promise<string> {
  const server = httpServer({ unexpected });
  const environment = { clock: systemClock, unexpected };
  registerRoute(server.app, keyRoute, handler, environment);
  registerRoute(server.app, joinRoute, async () => "welcome" as const, environment);
  return urlOf(server);
}

function client(identity = cluster("c")): RpcClient {
  const exchange = new HttpExchange(identity);
  cleanups.push(() => exchange.close());
  return new RpcClient(systemClock, exchange);
}

const inMs = (ms: number): { deadlineMs: number } => ({
  deadlineMs: systemClock.monotonicMs() + ms,
});

const repeat: KeyHandler = async ({ key, times }) => ({
  keys: Array.from({ length: times }, () => key),
});

const request = { key: Buffer.from([0, 255]), times: 2 };

describe("a route between processes", () => {
  test("carries values through its codecs both ways", async () => {
    const url = await serve(repeat);
    const result = await client().call(url, keyRoute, request, inMs(5_000));
    expect(result).toEqual({ keys: [Buffer.from([0, 255]), Buffer.from([0, 255])] });
  });

  test("refuses a body of another shape before the handler, saying where", async () => {
    let handled = 0;
    const url = await serve(async (value, call) => {
      handled++;
      return repeat(value, call);
    });
    const loose = { ...keyRoute, request: z.unknown() };
    const call = client().call(url, loose, { key: "00", times: 0, more: 1 }, inMs(5_000));
    const error: DatabaseError = await call.then(
      () => Promise.reject(new Error("accepted")),
      (failure: DatabaseError) => failure,
    );
    expect(error).toMatchObject({ code: "INVALID_REQUEST" });
    expect(error.body.errors?.map(({ pointer }) => pointer)).toEqual(["/times", ""]);
    expect(handled).toBe(0);
  });

  test("no flipped bit of a request or a reply is ever taken for what was said", async () => {
    const handled: string[] = [];
    const endpoint = routeEndpoint(
      textRoute,
      async ({ text }) => {
        handled.push(text);
        return { text };
      },
      { clock: systemClock, unexpected: () => {} },
    );
    const answerTo = (body: Buffer): Promise<[number, Buffer]> =>
      new Promise((resolve) => {
        const answer = (status: number, reply: Buffer): void => resolve([status, reply]);
        endpoint(body, { answer, write: () => {}, end: () => {} }, {});
      });
    const body = sealJson({ text: "a name" });
    for (let bit = 0; bit < body.length * 8; bit++) {
      const [status, reply] = await answerTo(flipped(body, bit));
      expect(status).toBe(503);
      expect(decodeErrorBody(openJsonText(reply))?.body.applied).toBe("no");
    }
    const [, reply] = await answerTo(body);
    for (let bit = 0; bit < reply.length * 8; bit++) {
      const exchange: Exchange = {
        post: (_request, events) => {
          systemClock.soon(() => {
            events.head(200);
            events.data(flipped(reply, bit));
            events.end();
          });
          return () => {};
        },
      };
      const call = new RpcClient(systemClock, exchange).call(
        "",
        textRoute,
        { text: "" },
        inMs(5_000),
      );
      await expect(call).rejects.toMatchObject({ reason: "broken", sent: "maybe" });
    }
    expect(handled).toEqual(["a name"]);
  });

  test("passes a database error on with everything that it says", async () => {
    const body = {
      code: "NO_QUORUM",
      detail: "tablet 7 has no majority",
      hint: "wait",
      applied: "unknown",
      retryAfterMs: 500,
    } as const;
    const url = await serve(() => Promise.reject(new DatabaseError(body)));
    const call = client().call(url, keyRoute, request, inMs(5_000));
    await expect(call).rejects.toMatchObject({ name: "DatabaseError", body });
  });

  test("shows nothing of an error that the handler should not raise, but reports it", async () => {
    const reported: string[] = [];
    const url = await serve(
      () => Promise.reject(new TypeError("secret detail")),
      (error, path) => reported.push(`${path}: ${String(error)}`),
    );
    const call = client().call(url, keyRoute, request, inMs(5_000));
    await expect(call).rejects.toMatchObject({
      body: { code: "INTERNAL", detail: "the call failed" },
    });
    expect(reported).toEqual(["/internal/test/key: TypeError: secret detail"]);
  });

  test("a result of another shape is the server's bug, not the caller's", async () => {
    const reported: unknown[] = [];
    const wrong = (() => Promise.resolve({ keys: "none" })) as unknown as KeyHandler;
    const url = await serve(wrong, (error) => reported.push(error));
    const call = client().call(url, keyRoute, request, inMs(5_000));
    await expect(call).rejects.toMatchObject({ code: "INTERNAL" });
    expect(reported).toHaveLength(1);
  });

  test("a long poll is answered late, and ends at its deadline on both sides", async () => {
    let poll = { remainingMs: 0, aborted: false };
    let answerPoll = (): void => {};
    const url = await serve((value, { deadlineMs, signal }) => {
      poll = { remainingMs: deadlineMs - systemClock.monotonicMs(), aborted: false };
      signal.addEventListener("abort", () => (poll.aborted = true));
      return new Promise((resolve) => (answerPoll = () => resolve({ keys: [value.key] })));
    });
    const caller = client();
    const late = caller.call(url, keyRoute, request, inMs(50_000));
    await expect.poll(() => poll.remainingMs).toBeGreaterThan(40_000);
    answerPoll();
    expect((await late).keys).toHaveLength(1);
    const missed = caller.call(url, keyRoute, request, inMs(60));
    await expect(missed).rejects.toMatchObject({ reason: "deadline", sent: "maybe" });
    await expect.poll(() => poll.aborted).toBe(true);
  });

  test("a caller that gives up aborts the handler", async () => {
    let aborted = false;
    let handled = false;
    const url = await serve((_, { signal }) => {
      handled = true;
      signal.addEventListener("abort", () => (aborted = true));
      return new Promise(() => {});
    });
    const aborter = new AbortController();
    const call = client().call(url, keyRoute, request, { ...inMs(5_000), signal: aborter.signal });
    const settled = expect(call).rejects.toMatchObject({ reason: "closed", sent: "maybe" });
    await expect.poll(() => handled).toBe(true);
    aborter.abort();
    await settled;
    await expect.poll(() => aborted).toBe(true);
  });

  test("a process that is not there refuses; a deadline in the past sends nothing", async () => {
    const server = httpServer();
    const url = await urlOf(server);
    await server.close(0);
    const refused = client().call(url, keyRoute, request, inMs(5_000));
    await expect(refused).rejects.toMatchObject({ reason: "refused", sent: "no" });
    const late = client().call(url, keyRoute, request, inMs(0));
    await expect(late).rejects.toMatchObject({ reason: "deadline", sent: "no" });
  });

  test("strangers are refused, and a process without a cluster may only join", async () => {
    const url = await serve(repeat);
    const rejected = { name: "ChannelFailure", reason: "rejected", sent: "no" };
    for (const stranger of [cluster("c", "wrong"), cluster("other"), cluster(null)]) {
      const call = client(stranger).call(url, keyRoute, request, inMs(5_000));
      await expect(call).rejects.toMatchObject(rejected);
    }
    const joiner = client(cluster(null));
    await expect(joiner.call(url, joinRoute, {}, inMs(5_000))).resolves.toBe("welcome");
    const other = client(cluster("other")).call(url, joinRoute, {}, inMs(5_000));
    await expect(other).rejects.toBeInstanceOf(ChannelFailure);
  });
});

describe("an internal server", () => {
  test("tells its health, readiness, version and metrics to everyone", async () => {
    let reason: string | null = "starting";
    const url = await urlOf(httpServer({ unreadyReason: () => reason }));
    const get = async (path: string): Promise<[number, string]> => {
      const response = await fetch(url + path);
      return [response.status, await response.text()];
    };
    expect(await get("/healthz")).toEqual([200, '{"status":"ok"}']);
    expect(await get("/readyz")).toEqual([503, '{"ready":false,"reason":"starting"}']);
    reason = null;
    expect(await get("/readyz")).toEqual([200, '{"ready":true,"reason":null}']);
    expect(await get("/v1/version")).toEqual([200, '{"role":"master","version":"1.2.3"}']);
    expect(await get("/metrics")).toEqual([200, "up 1\n"]);
  });

  test("answers unknown paths and foreign bodies with errors of its own", async () => {
    const url = await serve(repeat);
    const headers = { "x-stele-cluster": "c", "x-stele-cluster-token": "secret" };
    const missing = await fetch(`${url}/internal/nothing`, { headers });
    expect([missing.status, await missing.json()]).toMatchObject([404, { code: "PATH_NOT_FOUND" }]);
    const key = `${url}${keyRoute.path}`;
    const text = await fetch(key, { method: "POST", headers, body: "text" });
    expect([text.status, await text.json()]).toMatchObject([
      415,
      { code: "UNSUPPORTED_MEDIA_TYPE" },
    ]);
    const octets = { ...headers, "content-type": "application/octet-stream" };
    const huge = Buffer.alloc(17 * 2 ** 20, 32);
    const large = await fetch(key, { method: "POST", headers: octets, body: huge });
    expect([large.status, await large.json()]).toMatchObject([413, { code: "TOO_LARGE" }]);
  });

  test("closing waits for requests under way, and takes no new ones", async () => {
    let handled = 0;
    let release = (): void => {};
    const server = httpServer();
    const environment = { clock: systemClock, unexpected: () => {} };
    const handler: KeyHandler = (value, call) => {
      handled++;
      return new Promise((resolve) => (release = () => resolve(repeat(value, call))));
    };
    registerRoute(server.app, keyRoute, handler, environment);
    const url = await urlOf(server);
    const caller = client();
    const underWay = caller.call(url, keyRoute, request, inMs(5_000));
    await expect.poll(() => handled).toBe(1);
    const closing = server.close(5_000);
    await expect(caller.call(url, keyRoute, request, inMs(5_000))).rejects.toBeInstanceOf(
      ChannelFailure,
    );
    const releasedMs = systemClock.monotonicMs();
    release();
    expect((await underWay).keys).toHaveLength(2);
    await closing;
    expect(systemClock.monotonicMs() - releasedMs).toBeLessThan(2_000);
    expect(handled).toBe(1);
  });

  test("closing cuts requests that outlast its grace", async () => {
    let handled = false;
    const server = httpServer();
    const handler: KeyHandler = () => {
      handled = true;
      return new Promise(() => {});
    };
    registerRoute(server.app, keyRoute, handler, { clock: systemClock, unexpected: () => {} });
    const call = client().call(await urlOf(server), keyRoute, request, inMs(5_000));
    const broken = expect(call).rejects.toMatchObject({ reason: "broken", sent: "maybe" });
    await expect.poll(() => handled).toBe(true);
    await server.close(50);
    await broken;
  });
});
