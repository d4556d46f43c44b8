/**
 * One stream of frames over a `MemoryNetwork`. The sender waits with each frame until the receiver
 * has taken the one before, which is all the back-pressure that a simulation needs.
 */
import type { Clock } from "../../clock.ts";
import { DatabaseError } from "../../errors.ts";
import { ChannelFailure } from "../channel-contract.ts";
import { encodeFrame } from "../frame.ts";
import { failureOfReply, framesOf, STREAM_IDLE_MS } from "../frame-stream.ts";
import type { StreamOptions } from "../frame-stream.ts";
import type { MemoryConversation, MemoryHost } from "./memory-network.ts";
import { answerToError } from "../rpc-route.ts";
import type { RouteAnswer } from "../rpc-route.ts";
import { Watchdog } from "../watchdog.ts";

export class MemoryStream implements MemoryConversation {
  readonly #client: MemoryHost;
  readonly #url: string;
  readonly #path: string;
  readonly #frames: AsyncIterable<Buffer>;
  readonly #options: StreamOptions;
  readonly #outcome = Promise.withResolvers<Buffer>();
  readonly #senderGone = new AbortController();
  /** Settled, or its sender died: nothing is pulled from the source any more. */
  #state: "open" | "over" | "dead" = "open";
  #stop: () => void = () => {};
  #pipe: ChunkPipe | null = null;
  #server: MemoryHost | null = null;

  constructor(
    client: MemoryHost,
    url: string,
    path: string,
    frames: AsyncIterable<Buffer>,
    options: StreamOptions,
  ) {
    this.#client = client;
    this.#url = url;
    this.#path = path;
    this.#frames = frames;
    this.#options = options;
  }

