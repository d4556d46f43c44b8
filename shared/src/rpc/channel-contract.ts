/**
 * The two ends of a batch channel and of the Raft transport, as their users see them. HTTP is
 * inside.
 *
 * B1. A channel sends what has gathered since the last send in one request, at once when idle, with
 *     a few requests in flight; it never waits on a timer for more.
 * B2. Replies come as a stream of frames in completion order: a slow call never delays another's
 *     reply.
 * B3. Every call settles: reply, or `ChannelFailure`. Nothing is retried here.
 * B4. Queues are bounded in calls and in bytes; past the limit a call fails at once with
 *     `overloaded`.
 * B5. A call has 16 MiB at most and is refused before it leaves when it has more. A reply may have
 *     `MAX_REPLY_BYTES`: a large one travels in parts, between which others pass, as fast as the
 *     caller takes them; a larger one fails its own call with `too-large`.
 */
import type { ServerId, TabletId } from "../ids.ts";
import type { RaftMessage } from "../raft/messages.ts";

/** `sent: "no"`: the call never left this process; `"maybe"`: the other side may have acted. */
export class ChannelFailure extends Error {
  override readonly name = "ChannelFailure";
  readonly reason:
    | "refused"
    | "broken"
    | "deadline"
    | "overloaded"
    | "closed"
    | "rejected"
    | "too-large";
  readonly sent: "no" | "maybe";

  constructor(reason: ChannelFailure["reason"], sent: "no" | "maybe", detail: string) {
    super(`${reason}: ${detail}`);
    this.reason = reason;
    this.sent = sent;
  }
}

/** What a channel holds, in memory: calls that are not settled, and the bytes of those that wait to be sent. */
export interface ChannelLoad {
  readonly calls: number;
  readonly bytes: number;
}

/** The calling end, one per peer process. */
export interface CallChannel {
  readonly load: ChannelLoad;
  /**
   * `deadlineMs` on the local monotonic clock. The reply is this call's alone; do not keep slices
   * of it for long.
   */
  call(payload: Buffer, deadlineMs: number): Promise<Buffer>;
  close(): void;
}

/** The serving end: all calls that one request brought, to be answered one by one in any order. */
export interface IncomingCall {
  readonly payload: Buffer;
  /** On the local monotonic clock, from the remaining time that the frame carries. */
  readonly deadlineMs: number;
  /**
   * Exactly once. Parts are written one behind the other as one reply. After the client left:
   * ignored.
   */
  reply(...parts: Buffer[]): void;
}

export interface CallHandler {
  handle(calls: readonly IncomingCall[]): void;
}

/** One Raft message on its way between two servers. */
export interface RaftEnvelope {
  readonly tabletId: TabletId;
  /** Appends carry the payloads that the host loaded for them. */
  readonly message: RaftMessage;
}

/**
 * The lanes keep a 1 MiB append from delaying a heartbeat: `vital` carries votes, heartbeats and
 * timeout-now; `append` carries appends; their replies travel on the reverse direction's same lane.
 */
export type RaftLane = "vital" | "append";

export interface RaftTransport {
  /**
   * Hands over messages for one server. Never blocks and never fails: past the queue's limit the
   * oldest are dropped, as a network may. The inbox hears of servers that refuse.
   */
  send(to: ServerId, lane: RaftLane, envelopes: readonly RaftEnvelope[]): void;
}

/** What the transport tells the host. */
export interface RaftInbox {
  receive(from: ServerId, envelopes: readonly RaftEnvelope[]): void;
  /** A request to that server failed: the host reports its replicas unreachable. */
  unreachable(server: ServerId, reason: "refused" | "broken"): void;
}

/** Where servers listen, as far as it is known. */
export interface ServerUrls {
  /** The origin, `http://host:port`; null: not known. */
  urlOf(server: ServerId): string | null;
}
