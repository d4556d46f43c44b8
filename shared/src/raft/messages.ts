/**
 * What replicas of one group say to each other. A message is addressed by replica ids inside its
 * group; which server a replica lives on is the transport's affair.
 *
 * | kind            | sender    | purpose                                   | lost or repeated     |
 * |-----------------|-----------|-------------------------------------------|----------------------|
 * | pre-vote(-reply)| candidate | would I win? changes no term              | harmless             |
 * | vote(-reply)    | candidate | Raft paper, section 5.2                   | harmless             |
 * | append(-reply)  | leader    | entries, or a probe when it carries none  | sent again           |
 * | heartbeat(-..)  | leader    | authority, commit index, one read round   | next round replaces  |
 * | snapshot        | leader    | the state at (index, term) replaces a log | streamed again       |
 * | timeout-now     | leader    | leadership transfer: campaign at once     | transfer times out   |
 */
import type { LogIndex, ReplicaId, Term } from "../ids.ts";
import type { GroupConfig } from "./group-config.ts";

/** `empty` opens a leader's term; `config` holds an encoded `GroupConfig`; `command` is opaque. */
export type EntryKind = "empty" | "config" | "command";

/** Of one entry; every log and every message takes as much. */
export const MAX_ENTRY_PAYLOAD_BYTES = 16 * 1024 * 1024;

export interface Entry {
  readonly index: LogIndex;
  readonly term: Term;
  readonly kind: EntryKind;
  readonly payload: Buffer;
}

/**
 * Consecutive entries that a message carries, first and last inclusive; `last < first` is none.
 * The core keeps no payload of a persisted entry, so an outgoing message names the entries by index
 * and term, and the host loads the payloads when it encodes the message. If one is gone by then
 * (compacted or overwritten) the host drops the message, as a network may.
 */
export interface EntrySpan {
  readonly first: LogIndex;
  readonly last: LogIndex;
}

interface Addressed {
  readonly from: ReplicaId;
  readonly to: ReplicaId;
  readonly term: Term;
}

export interface PreVote extends Addressed {
  readonly kind: "pre-vote";
  /** `term` is the term that the sender would campaign in: its own + 1. */
  readonly lastIndex: LogIndex;
  readonly lastTerm: Term;
}
export interface PreVoteReply extends Addressed {
  readonly kind: "pre-vote-reply";
  /** A grant echoes the request's term; a refusal carries the refuser's own term. */
  readonly granted: boolean;
}
export interface Vote extends Addressed {
  readonly kind: "vote";
  readonly lastIndex: LogIndex;
  readonly lastTerm: Term;
  /** True when the old leader asked for this campaign: the promise to it no longer binds. */
  readonly transfer: boolean;
}
export interface VoteReply extends Addressed {
  readonly kind: "vote-reply";
  readonly granted: boolean;
}
export interface OutgoingAppend extends Addressed {
  readonly kind: "append";
  readonly prevIndex: LogIndex;
  readonly prevTerm: Term;
  readonly commit: LogIndex;
  readonly entries: EntrySpan;
}
export interface Append extends Addressed {
  readonly kind: "append";
  readonly prevIndex: LogIndex;
  readonly prevTerm: Term;
  readonly commit: LogIndex;
  readonly entries: readonly Entry[];
}
/** Answers an append or a snapshot. For a leader of a lower term only the reply's term counts. */
export interface AppendReply extends Addressed {
  readonly kind: "append-reply";
  readonly outcome:
    | { readonly kind: "accepted"; readonly match: LogIndex }
    | {
        readonly kind: "rejected";
        /** The `prevIndex` that did not match. */
        readonly prevIndex: LogIndex;
        /** Where the follower's log may still agree, so that both sides skip whole terms. */
        readonly hintIndex: LogIndex;
        readonly hintTerm: Term;
      };
}
export interface Heartbeat extends Addressed {
  readonly kind: "heartbeat";
  /** min(match of the receiver, commit). */
  readonly commit: LogIndex;
  /** Grows within a term and is never used twice (etcd #20418). */
  readonly round: number;
}
export interface HeartbeatReply extends Addressed {
  readonly kind: "heartbeat-reply";
  readonly round: number;
}
export interface SnapshotOffer extends Addressed {
  /**
   * Stepped by the *receiving host* once it holds the whole state, staged and flushed. `term` is
   * the sender's when it began to stream; the state is taken even if that reign is over.
   */
  readonly kind: "snapshot";
  readonly index: LogIndex;
  readonly indexTerm: Term;
  readonly config: GroupConfig;
  readonly configIndex: LogIndex;
}
export interface TimeoutNow extends Addressed {
  readonly kind: "timeout-now";
}

type Both =
  | PreVote
  | PreVoteReply
  | Vote
  | VoteReply
  | AppendReply
  | Heartbeat
  | HeartbeatReply
  | SnapshotOffer
  | TimeoutNow;
/** What `takeReady` gives. A `snapshot` is never among them: `Ready.snapshotsWanted` asks for one. */
export type OutgoingMessage = Both | OutgoingAppend;
/** What `step` takes, as decoded from the wire. */
export type RaftMessage = Both | Append;
