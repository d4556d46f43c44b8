/**
 * The serving end of the Raft transport: decodes a request, checks that it is meant for this server
 * of this cluster, hands its messages over, and answers with an empty 204 at once. What the groups
 * have to say in return are messages of their own on the reverse direction; nothing here waits for
 * a disk.
 */
import { MalformedFrameError } from "../bytes/malformed-frame-error.ts";
import type { ServerId } from "../ids.ts";
import { decodeRaftRequest } from "./raft-frames.ts";
import type { RaftRequest } from "./raft-frames.ts";
import type { RaftInbox } from "./channel-contract.ts";
import type { ClientGone, ReplySink } from "./exchange.ts";

const NO_BYTES = Buffer.alloc(0);

/** Since the start, for metrics. */
export interface RaftReceiverCounters {
  messagesReceived: number;
  /** Requests that did not decode. */
  malformed: number;
  /** Requests for another cluster or another server. */
  misdirected: number;
}

export class RaftReceiver {
  readonly #inbox: RaftInbox;
  readonly #clusterId: () => string;
  readonly #recipient: ServerId;
  readonly counters: RaftReceiverCounters = { messagesReceived: 0, malformed: 0, misdirected: 0 };

  constructor(options: {
    readonly inbox: RaftInbox;
    readonly clusterId: () => string;
    readonly recipient: ServerId;
  }) {
    this.#inbox = options.inbox;
    this.#clusterId = options.clusterId;
    this.#recipient = options.recipient;
  }

  /** Takes a request of either lane; an `ExchangeHandler`. */
  readonly accept = (body: Buffer, sink: ReplySink): ClientGone => {
    sink.answer(this.#take(body), NO_BYTES);
    return () => {};
  };

  #take(body: Buffer): 204 | 400 | 403 | 409 {
    let request: RaftRequest;
    try {
      request = decodeRaftRequest(body);
    } catch (error) {
      if (!(error instanceof MalformedFrameError)) throw error;
      this.counters.malformed++;
      return 400;
    }
    if (request.clusterId !== this.#clusterId() || request.recipient !== this.#recipient) {
      this.counters.misdirected++;
      return request.clusterId === this.#clusterId() ? 409 : 403;
    }
    this.counters.messagesReceived += request.envelopes.length;
    this.#inbox.receive(request.sender, request.envelopes);
    return 204;
  }
}