  async run(): Promise<Buffer> {
    const { network, clock, url } = this.#client;
    const { idleMs = STREAM_IDLE_MS, answerMs, signal } = this.#options;
    const watchdog = new Watchdog(clock, idleMs, () => {
      this.#cut(new ChannelFailure("broken", "maybe", `the stream to ${this.#path} stands still`));
    });
    const giveUp = (): void => {
      this.#cut(new ChannelFailure("closed", "maybe", `the stream to ${this.#path} was given up`));
    };
    signal?.addEventListener("abort", giveUp);
    if (signal?.aborted === true) giveUp();
    this.#client.join(this);
    const delayMs = network.delayMs(url, this.#url);
    if (delayMs !== null)
      clock.arrive(delayMs, this, () => this.#connect(watchdog, idleMs, answerMs));
    try {
      return await this.#outcome.promise;
    } finally {
      this.#state = "over";
      this.#stop();
      watchdog.stop();
      signal?.removeEventListener("abort", giveUp);
      this.#client.leave(this);
      this.#server?.leave(this);
    }
  }

  lose(url: string): void {
    const { clock, network } = this.#client;
    if (url === this.#client.url) {
      // No promise of a dead process settles.
      this.#state = "dead";
      this.#tellReceiver();
      return;
    }
    this.#pipe?.kill();
    const delayMs = network.delayMs(url, this.#client.url);
    const reset = new ChannelFailure("broken", "maybe", "connection reset");
    if (delayMs !== null) clock.arrive(delayMs, this, () => this.#outcome.reject(reset));
  }

  breakFor(fromUrl: string, toUrl: string): void {
    if (fromUrl !== this.#client.url || toUrl !== this.#url) return;
    this.#cut(new ChannelFailure("broken", "maybe", "connection reset"));
  }

  #connect(watchdog: Watchdog, idleMs: number, answerMs: number): void {
    const server = this.#client.network.hostAt(this.#url);
    if (server === null) {
      this.#outcome.reject(new ChannelFailure("refused", "no", "connection refused"));
      return;
    }
    this.#server = server;
    server.join(this);
    const pipe = new ChunkPipe(server.clock, idleMs);
    this.#pipe = pipe;
    server.clock.soon(() => void this.#serve(server, pipe));
    void this.#send(server, pipe, watchdog).then(
      () => watchdog.restart(answerMs),
      (error: Error) => this.#cut(error),
    );
  }

  async #send(server: MemoryHost, pipe: ChunkPipe, watchdog: Watchdog): Promise<void> {
    const { network } = this.#client;
    for await (const payload of this.#frames) {
      watchdog.touch();
      const frame = encodeFrame([payload]);
      network.onMessage?.(this.#client.url, server.url, this.#path, [frame]);
      await this.#pass(server, () => pipe.put(network.copy(frame)));
      if (this.#state !== "open") return;
      watchdog.touch();
      if (network.drawBreakage()) {
        throw new ChannelFailure("broken", "maybe", "connection reset");
      }
    }
    await this.#pass(server, () => pipe.put(null));
  }

  /** Resolves when the receiver took the message, or when there is no point in waiting for that. */
  #pass(server: MemoryHost, put: () => Promise<void>): Promise<void> {
    return new Promise((resolve) => {
      if (this.#state === "over") resolve();
      this.#stop = resolve;
      const delayMs = this.#client.network.delayMs(this.#client.url, server.url);
      if (delayMs === null) return;
      server.clock.arrive(delayMs, this, () => {
        void put().then(() => {
          if (this.#state !== "dead") resolve();
        });
      });
    });
  }

  async #serve(server: MemoryHost, pipe: ChunkPipe): Promise<void> {
    const answer = await this.#answer(server, pipe);
    if (this.#senderGone.signal.aborted) return;
    const { network, clock, url } = this.#client;
    network.onMessage?.(server.url, url, this.#path, [answer.body]);
    const delayMs = network.replyDelayMs(server.url, url);
    if (delayMs === null) return;
    clock.arrive(delayMs, this, () => {
      if (answer.status === 200) this.#outcome.resolve(network.copy(answer.body));
      else this.#outcome.reject(failureOfReply(answer.status, answer.body, this.#path));
    });
  }

  async #answer(server: MemoryHost, pipe: ChunkPipe): Promise<RouteAnswer> {
    const served = server.streamHandlerOf(this.#path);
    if (served === null) return { status: 404, body: Buffer.alloc(0) };
    const [handler, environment] = served;
    try {
      const frames = framesOf(pipe.chunks());
      const body = await handler(frames, { signal: this.#senderGone.signal });
      return { status: 200, body };
    } catch (error) {
      return answerToError(error, this.#path, environment);
    }
  }

  #cut(failure: Error): void {
    this.#outcome.reject(failure);
    this.#tellReceiver();
  }

  /** If it cannot be told, it notices by its idle time. */
  #tellReceiver(): void {
    const [server, pipe] = [this.#server, this.#pipe];
    if (server === null || pipe === null) return;
    const delayMs = this.#client.network.delayMs(this.#client.url, server.url);
    if (delayMs === null) return;
    server.clock.arrive(delayMs, this, () => {
      this.#senderGone.abort();
      pipe.break();
    });
  }
}

/** Chunks from one side to the other, one at a time. */
class ChunkPipe {
  readonly #clock: Clock;
  readonly #idleMs: number;
  #offered: { readonly chunk: Buffer | null; readonly taken: () => void } | null = null;
  #wake: (() => void) | null = null;
  #state: "open" | "broken" | "dead" = "open";

  constructor(clock: Clock, idleMs: number) {
    this.#clock = clock;
    this.#idleMs = idleMs;
  }

  /** Resolves when the chunk was taken; null is the end. */
  put(chunk: Buffer | null): Promise<void> {
    return new Promise((resolve) => {
      this.#offered = { chunk, taken: resolve };
      if (this.#state !== "dead") this.#wake?.();
    });
  }

  /** The receiver gets no more. */
  break(): void {
    if (this.#state === "dead") return;
    this.#state = "broken";
    this.#wake?.();
  }

  /** The receiver died: it never runs again. */
  kill(): void {
    this.#state = "dead";
  }

  async *chunks(): AsyncGenerator<Buffer, void, void> {
    for (;;) {
      if (this.#offered === null && this.#state === "open") await this.#wait();
      const offered = this.#offered;
      if (offered === null || this.#state === "broken") {
        throw new DatabaseError({ code: "UNAVAILABLE", detail: "the stream was cut" });
      }
      this.#offered = null;
      offered.taken();
      if (offered.chunk === null) return;
      yield offered.chunk;
    }
  }

  async #wait(): Promise<void> {
    const cancel = this.#clock.after(this.#idleMs, () => this.break());
    await new Promise<void>((resolve) => (this.#wake = resolve));
    this.#wake = null;
    cancel();
  }
}
