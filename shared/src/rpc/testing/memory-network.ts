/**
 * A network in memory, on a virtual clock: what `HttpExchange` and the HTTP server do for real
 * processes, with faults drawn from a seed. The channel, the transport and the routes above it are
 * the real ones, so that every message is encoded and decoded.
 *
 * N1. Each process is a host with a url and a clock of its own; what arrives runs on the receiver's
 *     clock, so a paused process takes it late and a stopped one never. To a process that goes on, each
 *     exchange is a source of its own.
 * N2. Within one exchange the reply arrives in order, as in one connection; different exchanges
 *     overtake each other freely.
 * N3. A lost message takes everything behind it in its exchange along: as on a dead connection,
 *     neither side is told.
 * N4. Only requests that bear it by design, those of the Raft lanes, are ever duplicated.
 * N5. A request that its client gives up while it is under way may arrive all the same, behind any later one.
 */
import { assert } from "../../assert.ts";
import type { Random } from "../../random.ts";
import type { AbortExchange, Exchange } from "../exchange.ts";
import type { ExchangeEvents, ExchangeHandler, ExchangeRequest } from "../exchange.ts";
import type { FrameStreams, StreamHandler, StreamOptions } from "../frame-stream.ts";
import { MemoryExchange } from "./memory-exchange.ts";
import { MemoryStream } from "./memory-stream.ts";
import type { RouteEnvironment } from "../rpc-route.ts";
import type { ProcessClock } from "../../testing/simulated-clock.ts";

/** Shares are in [0, 1] and drawn for each message on each way. */
export interface NetworkFaults {
  /** How long a message takes, uniformly in [least, most). */
  readonly leastDelayMs: number;
  readonly mostDelayMs: number;
  /** Of these the delay is longer, uniformly by up to `spikeMs`. */
  readonly spikeShare: number;
  readonly spikeMs: number;
  readonly loss: number;
  /** Beside `loss`, of replies alone: what the request asked for is done, and nobody hears of it. */
  readonly replyLoss: number;
  /** The connection breaks; the message may have arrived before. */
  readonly breakage: number;
  /** One bit of the message flips. */
  readonly damage: number;
  readonly duplication: number;
}

export const CALM_NETWORK: NetworkFaults = {
  leastDelayMs: 0.05,
  mostDelayMs: 0.5,
  spikeShare: 0,
  spikeMs: 0,
  loss: 0,
  replyLoss: 0,
  breakage: 0,
  damage: 0,
  duplication: 0,
};

/** What became of messages; one may count more than once. */
export interface NetworkCounters {
  /** Requests, pieces of replies, frames of streams, and ends of connections that are told. */
  sent: number;
  /** By a block. */
  blocked: number;
  lost: number;
  repliesLost: number;
  spikes: number;
  broken: number;
  damaged: number;
  duplicated: number;
}

/** Called for what is sent, whatever becomes of it. */
export type OnMessage = (
  fromUrl: string,
  toUrl: string,
  path: string,
  chunks: readonly Buffer[],
) => void;

const RANDOM_STEPS = 1_000_000;

export class MemoryNetwork {
  readonly #random: Random;
  readonly #hosts = new Map<string, MemoryHost>();
  readonly #blocked = new Set<string>();
  /** By link: how much longer its messages take. */
  readonly #delays = new Map<string, number>();
  readonly counters: NetworkCounters = {
    sent: 0,
    blocked: 0,
    lost: 0,
    repliesLost: 0,
    spikes: 0,
    broken: 0,
    damaged: 0,
    duplicated: 0,
  };
  faults: NetworkFaults;
  onMessage: OnMessage | null = null;

  /** Its fates alone are drawn from `random`. */
  constructor(random: Random, faults: NetworkFaults = CALM_NETWORK) {
    this.#random = random;
    this.faults = faults;
  }

