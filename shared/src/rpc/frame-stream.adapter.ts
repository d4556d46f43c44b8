/**
 * Streams of frames over HTTP, both ends.
 *
 * B1. Back-pressure from end to end: the sender's frames are pulled only as fast as the receiver's
 *     handler takes them, through the socket's buffers.
 * B2. Both ends give up when nothing moves for the idle time; the time in which the receiver's
 *     handler works on what it has counts for the sender only. Waiting for the answer after the
 *     last frame has a limit of its own.
 */
import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import type { FastifyInstance } from "fastify";
import { Agent, request as httpRequest } from "undici";
import type { Clock } from "../clock.ts";
import { DatabaseError } from "../errors.ts";
import { ChannelFailure } from "./channel-contract.ts";
import { encodeFrame } from "./frame.ts";
import { failureOfReply, FRAMES_MEDIA_TYPE, framesOf, STREAM_IDLE_MS } from "./frame-stream.ts";
import type { FrameStreams, StreamHandler, StreamOptions } from "./frame-stream.ts";
import { CLIENT_KEEP_ALIVE_MS, CONNECT_TIMEOUT_MS } from "./http-exchange.adapter.ts";
import { identityHeaders } from "./internal-auth.ts";
import type { ClusterIdentity } from "./internal-auth.ts";
import { answerToError } from "./rpc-route.ts";
import type { RouteEnvironment } from "./rpc-route.ts";
import { Watchdog } from "./watchdog.ts";

/**
 * A receiver that answered early lets the sender notice for so long before it cuts the connection.
 */
const EARLY_ANSWER_MS = 2_000;

const CONNECT_ERRORS: ReadonlySet<unknown> = new Set([
  "ECONNREFUSED",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
  "EAI_AGAIN",
  "UND_ERR_CONNECT_TIMEOUT",
]);

/** The sending end, one per process. */
export class FrameStreamClient implements FrameStreams {
  readonly #clock: Clock;
  readonly #identity: ClusterIdentity;
  readonly #agent = new Agent({
    keepAliveTimeout: CLIENT_KEEP_ALIVE_MS,
    keepAliveMaxTimeout: CLIENT_KEEP_ALIVE_MS,
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: { timeout: CONNECT_TIMEOUT_MS },
  });

  constructor(clock: Clock, identity: ClusterIdentity) {
    this.#clock = clock;
    this.#identity = identity;
  }

  async sendStream(
    url: string,
    path: string,
    frames: AsyncIterable<Buffer>,
    options: StreamOptions,
  ): Promise<Buffer> {
    const aborter = new AbortController();
    const watchdog = new Watchdog(this.#clock, options.idleMs ?? STREAM_IDLE_MS, () => {
      aborter.abort(new ChannelFailure("broken", "maybe", `the stream to ${path} stands still`));
    });
    const outgoing = new OutgoingFrames(frames, watchdog, options.answerMs);
    const giveUp = (): void => {
      aborter.abort(new ChannelFailure("closed", "maybe", `the stream to ${path} was given up`));
    };
    options.signal?.addEventListener("abort", giveUp);
    if (options.signal?.aborted === true) giveUp();
    try {
      const { statusCode, body } = await httpRequest(`${url}${path}`, {
        method: "POST",
        dispatcher: this.#agent,
        headers: { "content-type": FRAMES_MEDIA_TYPE, ...identityHeaders(this.#identity) },
        body: Readable.from(outgoing.bytes(), { objectMode: false }),
        signal: aborter.signal,
      });
      const reply = Buffer.from(await body.arrayBuffer());
      if (statusCode === 200) return reply;
      throw failureOfReply(statusCode, reply, path);
    } catch (error) {
      throw outgoing.failure ?? failureOf(error);
    } finally {
      watchdog.stop();
      options.signal?.removeEventListener("abort", giveUp);
    }
  }

  /** Breaks what is under way. */
  close(): Promise<void> {
    return this.#agent.destroy();
  }
}

/** Serves a path that takes a stream of frames. */
export function registerStreamRoute(
  app: FastifyInstance,
  path: `/internal/${string}`,
  handler: StreamHandler,
  environment: RouteEnvironment,
  idleMs = STREAM_IDLE_MS,
): void {
  const { clock } = environment;
  app.post(path, async (request, reply) => {
    const aborter = new AbortController();
    reply.raw.on("close", () => {
      if (!reply.raw.writableFinished) aborter.abort();
    });
    const frames = framesOf(chunksOf(request.raw, clock, idleMs));
    const answer = await handler(frames, { signal: aborter.signal }).then(
      (body) => ({ status: 200, body }),
      (error: unknown) => {
        if (request.raw.destroyed && !request.raw.complete) return null;
        return answerToError(error, path, environment);
      },
    );
    if (answer === null) return reply.hijack();
    if (!request.raw.complete) cutLater(request.raw, clock);
    return reply.code(answer.status).type("application/json").send(answer.body);
  });
}

/** The frames on their way out, and what went wrong with their source. */
class OutgoingFrames {
  readonly #frames: AsyncIterable<Buffer>;
  readonly #watchdog: Watchdog;
  readonly #answerMs: number;
  failure: Error | null = null;

  constructor(frames: AsyncIterable<Buffer>, watchdog: Watchdog, answerMs: number) {
    this.#frames = frames;
    this.#watchdog = watchdog;
    this.#answerMs = answerMs;
  }

  async *bytes(): AsyncGenerator<Buffer, void, void> {
    try {
      for await (const payload of this.#frames) {
        this.#watchdog.touch();
        yield encodeFrame([payload]);
        this.#watchdog.touch();
      }
    } catch (error) {
      this.failure = error instanceof Error ? error : new Error(String(error));
      throw error;
    }
    this.#watchdog.restart(this.#answerMs);
  }
}

/**
 * The body in chunks. The iterator of the request is not closed on the way out: that would cut the
 * connection before the answer is sent.
 */
async function* chunksOf(
  request: IncomingMessage,
  clock: Clock,
  idleMs: number,
): AsyncGenerator<Buffer, void, void> {
  const chunks: AsyncIterator<Buffer> = request[Symbol.asyncIterator]();
  for (;;) {
    const cancel = clock.after(idleMs, () => request.destroy(new Error("the sender stands still")));
    let next: IteratorResult<Buffer>;
    try {
      next = await chunks.next();
    } finally {
      cancel();
    }
    if (next.done === true) return;
    yield next.value;
  }
}

/** Reads what still comes to nowhere, so that the sender sees the answer and not a reset. */
function cutLater(request: IncomingMessage, clock: Clock): void {
  const cancel = clock.after(EARLY_ANSWER_MS, () => request.destroy());
  request.on("close", cancel);
  request.resume();
}

function failureOf(error: unknown): Error {
  if (error instanceof ChannelFailure || error instanceof DatabaseError) return error;
  if (!(error instanceof Error)) return new ChannelFailure("broken", "maybe", String(error));
  const code: unknown = Reflect.get(error, "code");
  if (CONNECT_ERRORS.has(code)) return new ChannelFailure("refused", "no", error.message);
  return new ChannelFailure("broken", "maybe", error.message);
}
