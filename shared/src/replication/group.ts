/**
 * One replica's group as its state machine and its server see it: the host's side of the contract.
 */
import type { LogIndex, ReplicaId, ServerId, TabletId, Term } from "../ids.ts";
import type { GroupConfig, Member } from "../raft/group-config.ts";
import type { Role } from "../raft/ready.ts";

export type Proposed =
  | { readonly kind: "proposed"; readonly index: LogIndex; readonly term: Term }
  | {
      readonly kind: "refused";
      readonly reason: "not-leader" | "transferring" | "overloaded" | "wrong-term";
      readonly leader: Member | null;
    };

export type ConfigProposed =
  | { readonly kind: "proposed"; readonly index: LogIndex }
  | { readonly kind: "refused"; readonly reason: string };

export interface FollowerProgress {
  readonly member: Member;
  readonly match: LogIndex;
  readonly state: "probe" | "replicate" | "snapshot";
  /** It answered within the last one to two election timeouts. */
  readonly recentlyActive: boolean;
}

export interface GroupStatus {
  readonly tabletId: TabletId;
  readonly replicaId: ReplicaId;
  readonly role: Role;
  readonly term: Term;
  readonly leader: Member | null;
  readonly config: GroupConfig;
  readonly configIndex: LogIndex;
  readonly commit: LogIndex;
  readonly applied: LogIndex;
  readonly lastIndex: LogIndex;
  /** Leader only. */
  readonly followers: readonly FollowerProgress[];
  /** The replica has no state yet: it waits for its first snapshot. */
  readonly awaitingSnapshot: boolean;
}

export interface Group {
  readonly tabletId: TabletId;
  readonly replicaId: ReplicaId;
  readonly serverId: ServerId;

  /**
   * Proposes one command; refused unless this replica leads in exactly `term`. Whether it took effect is
   * learnt in `apply` (same index and term: yes; another term at that index: no) or never (leadership lost:
   * unknown).
   */
  propose(payload: Buffer, term: Term): Proposed;

  /**
   * Whether a strong read of the applied state may be served right now, on the lease. Call it AFTER the
   * request's bytes were decoded: a process that was stopped in between notices.
   */
  holdsLease(): boolean;

  /**
   * Resolves "ready" when a read opened now is linearizable on this leader's applied state (ReadIndex), or
   * "not-leader". All reads that wait share rounds.
   */
  readBarrier(): Promise<"ready" | "not-leader">;

  /** Compare-and-set on the config's index; goes through a joint config when the voters differ. */
  proposeConfig(
    target: { readonly voters: readonly Member[]; readonly learners: readonly Member[] },
    expectedConfigIndex: LogIndex,
  ): ConfigProposed;

  /**
   * Runs `callback` once, in the host's next cycle, right before the groups' outputs are gathered: the place to
   * propose everything that came together since.
   */
  nextCycle(callback: () => void): void;

  transferLeadership(to: ReplicaId): ConfigProposed;
  campaign(): void;

  /** The replica's data turned out to be damaged: it falls silent for good (suspect.ts). */
  reportDamage(reason: string): void;
  status(): GroupStatus;
}
