/**
 * One replica as its host keeps it: the Raft core, the log behind it, the state machine above it, and what hangs
 * between them: lease, reads that wait, entries that are committed but not applied.
 *
 * Owns no loop: the host steps it, gathers its Ready and applies its entries.
 *
 * P1. The machine hears of its leadership only after the entry that opened the term is applied here.
 * P2. A lease counts only in a term whose opening entry is applied, and not once a transfer was begun in it.
 * P3. Every read barrier settles: served, or "not-leader".
 * P4. A closed replica leads nothing, applies nothing and says nothing any more.
 * P5. `logState` speaks of what is durable in the commit log, never of what the core has only decided.
 */
import { assert, must } from "../assert.ts";
import type { LogIndex, ReplicaId, ServerId, TabletId, Term } from "../ids.ts";
import type { Member } from "../raft/group-config.ts";
import type { Raft } from "../raft/raft.ts";
import type { HardState, Ready } from "../raft/ready.ts";
import type { ConfigProposed, Group, GroupStatus, Proposed } from "./group.ts";
import type { LeaderLease } from "./leader-lease.ts";
import { memberOf } from "./member-of.ts";
import { ReadBarriers, type ReadOutcome } from "./read-barriers.ts";
import type { ReplicaLog } from "./replica-log.ts";
import type { LogPosition, LogState, PlacedConfig } from "./replica-records.ts";
import type { StateMachine } from "./state-machine.ts";

/** What a replica asks of its host. */
export interface ReplicaHostCalls {
  nowMs(): number;
  /** The replica's core may have a Ready. */
  markDirty(replica: Replica): void;
  nextCycle(callback: () => void): void;
  /** See `Group.reportDamage`. */
  damaged(replica: Replica, reason: string): void;
}

/** Where a log begins. */
export interface LogBase {
  readonly truncated: LogPosition;
  /** The config in force there. */
  readonly config: PlacedConfig;
}

export interface ReplicaParts {
  readonly tabletId: TabletId;
  readonly replicaId: ReplicaId;
  readonly serverId: ServerId;
  readonly raft: Raft;
  readonly log: ReplicaLog;
  readonly lease: LeaderLease;
  readonly applied: LogPosition;
  readonly hardState: HardState;
  readonly base: LogBase;
  /** With more committed but unapplied payload, proposals are refused. */
  readonly maxUnappliedBytes: number;
  readonly calls: ReplicaHostCalls;
}

export class Replica implements Group {
  readonly tabletId: TabletId;
  readonly replicaId: ReplicaId;
  readonly serverId: ServerId;
  readonly raft: Raft;
  readonly log: ReplicaLog;
  readonly #lease: LeaderLease;
  readonly #maxUnappliedBytes: number;
  readonly #calls: ReplicaHostCalls;
  /** Null while the replica waits for its first snapshot. */
  #machine: StateMachine | null = null;
  /** Of a closed replica whose data was replaced without a machine for it. */
  #leftState: Buffer | null = null;
  #applied: LogPosition;
  /** Committed entries not yet handed to `apply`: (handedOut, committed]. */
  #handedOut: LogIndex;
  #committed: LogIndex;
  #unappliedBytes = 0;
  /** A snapshot was accepted and takes the place of everything not applied yet. */
  #installing: { readonly oldestSegment: number | null } | null = null;
  #closed = false;
  /** The term in which this replica leads and has applied its opening entry. */
  #leads: Term | null = null;
  /** The term in which a transfer was begun. */
  #forfeitedTerm: Term | null = null;
  #toldConfigIndex = -1;
  readonly #reads = new ReadBarriers();
  #durable: HardState;
  #base: LogBase;

  constructor(parts: ReplicaParts) {
    this.tabletId = parts.tabletId;
    this.replicaId = parts.replicaId;
    this.serverId = parts.serverId;
    this.raft = parts.raft;
    this.log = parts.log;
    this.#lease = parts.lease;
    this.#maxUnappliedBytes = parts.maxUnappliedBytes;
    this.#calls = parts.calls;
    this.#applied = parts.applied;
    this.#handedOut = parts.applied.index;
    this.#committed = parts.applied.index;
    this.#durable = parts.hardState;
    this.#base = parts.base;
  }

  get machine(): StateMachine | null {
    return this.#machine;
  }

  /** The machine's state as it is in the store, or null; to be asked inside a turn on the store. */
  get machineState(): Buffer | null {
    return this.#leftState ?? this.#machine?.encodeState() ?? null;
  }

  get applied(): LogPosition {
    return this.#applied;
  }

  /** The replica was destroyed or found damaged: nobody may step it any more (P4). */
  get closed(): boolean {
    return this.#closed;
  }

  /** Payload bytes of entries that are committed here but not applied. */
  get unappliedBytes(): number {
    return this.#unappliedBytes;
  }

