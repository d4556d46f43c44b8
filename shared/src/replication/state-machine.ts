/**
 * What the replication host drives: the replicated state of one group. Tablets and the catalog
 * implement it; the host owns the log, elections, membership, the order of writes and recovery.
 *
 * M1. `apply` is called with consecutive entries in log order, and again only after the operations that the
 *     call before returned are written and its `written` has run.
 * M2. The same entries applied to the same state give the same state on every replica and in every replay:
 *     no clock, no randomness, no data of this process may enter.
 * M3. The operations, the machine's `state` and the applied index go into ONE store batch (a crash never
 *     separates them).
 * M4. Everything the machine keeps in the store lies inside its factory's `rangesOf(state)`.
 */
import type { StoreOperation } from "../checkpoint-store/checkpoint-store.ts";
import type { LogIndex, ReplicaId, SpaceId, TabletId, Term } from "../ids.ts";
import type { GroupConfig } from "../raft/group-config.ts";
import type { Group } from "./group.ts";

/** A committed `command` entry (empty and config entries are the host's own). */
export interface CommittedCommand {
  readonly index: LogIndex;
  readonly term: Term;
  readonly payload: Buffer;
}

export interface AppliedBatch {
  /**
   * The last command that the operations cover, when the machine wants the store as it is right behind it
   * in `written`; the rest is handed to the next `apply`. Absent: all of them.
   */
  readonly stopAt?: LogIndex;
  readonly operations: readonly StoreOperation[];
  /** Called when the batch is in the store: reads see it, so waiting callers may be answered. */
  written(): void;
}

/** What a replica knows of its group's leadership. */
export type Leadership =
  | { readonly kind: "leader"; readonly term: Term }
  | { readonly kind: "follower"; readonly term: Term; readonly leader: ReplicaId | null };

export interface KeyRange {
  /** Inclusive. */
  readonly start: Buffer;
  /** Exclusive. */
  readonly end: Buffer;
}

export interface StateMachine {
  /** May read the store before it resolves. */
  apply(commands: readonly CommittedCommand[]): Promise<AppliedBatch>;

  /** The small part of the state (descriptor, counters, spans), as of the last `apply`. */
  encodeState(): Buffer;

  /**
   * `leader` is told once the leader has applied the entry that opened its term: only then may it evaluate
   * requests. `follower` is told at once; proposals that are still waiting may or may not take effect.
   */
  leadershipChanged(leadership: Leadership): void;

  /** The active config, committed or not, and after every change of it. */
  configChanged(config: GroupConfig, configIndex: LogIndex): void;
}

/**
 * Makes the machines of one process and knows how their data is laid out. A snapshot installs by making a new
 * machine over the new data; the old one is dropped, and its ranges become garbage.
 */
export interface StateMachineFactory {
  create(group: MachineGroup): StateMachine;

  /** The part of a store key that does not depend on where the data lies, for a snapshot. */
  relativeKey(storeKey: Buffer): Buffer;

  /**
   * Throws `DamagedReplicaError` for an entry that is not what was written: damage must not travel in a snapshot.
   * Pure.
   */
  checkEntry(relativeKey: Buffer, value: Buffer): void;

  /** Where a relative key of a snapshot goes in a fresh space. */
  storeKey(space: SpaceId, relativeKey: Buffer): Buffer;

  /**
   * The state of a machine whose data lies whole in `space`: `state` is what the sender's `encodeState` gave,
   * the result is this replica's (its spaces are other ones). Pure.
   */
  stateAfterSnapshot(state: Buffer, space: SpaceId): Buffer;

  /** The ranges of the store that a machine with this state has its data in. Pure. */
  rangesOf(state: Buffer): readonly KeyRange[];
}

/** The replica that a machine is made for. */
export interface MachineGroup {
  readonly tabletId: TabletId;
  readonly replicaId: ReplicaId;
  /** As `encodeState` gave it, or as the creator of the replica did. */
  readonly state: Buffer;
  /** The host's side; usable once `create` has returned. */
  readonly group: Group;
}

/**
 * The machine's data is damaged beyond what this replica can know (a record fails its checksum): thrown by
 * `apply` and `checkEntry`, it makes the replica suspect instead of ending the process.
 */
export class DamagedReplicaError extends Error {
  override readonly name = "DamagedReplicaError";
}