  /** Starts a process's end; the url must be free. */
  host(url: string, clock: ProcessClock): MemoryHost {
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

  /** From now on what one process sends to the other takes so much longer than before. */
  delay(fromUrl: string, toUrl: string, byMs: number): void {
    const link = `${fromUrl} ${toUrl}`;
    const delayMs = (this.#delays.get(link) ?? 0) + byMs;
    if (delayMs === 0) this.#delays.delete(link);
    else this.#delays.set(link, delayMs);
  }

  /** The connections from the one to the other break, as the one sees it: what it has sent may arrive all the same. */
  breakConnections(fromUrl: string, toUrl: string): void {
    this.#hosts.get(fromUrl)?.breakConnections(toUrl);
  }

  unblockAll(): void {
    this.#blocked.clear();
  }

  isBlocked(fromUrl: string, toUrl: string): boolean {
    return this.#blocked.size > 0 && this.#blocked.has(`${fromUrl} ${toUrl}`);
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
    const { counters, faults } = this;
    counters.sent++;
    if (this.isBlocked(fromUrl, toUrl)) {
      counters.blocked++;
      return null;
    }
    if (this.draw(faults.loss)) {
      counters.lost++;
      return null;
    }
    const usualMs =
      faults.leastDelayMs + this.#share() * (faults.mostDelayMs - faults.leastDelayMs);
    const delayMs = usualMs + this.#extraDelayMs(fromUrl, toUrl);
    if (!this.draw(faults.spikeShare)) return delayMs;
    counters.spikes++;
    return delayMs + this.#share() * faults.spikeMs;
  }

  /** The same for a piece of a reply. */
  replyDelayMs(fromUrl: string, toUrl: string): number | null {
    const delayMs = this.delayMs(fromUrl, toUrl);
    if (delayMs === null || !this.draw(this.faults.replyLoss)) return delayMs;
    this.counters.repliesLost++;
    return null;
  }

  /** Whether the connection breaks now. */
  drawBreakage(): boolean {
    const breaks = this.draw(this.faults.breakage);
    if (breaks) this.counters.broken++;
    return breaks;
  }

  /** Whether the message comes twice. */
  drawDuplication(): boolean {
    const repeats = this.draw(this.faults.duplication);
    if (repeats) this.counters.duplicated++;
    return repeats;
  }

  /** True in `share` of all draws. */
  draw(share: number): boolean {
    return share > 0 && this.#share() < share;
  }

  /** A copy of the bytes, as another process gets them: maybe with a flipped bit. */
  copy(...parts: readonly Buffer[]): Buffer {
    const copy = Buffer.concat(parts);
    if (copy.length > 0 && this.draw(this.faults.damage)) {
      this.counters.damaged++;
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

  #extraDelayMs(fromUrl: string, toUrl: string): number {
    return this.#delays.size === 0 ? 0 : (this.#delays.get(`${fromUrl} ${toUrl}`) ?? 0);
  }

  /** Uniform in [0, 1). */
  #share(): number {
    return this.#random.below(RANDOM_STEPS) / RANDOM_STEPS;
  }
}

/** What a process has under way, on either side. */
export interface MemoryConversation {
  /** The process at `url`, one of the two, is gone. */
  lose(url: string): void;
  /** The connection breaks as the process at `fromUrl` sees it, if it is the client and the other the server. */
  breakFor(fromUrl: string, toUrl: string): void;
}

/** One process on the network. */
export class MemoryHost implements Exchange, FrameStreams {
  readonly network: MemoryNetwork;
  readonly url: string;
  readonly clock: ProcessClock;
  readonly #handlers = new Map<string, ExchangeHandler>();
  readonly #streamHandlers = new Map<string, [StreamHandler, RouteEnvironment]>();
  readonly #conversations = new Set<MemoryConversation>();

  constructor(network: MemoryNetwork, url: string, clock: ProcessClock) {
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

  /** For the network: those that this process has made. */
  breakConnections(toUrl: string): void {
    // Whoever hears of it may begin another at once.
    const underWay = [...this.#conversations];
    for (const conversation of underWay) conversation.breakFor(this.url, toUrl);
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
