/**
 * A look at one core, for its host, operators and tests.
 */
import type { LogIndex, ReplicaId, Term } from "../ids.ts";
import type { GroupConfig } from "./group-config.ts";
import type { Progress, ProgressState } from "./progress.ts";
import type { LogPosition } from "./raft-log.ts";
import type { RaftState } from "./raft-state.ts";
import type { Role } from "./ready.ts";

export interface FollowerStatus {
  readonly replicaId: ReplicaId;
  readonly match: LogIndex;
  readonly next: LogIndex;
  readonly state: ProgressState["kind"];
  /** While in `snapshot`: what was compacted away when the need arose; else null. */
  readonly pendingSnapshot: LogIndex | null;
  /** It answered since the last quorum check: what the next one will count. */
  readonly recentlyActive: boolean;
  /** Or within the period before: a check that has just been does not make it silent. */
  readonly isHeard: boolean;
}

export interface RaftStatus {
  readonly replicaId: ReplicaId;
  readonly role: Role;
  readonly term: Term;
  readonly vote: ReplicaId | null;
  readonly leader: ReplicaId | null;
  readonly commit: LogIndex;
  readonly applied: LogIndex;
  readonly lastIndex: LogIndex;
  readonly truncated: LogPosition;
  readonly config: GroupConfig;
  readonly configIndex: LogIndex;
  /** Leader only: everybody else in the config, ascending by replica id. */
  readonly progress: readonly FollowerStatus[];
  /** Leader only: to whom leadership is being transferred. */
  readonly transferee: ReplicaId | null;
  /** Messages dropped because no correct replica sends them. */
  readonly malformedMessages: number;
}

export function statusOf(state: RaftState, malformedMessages: number): RaftStatus {
  const leadership = state.role.kind === "leader" ? state.role.leadership : null;
  return {
    replicaId: state.self,
    role: state.role.kind,
    term: state.term,
    vote: state.vote,
    leader: state.leader,
    commit: state.log.commit,
    applied: state.log.applied,
    lastIndex: state.log.lastIndex,
    truncated: state.log.truncated,
    config: state.config,
    configIndex: state.configs.current.index,
    progress: leadership?.followers.map(followerStatus) ?? [],
    transferee: leadership?.transfer?.to ?? null,
    malformedMessages,
  };
}

function followerStatus(follower: Progress): FollowerStatus {
  const { id: replicaId, match, next, state, recentlyActive, isHeard } = follower;
  const pendingSnapshot = state.kind === "snapshot" ? state.index : null;
  return { replicaId, match, next, state: state.kind, pendingSnapshot, recentlyActive, isHeard };
}
