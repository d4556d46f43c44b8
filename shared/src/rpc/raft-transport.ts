/**
 * The sending end of the Raft transport. Each (server, lane) has a queue and at most one request
 * under way; what gathers meanwhile leaves with the next one.
 *
 * T1. Nothing is sent twice and nothing waits for an answer of the protocol: a failed request loses
 *     its messages, and the host hears `unreachable`.
 * T2. A queue is bounded in messages and bytes; past that the oldest go, which are the most
 *     outdated.
 * T3. A request that gets no reply in time is given up, so that a dead peer, or a connection that died in silence,
 *     never blocks a lane: the vital one for less than an election timeout.
 */
import type { CancelTimer, Clock } from "../clock.ts";
import type { ServerId } from "../ids.ts";
import { timing, type Timing } from "../timing.ts";
import { encodeRaftRequest, raftEnvelopeBytes } from "./raft-frames.ts";
import type {
  RaftEnvelope,
  RaftInbox,
  RaftLane,
  RaftTransport,
  ServerUrls,
} from "./channel-contract.ts";
import type { AbortExchange, Exchange } from "./exchange.ts";

export const RAFT_PATHS = {
  vital: "/internal/raft/vital",
  append: "/internal/raft/append",
} as const satisfies Record<RaftLane, string>;

export interface RaftTransportLimits {
  /** Of one queue. */
  readonly queuedMessages: number;
  readonly queuedBytes: number;
  /** A request takes messages until it has so many bytes; a larger message goes alone. */
  readonly requestBytes: number;
  readonly timeoutMs: Readonly<Record<RaftLane, number>>;
}

/** What is vital is late after an election timeout; an append may be large, and its follower's disk slow. */
export function laneTimeouts({ electionMinTicks, tickMs }: Timing): Record<RaftLane, number> {
  const electionMs = electionMinTicks * tickMs;
  return { vital: 0.75 * electionMs, append: 3.75 * electionMs };
}

export const RAFT_TRANSPORT_LIMITS: RaftTransportLimits = {
  queuedMessages: 65_536,
  queuedBytes: 32 * 1024 * 1024,
  requestBytes: 4 * 1024 * 1024,
  timeoutMs: laneTimeouts(timing()),
};

/** Since the start, for metrics. */
export interface RaftTransportCounters {
  messagesSent: number;
  messagesDropped: number;
  requestsSent: number;
  requestsFailed: number;
}

interface Lane {
  readonly to: ServerId;
  readonly path: string;
  readonly timeoutMs: number;
  queue: RaftEnvelope[];
  queuedBytes: number;
  /** The request under way, or null. */
  request: { readonly sentMs: number; abort: AbortExchange } | null;
  planned: boolean;
}

export class QueuedRaftTransport implements RaftTransport {
  readonly #clock: Clock;
  readonly #exchange: Exchange;
  readonly #urls: ServerUrls;
  readonly #inbox: RaftInbox;
  readonly #clusterId: () => string;
  readonly #sender: ServerId;
  readonly #limits: RaftTransportLimits;
  readonly #lanes = new Map<string, Lane>();
  readonly counters: RaftTransportCounters = {
    messagesSent: 0,
    messagesDropped: 0,
    requestsSent: 0,
    requestsFailed: 0,
  };
  #cancelWatch: CancelTimer | null = null;
  #closed = false;

  constructor(options: {
    readonly clock: Clock;
    readonly exchange: Exchange;
    readonly urls: ServerUrls;
    readonly inbox: RaftInbox;
    readonly clusterId: () => string;
    readonly sender: ServerId;
    readonly limits?: Partial<RaftTransportLimits>;
  }) {
    this.#clock = options.clock;
    this.#exchange = options.exchange;
    this.#urls = options.urls;
    this.#inbox = options.inbox;
    this.#clusterId = options.clusterId;
    this.#sender = options.sender;
    this.#limits = { ...RAFT_TRANSPORT_LIMITS, ...options.limits };
  }

