/**
 * A network in memory, on a virtual clock: what `HttpExchange` and the HTTP server do for real
 * processes, with faults drawn from a seed. The channel, the transport and the routes above it are
 * the real ones, so that every message is encoded and decoded.
 *
 * N1. Each process is a host with a url and a clock of its own; what arrives runs on the receiver's
 *     clock, so a paused process takes it late and a stopped one never.
 * N2. Within one exchange the reply arrives in order, as in one connection; different exchanges
 *     overtake each other freely.
 * N3. A lost message takes everything behind it in its exchange along: as on a dead connection,
 *     neither side is told.
 * N4. Only requests that bear it by design, those of the Raft lanes, are ever duplicated.
 */
import { assert } from "../../assert.ts";
import type { Clock } from "../../clock.ts";
import type { Random } from "../../random.ts";
import type { AbortExchange, Exchange } from "../exchange.ts";
import type { ExchangeEvents, ExchangeHandler, ExchangeRequest } from "../exchange.ts";
import type { FrameStreams, StreamHandler, StreamOptions } from "../frame-stream.ts";
import { MemoryExchange } from "./memory-exchange.ts";
import { MemoryStream } from "./memory-stream.ts";
import type { RouteEnvironment } from "../rpc-route.ts";

/** Shares are in [0, 1] and drawn for each message on each way. */
export interface NetworkFaults {
  /** How long a message takes, uniformly in [least, most). */
  readonly leastDelayMs: number;
  readonly mostDelayMs: number;
  readonly loss: number;
  /** The connection breaks; the message may have arrived before. */
  readonly breakage: number;
  /** One bit of the message flips. */
  readonly damage: number;
  readonly duplication: number;
}

export const CALM_NETWORK: NetworkFaults = {
  leastDelayMs: 0.05,
  mostDelayMs: 0.5,
  loss: 0,
  breakage: 0,
  damage: 0,
  duplication: 0,
};

const RANDOM_STEPS = 1_000_000;

export class MemoryNetwork {
  readonly #random: Random;
  readonly #hosts = new Map<string, MemoryHost>();
  readonly #blocked = new Set<string>();
  faults: NetworkFaults;

  constructor(random: Random, faults: NetworkFaults = CALM_NETWORK) {
    this.#random = random;
    this.faults = faults;
  }

  /** Starts a process's end; the url must be free. */
  host(url: string, clock: Clock): MemoryHost {
    assert(!this.#hosts.has(url), () => `${url} is up already`);
    const host = new MemoryHost(this, url, clock);
    this.#hosts.set(url, host);
    return host;
  }

  /** From now on nothing passes from one process to the other; the way back is another matter. */
  block(fromUrl: string, toUrl: string): void {
    this.#blocked.add(`${fromUrl} ${toUrl}`);
  }

  unblock(fromUrl: string, toUrl: string): void {
    this.#blocked.delete(`${fromUrl} ${toUrl}`);
  }

  unblockAll(): void {
    this.#blocked.clear();
  }

  isBlocked(fromUrl: string, toUrl: string): boolean {
    return this.#blocked.has(`${fromUrl} ${toUrl}`);
  }

  hostAt(url: string): MemoryHost | null {
    return this.#hosts.get(url) ?? null;
  }

  /** For `MemoryHost`. */
  remove(host: MemoryHost): void {
    if (this.#hosts.get(host.url) === host) this.#hosts.delete(host.url);
  }

  /** How long the next message takes; null: it is lost. */
  delayMs(fromUrl: string, toUrl: string): number | null {
    if (this.isBlocked(fromUrl, toUrl) || this.draw(this.faults.loss)) return null;
    const { leastDelayMs, mostDelayMs } = this.faults;
    const share = this.#random.below(RANDOM_STEPS) / RANDOM_STEPS;
    return leastDelayMs + share * (mostDelayMs - leastDelayMs);
  }

  /** True in `share` of all draws. */
  draw(share: number): boolean {
    return share > 0 && this.#random.below(RANDOM_STEPS) < share * RANDOM_STEPS;
  }

  /** A copy of the bytes, as another process gets them: maybe with a flipped bit. */
  copy(bytes: Buffer): Buffer {
    const copy = Buffer.from(bytes);
    if (copy.length > 0 && this.draw(this.faults.damage)) {
      const at = this.#random.below(copy.length);
      copy[at] = (copy[at] ?? 0) ^ (1 << this.#random.below(8));
    }
    return copy;
  }

  /** The bytes in one or two chunks, as a stream may cut them. */
  cut(bytes: Buffer): Buffer[] {
    if (bytes.length < 2 || !this.draw(0.25)) return [bytes];
    const at = 1 + this.#random.below(bytes.length - 1);
    return [bytes.subarray(0, at), bytes.subarray(at)];
  }
}

/** What a process has under way, on either side. */
export interface MemoryConversation {
  /** The process at `url`, one of the two, is gone. */
  lose(url: string): void;
}

/** One process on the network. */
export class MemoryHost implements Exchange, FrameStreams {
  readonly network: MemoryNetwork;
  readonly url: string;
  readonly clock: Clock;
  readonly #handlers = new Map<string, ExchangeHandler>();
  readonly #streamHandlers = new Map<string, [StreamHandler, RouteEnvironment]>();
  readonly #conversations = new Set<MemoryConversation>();

  constructor(network: MemoryNetwork, url: string, clock: Clock) {
    this.network = network;
    this.url = url;
    this.clock = clock;
  }

  serve(path: string, handler: ExchangeHandler): void {
    this.#handlers.set(path, handler);
  }

  serveStream(path: string, handler: StreamHandler, environment: RouteEnvironment): void {
    this.#streamHandlers.set(path, [handler, environment]);
  }

  post(request: ExchangeRequest, events: ExchangeEvents): AbortExchange {
    const exchange = new MemoryExchange(this, request, events);
    exchange.start();
    return () => exchange.abort();
  }

  sendStream(
    url: string,
    path: string,
    frames: AsyncIterable<Buffer>,
    options: StreamOptions,
  ): Promise<Buffer> {
    return new MemoryStream(this, url, path, frames, options).run();
  }

  /** The process dies, or its port closes: what it had under way breaks for the other sides. */
  crash(): void {
    this.network.remove(this);
    for (const conversation of this.#conversations) conversation.lose(this.url);
    this.#conversations.clear();
  }

  /** For the conversations. */
  handlerOf(path: string): ExchangeHandler | null {
    return this.#handlers.get(path) ?? null;
  }

  /** For the conversations. */
  streamHandlerOf(path: string): readonly [StreamHandler, RouteEnvironment] | null {
    return this.#streamHandlers.get(path) ?? null;
  }

  /** For the conversations. */
  join(conversation: MemoryConversation): void {
    this.#conversations.add(conversation);
  }

  /** For the conversations. */
  leave(conversation: MemoryConversation): void {
    this.#conversations.delete(conversation);
  }
}
