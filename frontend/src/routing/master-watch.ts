/**
 * What the masters say of themselves, asked now and then: who leads, who else there is, whether the
 * cluster is complete. So a front-end follows masters that move, and knows when it can begin to serve.
 *
 * W1. Once ready, always ready: rows are routed without masters.
 */
import type { CancelTimer, Clock } from "@stele/shared/clock.ts";
import type { AddressEntry } from "@stele/shared/wire/address-entry.ts";
import { ChannelFailure } from "@stele/shared/rpc/channel-contract.ts";
import { DatabaseError } from "@stele/shared/errors.ts";
import { clusterServersRoute } from "@stele/shared/wire/admin-calls.ts";
import type { MasterView } from "@stele/shared/wire/admin-views.ts";
import { helloRoute } from "@stele/shared/wire/master-calls.ts";
import type { HelloReply } from "@stele/shared/wire/master-calls.ts";
import type { MasterClient, RpcCalls } from "./master-client.ts";

export interface MasterWatchParts {
  readonly clock: Clock;
  readonly rpc: RpcCalls;
  readonly urls: () => readonly string[];
  /** What is known of masters that do not answer. */
  readonly addresses: () => readonly AddressEntry[];
  readonly masters: Pick<MasterClient, "call" | "learnLeader">;
  readonly expectTabletServers: number;
  readonly learnt: (masters: readonly AddressEntry[]) => void;
}

const HELLO_MS = 1_000;
/** Until ready, and later. */
const EAGER_MS = 100;
const CALM_MS = 5_000;

export class MasterWatch {
  readonly #parts: MasterWatchParts;
  #unready: string | null = "no master has answered yet";
  #cancel: CancelTimer = () => undefined;
  #stopped = false;

  constructor(parts: MasterWatchParts) {
    this.#parts = parts;
  }

  /** Null: ready; else what is missing. */
  get unreadyReason(): string | null {
    return this.#unready;
  }

  start(): void {
    void this.#look().then(() => {
      if (this.#stopped) return;
      const pauseMs = this.#unready === null ? CALM_MS : EAGER_MS;
      this.#cancel = this.#parts.clock.after(pauseMs, () => this.start());
    });
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel();
  }

  /** Every master that is known, as it answers by the deadline. In order of names. */
  async views(deadlineMs: number): Promise<readonly MasterView[]> {
    const { addresses, urls } = this.#parts;
    const known = new Map(addresses().map((entry) => [entry.url, entry]));
    const replies = await Promise.all(
      urls().map(async (url) => ({ url, hello: await this.#hello(url, deadlineMs) })),
    );
    const answered = replies.flatMap(({ hello }) => hello ?? []);
    const leader = leaderOf(answered);
    const views = new Map<string, MasterView>();
    for (const { url, hello } of replies) {
      const view = hello === null ? unreachable(url, known.get(url)) : viewOf(hello, leader);
      const before = views.get(view.id);
      // A master that moved answers under its new url only.
      if (before === undefined || before.role === "unreachable") views.set(view.id, view);
    }
    return [...views.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  async #look(): Promise<void> {
    const { clock, learnt, masters, urls } = this.#parts;
    const deadlineMs = clock.monotonicMs() + HELLO_MS;
    const replies = await Promise.all(urls().map((url) => this.#hello(url, deadlineMs)));
    const answered = replies.flatMap((hello) => hello ?? []);
    for (const { masters: entries } of answered) learnt(entries);
    const leader = leaderOf(answered);
    if (leader !== null) masters.learnLeader(leader.url);
    if (this.#unready === null) return;
    if (answered.length === 0) this.#unready = "no master answers";
    else if (leader === null) this.#unready = "the masters have no leader yet";
    else this.#unready = await this.#missingServers();
  }

  async #missingServers(): Promise<string | null> {
    const { clock, expectTabletServers, masters } = this.#parts;
    const deadlineMs = clock.monotonicMs() + HELLO_MS;
    try {
      const call = { deadlineMs, attemptMs: HELLO_MS, effect: "read" } as const;
      const { result } = await masters.call(clusterServersRoute, {}, call);
      // Whether they live is another matter: a cluster without some of its servers can be routed to.
      if (result.length >= expectTabletServers) return null;
      return `${result.length} of ${expectTabletServers} tablet servers are registered`;
    } catch (error) {
      if (error instanceof DatabaseError) return error.body.detail;
      throw error;
    }
  }

  async #hello(url: string, deadlineMs: number): Promise<HelloReply | null> {
    try {
      return await this.#parts.rpc.call(url, helloRoute, { masters: null }, { deadlineMs });
    } catch (error) {
      if (error instanceof ChannelFailure || error instanceof DatabaseError) return null;
      throw error;
    }
  }
}

/** Of those that say they lead, the one of the highest term. */
function leaderOf(replies: readonly HelloReply[]): HelloReply | null {
  let leader: HelloReply | null = null;
  for (const reply of replies) {
    if (reply.leaderUrl !== reply.url) continue;
    if (leader === null || reply.term > leader.term) leader = reply;
  }
  return leader;
}

function viewOf(hello: HelloReply, leader: HelloReply | null): MasterView {
  const { name, serverId: id, term, url } = hello;
  const role = leader !== null && id === leader.serverId ? "leader" : "follower";
  return { id: name, serverId: id, url, role, term };
}

function unreachable(url: string, known: AddressEntry | undefined): MasterView {
  // Of a master that was configured and never heard of, nothing but its url is known.
  const { name = url, serverId = "" } = known ?? {};
  return { id: name, serverId, url, role: "unreachable", term: null };
}