  /** What a recovery must know of the log before it reads it (P5). */
  get logState(): LogState {
    return { replicaId: this.replicaId, hardState: this.#durable, ...this.#base };
  }

  /** The first segment of the commit log in which a recovery from `truncated` needs an entry, or null. */
  oldestSegment(truncated: LogIndex): number | null {
    // Until the snapshot's record is durable, a crash brings the old log back.
    if (this.#installing !== null) return this.#installing.oldestSegment;
    return this.log.locationOf(truncated + 1)?.segment ?? null;
  }

  propose(payload: Buffer, term: Term): Proposed {
    if (this.#leads !== term) {
      return { kind: "refused", reason: "wrong-term", leader: this.leader() };
    }
    if (this.#unappliedBytes > this.#maxUnappliedBytes) {
      return { kind: "refused", reason: "overloaded", leader: this.leader() };
    }
    const proposed = this.raft.propose([payload]);
    if (proposed.kind === "refused") {
      const { reason } = proposed;
      const transient = reason === "transferring" || reason === "overloaded";
      return {
        kind: "refused",
        reason: transient ? reason : "not-leader",
        leader: this.leader(),
      };
    }
    this.#calls.markDirty(this);
    return { kind: "proposed", index: proposed.first, term: proposed.term };
  }

  holdsLease(): boolean {
    return (
      this.#leads !== null &&
      this.#leads !== this.#forfeitedTerm &&
      this.#lease.holds(this.#calls.nowMs())
    );
  }

  readBarrier(): Promise<ReadOutcome> {
    if (this.holdsLease()) return Promise.resolve("ready");
    if (this.#leads === null) return Promise.resolve("not-leader");
    return this.#reads.wait(() => {
      const opened = this.raft.requestRead();
      if (opened.kind === "refused") return null;
      this.#calls.markDirty(this);
      return opened.readId;
    });
  }

  proposeConfig(
    target: { readonly voters: readonly Member[]; readonly learners: readonly Member[] },
    expectedConfigIndex: LogIndex,
  ): ConfigProposed {
    if (this.#closed) return { kind: "refused", reason: "closed" };
    const proposed = this.raft.proposeConfig(target, expectedConfigIndex);
    if (proposed.kind === "refused") return { kind: "refused", reason: proposed.reason };
    this.#calls.markDirty(this);
    return { kind: "proposed", index: proposed.first };
  }

  nextCycle(callback: () => void): void {
    this.#calls.nextCycle(callback);
  }

  transferLeadership(to: ReplicaId): ConfigProposed {
    if (this.#closed) return { kind: "refused", reason: "closed" };
    // P2: the lease goes before the other may begin. A "timeout-now" may be delayed for long and lets the
    // other break the followers' promises, so this term never gets a lease again (reads ask a quorum).
    const before = this.#forfeitedTerm;
    this.#forfeitedTerm = this.raft.term;
    const outcome = this.raft.transferLeadership(to);
    this.#calls.markDirty(this);
    if (outcome.kind === "accepted") return { kind: "proposed", index: this.raft.lastIndex };
    this.#forfeitedTerm = before;
    return { kind: "refused", reason: outcome.reason };
  }

  campaign(): void {
    if (this.#closed) return;
    this.raft.campaign();
    this.#calls.markDirty(this);
  }

  reportDamage(reason: string): void {
    if (!this.#closed) this.#calls.damaged(this, reason);
  }

  leader(): Member | null {
    const { leader } = this.raft;
    return leader === null ? null : memberOf(this.raft.config, leader);
  }

  status(): GroupStatus {
    const status = this.raft.status();
    const { config } = status;
    return {
      tabletId: this.tabletId,
      replicaId: this.replicaId,
      role: status.role,
      term: status.term,
      leader: this.leader(),
      config,
      configIndex: status.configIndex,
      commit: status.commit,
      applied: this.#applied.index,
      lastIndex: status.lastIndex,
      followers: status.progress.flatMap(({ replicaId, match, state, isHeard }) => {
        const member = memberOf(config, replicaId);
        return member === null ? [] : [{ member, match, state, recentlyActive: isHeard }];
      }),
      awaitingSnapshot: this.#machine === null,
    };
  }

  /** The state machine over this replica's data: at creation, recovery or after a snapshot. */
  attach(machine: StateMachine): void {
    this.#machine = machine;
    const { config, configIndex } = this.raft;
    this.#toldConfigIndex = configIndex;
    machine.configChanged(config, configIndex);
  }

  /** Takes in what a Ready says about roles, rounds and reads, before its messages travel. */
  absorb(ready: Ready): void {
    this.#reads.roundLeaves();
    if (ready.roleChange !== null) this.#roleChanged(ready.roleChange);
    if (ready.roundSent !== null) this.#lease.roundSent(ready.roundSent, this.#calls.nowMs());
    if (ready.roundAcked !== null) this.#lease.roundAcked(ready.roundAcked);
    for (const { readId, index } of ready.readStates) {
      this.#reads.confirmed(readId, index, this.#applied.index);
    }
    for (const readId of ready.failedReads) this.#reads.failed(readId);
    this.#tellConfig();
  }

  /** All that the last Ready wanted persisted is durable. */
  persisted(hardState: HardState | null): void {
    if (hardState !== null) this.#durable = hardState;
    this.raft.persisted();
  }

  /** Forgets the entries at or below `index`, which is applied. */
  compact(index: LogIndex): void {
    const term = must(this.raft.termOf(index), "the term at the cut");
    const config = must(this.raft.configAt(index), "the config at the cut");
    this.raft.compact(index);
    this.log.compact(index);
    this.#base = { truncated: { index, term }, config };
  }

  /** Entries up to `last` are committed and durable here. */
  committedTo(first: LogIndex, last: LogIndex): void {
    assert(first === this.#committed + 1, () => `committed ${first} after ${this.#committed}`);
    for (let index = first as number; index <= last; index++) {
      this.#unappliedBytes += this.log.bytesOf(index);
    }
    this.#committed = last;
  }

  /** Neither closed nor about to be replaced by a snapshot. */
  get mayApply(): boolean {
    return !this.#closed && this.#installing === null;
  }

  hasUnapplied(): boolean {
    return this.mayApply && this.#handedOut < this.#committed && this.#machine !== null;
  }

  /** A snapshot replaces the log behind `index`; from now until `restoredAt` nothing is applied. */
  beginInstallation(index: LogIndex): void {
    this.#installing = { oldestSegment: this.oldestSegment(this.#base.truncated.index) };
    this.log.reset(index);
  }

  /** The next entries to apply, of at most so many payload bytes but at least one; first and last inclusive. */
  takeUnapplied(maxBytes: number): { readonly first: LogIndex; readonly last: LogIndex } {
    assert(this.hasUnapplied(), "nothing to apply");
    const first = (this.#handedOut + 1) as LogIndex;
    let last: number = first;
    let bytes = this.log.bytesOf(first);
    while (last < this.#committed && bytes + this.log.bytesOf(last + 1) <= maxBytes) {
      last++;
      bytes += this.log.bytesOf(last);
    }
    this.#handedOut = last as LogIndex;
    this.#unappliedBytes -= bytes;
    return { first, last: last as LogIndex };
  }

  /** The machine applied only up to `to` of what was taken up to `taken`. */
  giveBack(taken: LogIndex, to: LogIndex): void {
    if (this.#installing !== null) return;
    assert(this.#handedOut === taken && to < taken, "only the last portion can be given back");
    for (let index = to + 1; index <= taken; index++) {
      this.#unappliedBytes += this.log.bytesOf(index);
    }
    this.#handedOut = to;
  }

  /** Everything up to `position` is applied and readable. */
  appliedTo(position: LogPosition): void {
    // What an installation replaces is not told to the core, whose log begins above it already.
    if (this.#installing !== null) return;
    this.#applied = position;
    if (this.#closed) return;
    this.raft.appliedTo(position.index);
    this.#maybeLead();
    this.#reads.appliedTo(position.index);
  }

  /** A snapshot replaced log and data up to `position`. */
  restoredAt(position: LogPosition, config: PlacedConfig, machine: StateMachine): void {
    this.#installing = null;
    this.#applied = position;
    this.#base = { truncated: position, config };
    this.#handedOut = position.index;
    this.#committed = position.index;
    this.#unappliedBytes = 0;
    this.raft.appliedTo(position.index);
    this.attach(machine);
  }

  /** The closed replica's data in the store is now what this state describes. */
  leaveState(machineState: Buffer): void {
    this.#leftState = machineState;
  }

  /** Settles everyone who waits; the replica is going away. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#stepDown();
    this.#machine?.leadershipChanged({ kind: "follower", term: this.raft.term, leader: null });
  }

  #roleChanged(change: NonNullable<Ready["roleChange"]>): void {
    if (change.role === "leader") {
      if (this.#leads !== change.term) {
        this.#stepDown();
        this.#maybeLead();
      }
      return;
    }
    this.#stepDown();
    const { term, leader } = change;
    this.#machine?.leadershipChanged({ kind: "follower", term, leader });
  }

  /** P1: the leader's own entry is applied, so it knows all that was ever acknowledged. */
  #maybeLead(): void {
    if (this.#leads !== null) return;
    const { role, term } = this.raft;
    if (role !== "leader" || this.#applied.term !== term) return;
    this.#leads = term;
    this.#machine?.leadershipChanged({ kind: "leader", term });
  }

  #stepDown(): void {
    this.#leads = null;
    this.#lease.void();
    this.#reads.abandon();
  }

  #tellConfig(): void {
    const { configIndex } = this.raft;
    if (configIndex === this.#toldConfigIndex) return;
    this.#toldConfigIndex = configIndex;
    this.#machine?.configChanged(this.raft.config, configIndex);
  }
}