  send(to: ServerId, lane: RaftLane, envelopes: readonly RaftEnvelope[]): void {
    if (this.#closed) return;
    const target = this.#laneOf(to, lane);
    for (const envelope of envelopes) {
      target.queue.push(envelope);
      target.queuedBytes += raftEnvelopeBytes(envelope);
    }
    this.#dropOldest(target);
    this.#planSend(target);
  }

  /** Every queue, one a server and lane. */
  *queues(): Iterable<{ readonly messages: number; readonly bytes: number }> {
    for (const { queue, queuedBytes } of this.#lanes.values()) {
      yield { messages: queue.length, bytes: queuedBytes };
    }
  }

  close(): void {
    this.#closed = true;
    this.#cancelWatch?.();
    for (const lane of this.#lanes.values()) lane.request?.abort();
    this.#lanes.clear();
  }

  #laneOf(to: ServerId, lane: RaftLane): Lane {
    const key = `${to}/${lane}`;
    let target = this.#lanes.get(key);
    if (target === undefined) {
      const path = RAFT_PATHS[lane];
      const timeoutMs = this.#limits.timeoutMs[lane];
      target = { to, path, timeoutMs, queue: [], queuedBytes: 0, request: null, planned: false };
      this.#lanes.set(key, target);
    }
    return target;
  }

  #dropOldest(lane: Lane): void {
    const { queuedMessages, queuedBytes } = this.#limits;
    let dropped = 0;
    for (const envelope of lane.queue) {
      const left = lane.queue.length - dropped;
      if (left <= queuedMessages && (lane.queuedBytes <= queuedBytes || left === 1)) break;
      lane.queuedBytes -= raftEnvelopeBytes(envelope);
      dropped++;
    }
    if (dropped === 0) return;
    lane.queue = lane.queue.slice(dropped);
    this.counters.messagesDropped += dropped;
  }

  #planSend(lane: Lane): void {
    if (lane.planned || lane.request !== null || lane.queue.length === 0) return;
    lane.planned = true;
    this.#clock.soon(() => {
      lane.planned = false;
      if (!this.#closed) this.#post(lane);
    });
  }

  #post(lane: Lane): void {
    const url = this.#urls.urlOf(lane.to);
    if (url === null) {
      this.counters.messagesDropped += lane.queue.length;
      lane.queue = [];
      lane.queuedBytes = 0;
      this.#inbox.unreachable(lane.to, "refused");
      return;
    }
    const envelopes = this.#take(lane);
    const body = encodeRaftRequest({
      clusterId: this.#clusterId(),
      sender: this.#sender,
      recipient: lane.to,
      envelopes,
    });
    const request = { sentMs: this.#clock.monotonicMs(), abort: () => {} };
    lane.request = request;
    this.counters.requestsSent++;
    this.counters.messagesSent += envelopes.length;
    request.abort = this.#exchange.post(
      { url, path: lane.path, body },
      {
        head: (status) => {
          if (status !== 204) this.#finish(lane, request, "broken");
        },
        data: () => {},
        end: () => this.#finish(lane, request, null),
        failed: (reason) => this.#finish(lane, request, reason),
      },
    );
    this.#watch();
  }

  #take(lane: Lane): RaftEnvelope[] {
    const taken: RaftEnvelope[] = [];
    let bytes = 0;
    for (const envelope of lane.queue) {
      const size = raftEnvelopeBytes(envelope);
      if (taken.length > 0 && bytes + size > this.#limits.requestBytes) break;
      taken.push(envelope);
      bytes += size;
    }
    lane.queue = lane.queue.slice(taken.length);
    lane.queuedBytes -= bytes;
    return taken;
  }

  /** The lane is free again; `failure` null: the peer has taken the messages. */
  #finish(lane: Lane, request: Lane["request"], failure: "refused" | "broken" | null): void {
    if (this.#closed || lane.request !== request || request === null) return;
    lane.request = null;
    if (failure !== null) {
      request.abort();
      this.counters.requestsFailed++;
      this.#inbox.unreachable(lane.to, failure);
    }
    this.#planSend(lane);
  }

  /** One timer for all lanes, running only while a request is under way. */
  #watch(): void {
    if (this.#cancelWatch !== null) return;
    const { timeoutMs } = this.#limits;
    this.#cancelWatch = this.#clock.after(Math.min(timeoutMs.vital, timeoutMs.append) / 4, () => {
      this.#cancelWatch = null;
      const nowMs = this.#clock.monotonicMs();
      let underWay = false;
      for (const lane of this.#lanes.values()) {
        const { request } = lane;
        if (request !== null && request.sentMs <= nowMs - lane.timeoutMs) {
          this.#finish(lane, request, "broken");
        }
        underWay ||= lane.request !== null;
      }
      if (underWay) this.#watch();
    });
  }
}
