/**
 * One exchange over a `MemoryNetwork`. It draws a fate for the request and for each piece of the
 * reply.
 */
import type { ClientGone, ExchangeEvents, ExchangeRequest, ReplySink } from "../exchange.ts";
import type { MemoryConversation, MemoryHost } from "./memory-network.ts";
import { RAFT_PATHS } from "../raft-transport.ts";

/** How long a connection to a process behind a partition is tried. */
const CONNECT_TIMEOUT_MS = 2_000;

/** Of a connection whose message is lost, so many are connections still to be made. */
const CONNECTING_SHARE = 0.5;

/** Of the requests that their client gives up while they are under way, so many arrive all the same. */
const STRAY_SHARE = 0.5;

const REPEATABLE: ReadonlySet<string> = new Set(Object.values(RAFT_PATHS));
const NOWHERE: ReplySink = { answer: () => {}, write: () => {}, end: () => {} };

export class MemoryExchange implements MemoryConversation {
  readonly #client: MemoryHost;
  readonly #request: ExchangeRequest;
  readonly #events: ExchangeEvents;
  #server: MemoryHost | null = null;
  /** Pieces of the reply on their way, in order. */
  #pieces: (() => void)[] = [];
  #clientOpen = true;
  #serverOpen = false;
  /** Nothing passes to the client any more, and it is not told. */
  #stalled = false;
  #headSent = false;
  #gone: ClientGone = () => {};

  constructor(client: MemoryHost, request: ExchangeRequest, events: ExchangeEvents) {
    this.#client = client;
    this.#request = request;
    this.#events = events;
  }

  start(): void {
    const { network, url, clock } = this.#client;
    const { path, body } = this.#request;
    const server = network.hostAt(this.#request.url);
    network.onMessage?.(url, this.#request.url, path, [body]);
    const delayMs = network.delayMs(url, this.#request.url);
    this.#client.join(this);
    if (delayMs === null) {
      if (!network.draw(CONNECTING_SHARE)) return;
      clock.after(CONNECT_TIMEOUT_MS, () => this.#fail("refused", "no", "connecting timed out"));
    } else if (server === null) {
      clock.arrive(delayMs, this, () => this.#fail("refused", "no", "connection refused"));
    } else {
      this.#server = server;
      server.join(this);
      server.clock.arrive(delayMs, this, () => this.#arrive(server));
      if (network.drawBreakage()) this.#breakConnection();
    }
  }

  /** The client gives up. */
  abort(): void {
    this.#clientOpen = false;
    this.#client.leave(this);
    this.#tellServer();
  }

  lose(url: string): void {
    const { network } = this.#client;
    if (url === this.#client.url) {
      this.abort();
    } else {
      this.#serverOpen = false;
      const delayMs = network.delayMs(url, this.#client.url);
      if (delayMs === null || this.#stalled) return;
      this.#client.clock.arrive(delayMs, this, () =>
        this.#fail("broken", "maybe", "connection reset"),
      );
    }
  }

  breakFor(fromUrl: string, toUrl: string): void {
    if (fromUrl !== this.#client.url || toUrl !== this.#request.url) return;
    this.#tellServer();
    this.#fail("broken", "maybe", "connection reset");
  }

  #arrive(server: MemoryHost): void {
    const { network } = this.#client;
    if (network.hostAt(server.url) !== server) return;
    const isGivenUp = !this.#clientOpen;
    if (isGivenUp && !network.draw(STRAY_SHARE)) return;
    const { path, body, headers = {} } = this.#request;
    this.#serverOpen = true;
    const handler = server.handlerOf(path);
    if (handler === null) {
      this.#reply(404, [], "last");
      return;
    }
    const sink: ReplySink = {
      answer: (status, reply) => this.#reply(status, [reply], "last"),
      write: (chunks, taken) => this.#reply(200, chunks, "more", taken),
      end: (chunks) => this.#reply(200, chunks, "last"),
    };
    this.#gone = handler(network.copy(body), sink, headers);
    if (isGivenUp) this.#tellServer();
    if (!REPEATABLE.has(path) || !network.drawDuplication()) return;
    const delayMs = network.delayMs(this.#client.url, server.url);
    if (delayMs === null) return;
    server.clock.arrive(delayMs, this, () => void handler(network.copy(body), NOWHERE, headers));
  }

  #reply(
    status: number,
    chunks: readonly Buffer[],
    position: "more" | "last",
    taken?: () => void,
  ): void {
    if (!this.#serverOpen) return;
    const { network, url, clock } = this.#client;
    const isFirst = !this.#headSent;
    this.#headSent = true;
    if (position === "last") this.#leaveServer();
    network.onMessage?.(this.#request.url, url, this.#request.path, chunks);
    const delayMs = network.replyDelayMs(this.#request.url, url);
    if (delayMs === null) this.#stalled = true;
    if (delayMs === null || this.#stalled) return;
    const bytes = network.cut(network.copy(...chunks));
    this.#pieces.push(() => {
      if (isFirst) this.#emit((events) => events.head(status));
      for (const chunk of bytes) {
        if (chunk.length > 0) this.#emit((events) => events.data(chunk));
      }
      if (position === "last") this.#end();
    });
    if (taken !== undefined) {
      this.#server?.clock.arrive(delayMs, this, () => {
        if (this.#serverOpen) taken();
      });
    }
    // Whichever timer fires first, the first piece arrives first.
    clock.arrive(delayMs, this, () => this.#pieces.shift()?.());
    if (network.drawBreakage()) this.#breakConnection();
  }

  #emit(event: (events: ExchangeEvents) => void): void {
    if (this.#clientOpen) event(this.#events);
  }

  #end(): void {
    if (!this.#clientOpen) return;
    this.#clientOpen = false;
    this.#client.leave(this);
    this.#events.end();
  }

  #fail(reason: "refused" | "broken", sent: "no" | "maybe", detail: string): void {
    if (!this.#clientOpen) return;
    this.#clientOpen = false;
    this.#client.leave(this);
    this.#events.failed(reason, sent, detail);
  }

  /** Both sides notice, each in its time; what is under way may come before or not. */
  #breakConnection(): void {
    const { network, url, clock } = this.#client;
    const delayMs = network.delayMs(this.#request.url, url);
    if (delayMs !== null) {
      clock.arrive(delayMs, this, () => this.#fail("broken", "maybe", "connection reset"));
    }
    this.#tellServer();
  }

  #tellServer(): void {
    const server = this.#server;
    if (server === null) return;
    const delayMs = this.#client.network.delayMs(this.#client.url, server.url);
    if (delayMs === null) return;
    server.clock.arrive(delayMs, this, () => {
      if (!this.#serverOpen) return;
      this.#leaveServer();
      this.#gone();
    });
  }

  #leaveServer(): void {
    this.#serverOpen = false;
    this.#server?.leave(this);
  }
}
