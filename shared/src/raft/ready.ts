/**
 * What a step of the core left to do. The order is the safety:
 *
 * R1. `sendNow` may travel at once, in parallel with the write of `persist`.
 * R2. `sendAfterPersist` may travel ONLY after `persist` of this Ready, and of every Ready handed out
 *     before, is durable; then the host calls `persisted()`.
 * R3. At most one Ready with something in `persist` is outstanding; `takeReady` may not be called
 *     between it and `persisted()`.
 * R4. `committed` names only entries that are durable here, and each index once, in order.
 */
import type { LogIndex, ReplicaId, Term } from "../ids.ts";
import type { Entry, OutgoingMessage, SnapshotOffer } from "./messages.ts";

/** The part of the state that must survive a crash before anything that depends on it is said. */
export interface HardState {
  readonly term: Term;
  /** The replica voted for in `term`, or null. */
  readonly vote: ReplicaId | null;
  /** Need not be synced: recovery may start from an older one. */
  readonly commit: LogIndex;
}

export interface Persist {
  readonly hardState: HardState | null;
  /** Consecutive. They replace every entry at or above the first's index. */
  readonly entries: readonly Entry[];
  /** Replaces the whole log and the state; `entries`, if any, start right behind it. */
  readonly snapshot: SnapshotOffer | null;
}

export type Role = "follower" | "pre-candidate" | "candidate" | "leader";

/** A read that `requestRead` opened may be served once index `index` is applied. */
export interface ReadState {
  readonly readId: number;
  readonly index: LogIndex;
}

export interface Ready {
  readonly persist: Persist | null;
  readonly sendNow: readonly OutgoingMessage[];
  readonly sendAfterPersist: readonly OutgoingMessage[];
  /** Entries to apply, first and last inclusive, or null. */
  readonly committed: { readonly first: LogIndex; readonly last: LogIndex } | null;
  readonly readStates: readonly ReadState[];
  /** Reads whose leadership ended before they were confirmed: ask the new leader. */
  readonly failedReads: readonly number[];
  /**
   * The round that this Ready's heartbeats open, at most one. The host stamps it with its clock
   * BEFORE it sends them, even if there is nobody to send to.
   */
  readonly roundSent: number | null;
  /**
   * The highest round that a quorum acknowledged since the last Ready, for leases: never before the
   * leader committed in its own term, nor during a transfer, nor after a timeout-now left in this
   * term. A lease starts at the stamp of the highest stamped round at or below this one.
   */
  readonly roundAcked: number | null;
  /** Followers whose next entry is compacted away: stream them the state, then `snapshotDone`. */
  readonly snapshotsWanted: readonly ReplicaId[];
  /**
   * Set when role, term or known leader changed. A leader's lease ends with it BEFORE anything of
   * this Ready is sent: a timeout-now may be among the messages.
   */
  readonly roleChange: {
    readonly role: Role;
    readonly term: Term;
    readonly leader: ReplicaId | null;
  } | null;
}
