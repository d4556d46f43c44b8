/**
 * The membership of one group, as a config entry or a snapshot carries it. It is active from the
 * moment it is appended, before it is committed (Raft dissertation, section 4.1).
 *
 * While `outgoing` is not empty the config is joint: elections and commits need a majority of
 * `voters` and a majority of `outgoing` (Raft paper, section 6).
 */
import type { ReplicaId, ServerId } from "../ids.ts";

export interface Member {
  readonly replicaId: ReplicaId;
  readonly serverId: ServerId;
}

/** Each list is sorted by replica id. A replica may be in `voters` and `outgoing`, never else twice. */
export interface GroupConfig {
  readonly voters: readonly Member[];
  /** The voters of the config that is being left; empty unless joint. */
  readonly outgoing: readonly Member[];
  readonly learners: readonly Member[];
}
