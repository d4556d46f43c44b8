/**
 * The channels to the tablet servers: one each, opened when first used, closed when it was idle for
 * long or when the server has another address.
 *
 * T1. A channel is never closed while a call on it may still be open.
 */
import type { Clock } from "@stele/shared/clock.ts";
import type { ServerId } from "@stele/shared/ids.ts";
import { ChannelFailure } from "@stele/shared/rpc/channel-contract.ts";
import type { CallChannel, ChannelLoad } from "@stele/shared/rpc/channel-contract.ts";
import type { ServerDirectory } from "./server-directory.ts";

/** How calls reach tablet servers. */
export interface ServerCalls {
  /** Rejects with `ChannelFailure`. */
  call(server: ServerId, payload: Buffer, deadlineMs: number): Promise<Buffer>;
}

export interface TabletChannelsParts {
  readonly clock: Clock;
  readonly servers: ServerDirectory;
  readonly open: (url: string) => CallChannel;
  readonly idleMs: number;
}

interface OpenChannel {
  readonly url: string;
  readonly channel: CallChannel;
  /** Monotonic: the last call and the latest deadline of all. */
  usedMs: number;
  openUntilMs: number;
}

export class TabletChannels implements ServerCalls {
  readonly #parts: TabletChannelsParts;
  readonly #channels = new Map<ServerId, OpenChannel>();
  /** Of servers that moved: they finish what they carry. */
  #leaving: OpenChannel[] = [];
  #sweeping = false;
  #closed = false;

  constructor(parts: TabletChannelsParts) {
    this.#parts = parts;
  }

  call(server: ServerId, payload: Buffer, deadlineMs: number): Promise<Buffer> {
    const known = this.#parts.servers.get(server);
    if (this.#closed || known === undefined) {
      const why = this.#closed ? "the front-end stops" : `no address of server ${server} is known`;
      return Promise.reject(new ChannelFailure("refused", "no", why));
    }
    let open = this.#channels.get(server);
    if (open === undefined || open.url !== known.url) open = this.#replace(server, known.url);
    open.usedMs = this.#parts.clock.monotonicMs();
    if (deadlineMs > open.openUntilMs) open.openUntilMs = deadlineMs;
    return open.channel.call(payload, deadlineMs);
  }

  /** Of each channel that is open. */
  get loads(): readonly ChannelLoad[] {
    return [...this.#channels.values(), ...this.#leaving].map(({ channel }) => channel.load);
  }

  /** Breaks what is under way. */
  close(): void {
    this.#closed = true;
    for (const { channel } of [...this.#channels.values(), ...this.#leaving]) channel.close();
    this.#channels.clear();
    this.#leaving = [];
  }

  #replace(server: ServerId, url: string): OpenChannel {
    const old = this.#channels.get(server);
    if (old !== undefined) this.#leaving.push(old);
    const fresh = { url, channel: this.#parts.open(url), usedMs: 0, openUntilMs: 0 };
    this.#channels.set(server, fresh);
    this.#planSweep();
    return fresh;
  }

  #planSweep(): void {
    if (this.#sweeping) return;
    this.#sweeping = true;
    const { clock, idleMs } = this.#parts;
    clock.after(idleMs, () => {
      this.#sweeping = false;
      this.#sweep(clock.monotonicMs());
      if (!this.#closed && this.#channels.size + this.#leaving.length > 0) this.#planSweep();
    });
  }

  #sweep(nowMs: number): void {
    const { idleMs } = this.#parts;
    for (const [server, open] of this.#channels) {
      if (nowMs - open.usedMs < idleMs || nowMs < open.openUntilMs) continue;
      open.channel.close();
      this.#channels.delete(server);
    }
    const over = this.#leaving.filter(({ openUntilMs }) => nowMs >= openUntilMs);
    for (const { channel } of over) channel.close();
    this.#leaving = this.#leaving.filter((open) => !over.includes(open));
  }
}
