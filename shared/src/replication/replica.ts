/**
 * One replica as its host keeps it: the Raft core, the log behind it, the state machine above it, and what hangs
 * between them: lease, reads that wait, entries that are committed but not applied.
 *
 * Owns no loop: the host steps it, gathers its Ready and applies its entries.
 *
 * P1. The machine hears of its leadership only after the entry that opened the term is applied here.
 * P2. A lease counts only in a term whose opening entry is applied, and not once a transfer was begun in it.
 * P3. Every read barrier settles: served, or "not-leader".
 */
import { assert } from "../assert.ts";
import type { LogIndex, ReplicaId, ServerId, TabletId, Term } from "../ids.ts";
import type { Member } from "../raft/group-config.ts";
import type { Raft } from "../raft/raft.ts";
import type { Ready } from "../raft/ready.ts";
import type { ConfigProposed, Group, GroupStatus, Proposed } from "./group.ts";
import type { LeaderLease } from "./leader-lease.ts";
import type { ReplicaLog } from "./replica-log.ts";
import type { LogPosition } from "./replica-records.ts";
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

export interface ReplicaParts {
  readonly tabletId: TabletId;
  readonly replicaId: ReplicaId;
  readonly serverId: ServerId;
  readonly raft: Raft;
  readonly log: ReplicaLog;
  readonly lease: LeaderLease;
  readonly applied: LogPosition;
  readonly calls: ReplicaHostCalls;
}

type ReadOutcome = "ready" | "not-leader";

export class Replica implements Group {
  readonly tabletId: TabletId;
  readonly replicaId: ReplicaId;
  readonly serverId: ServerId;
  readonly raft: Raft;
  readonly log: ReplicaLog;
  readonly #lease: LeaderLease;
  readonly #calls: ReplicaHostCalls;
  /** Null while the replica waits for its first snapshot. */
  #machine: StateMachine | null = null;
  #applied: LogPosition;
  /** Committed entries not yet handed to `apply`: (handedOut, committed]. */
  #handedOut: LogIndex;
  #committed: LogIndex;
  #unappliedBytes = 0;
  /** A snapshot was accepted and takes the place of everything not applied yet. */
  #installing = false;
  #closed = false;
  /** The term in which this replica leads and has applied its opening entry. */
  #leads: Term | null = null;
  /** The term in which a transfer was begun. */
  #forfeitedTerm: Term | null = null;
  #toldConfigIndex = -1;
  /** Barriers opened since the last gather share one read of the core. */
  #openBarrier: {
    readonly readId: number;
    readonly waiting: ((outcome: ReadOutcome) => void)[];
  } | null = null;
  readonly #barriers = new Map<number, ((outcome: ReadOutcome) => void)[]>();
  /** Confirmed barriers that wait for their index to be applied; ascending. */
  #confirmed: { readonly index: LogIndex; readonly waiting: ((outcome: ReadOutcome) => void)[] }[] =
    [];

  constructor(parts: ReplicaParts) {
    this.tabletId = parts.tabletId;
    this.replicaId = parts.replicaId;
    this.serverId = parts.serverId;
    this.raft = parts.raft;
    this.log = parts.log;
    this.#lease = parts.lease;
    this.#calls = parts.calls;
    this.#applied = parts.applied;
    this.#handedOut = parts.applied.index;
    this.#committed = parts.applied.index;
  }

  get machine(): StateMachine | null {
    return this.#machine;
  }

  get applied(): LogPosition {
    return this.#applied;
  }

  /** The replica was destroyed or found damaged: nobody may step it any more. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Payload bytes of entries that are committed here but not applied. */
  get unappliedBytes(): number {
    return this.#unappliedBytes;
  }

  propose(payload: Buffer, term: Term): Proposed {
    if (this.#leads !== term) {
      return { kind: "refused", reason: "wrong-term", leader: this.leader() };
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
    if (this.#openBarrier === null) {
      const opened = this.raft.requestRead();
      if (opened.kind === "refused") return Promise.resolve("not-leader");
      this.#openBarrier = { readId: opened.readId, waiting: [] };
      this.#barriers.set(opened.readId, this.#openBarrier.waiting);
      this.#calls.markDirty(this);
    }
    const { waiting } = this.#openBarrier;
    return new Promise((resolve) => waiting.push(resolve));
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
    this.#forfeitedTerm = this.#leads;
    const outcome = this.raft.transferLeadership(to);
    this.#calls.markDirty(this);
    return outcome.kind === "refused"
      ? { kind: "refused", reason: outcome.reason }
      : { kind: "proposed", index: this.raft.status().lastIndex };
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
    const status = this.raft.status();
    const { config } = status;
    if (status.leader === null) return null;
    return (
      [...config.voters, ...config.outgoing, ...config.learners].find(
        (member) => member.replicaId === status.leader,
      ) ?? null
    );
  }

  status(): GroupStatus {
    const status = this.raft.status();
    const { config } = status;
    const members = [...config.voters, ...config.outgoing, ...config.learners];
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
      followers: status.progress.flatMap((progress) => {
        const member = members.find(({ replicaId }) => replicaId === progress.replicaId);
        if (member === undefined || progress.replicaId === this.replicaId) return [];
        const { match, state, recentlyActive } = progress;
        return [{ member, match, state, recentlyActive }];
      }),
      awaitingSnapshot: this.#machine === null,
    };
  }

  /** The state machine over this replica's data: at creation, recovery or after a snapshot. */
  attach(machine: StateMachine): void {
    this.#machine = machine;
    const { config, configIndex } = this.raft.status();
    this.#toldConfigIndex = configIndex;
    machine.configChanged(config, configIndex);
  }

  /** Takes in what a Ready says about roles, rounds and reads, before its messages travel. */
  absorb(ready: Ready): void {
    this.#openBarrier = null;
    if (ready.roleChange !== null) this.#roleChanged(ready.roleChange);
    if (ready.roundSent !== null) this.#lease.roundSent(ready.roundSent, this.#calls.nowMs());
    if (ready.roundAcked !== null) this.#lease.roundAcked(ready.roundAcked);
    for (const { readId, index } of ready.readStates) this.#confirm(readId, index);
    for (const readId of ready.failedReads) this.#settle(readId, "not-leader");
    this.#tellConfig();
  }

  /** Entries up to `last` are committed and durable here. */
  committedTo(first: LogIndex, last: LogIndex): void {
    assert(first === this.#committed + 1, () => `committed ${first} after ${this.#committed}`);
    for (let index = first as number; index <= last; index++) {
      this.#unappliedBytes += this.log.bytesOf(index);
    }
    this.#committed = last;
  }

  hasUnapplied(): boolean {
    return (
      !this.#closed &&
      !this.#installing &&
      this.#handedOut < this.#committed &&
      this.#machine !== null
    );
  }

  /** From now until `restoredAt` nothing is applied. */
  beginInstallation(): void {
    this.#installing = true;
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
    if (this.#installing) return;
    assert(this.#handedOut === taken && to < taken, "only the last portion can be given back");
    for (let index = to + 1; index <= taken; index++) {
      this.#unappliedBytes += this.log.bytesOf(index);
    }
    this.#handedOut = to;
  }

  /** Everything up to `position` is applied and readable. */
  appliedTo(position: LogPosition): void {
    if (this.#installing) return;
    this.#applied = position;
    this.raft.appliedTo(position.index);
    this.#maybeLead();
    while (this.#confirmed.length > 0 && (this.#confirmed[0]?.index ?? 0) <= position.index) {
      for (const resolve of this.#confirmed.shift()?.waiting ?? []) resolve("ready");
    }
  }

  /** A snapshot replaced log and data up to `position`. */
  restoredAt(position: LogPosition, machine: StateMachine): void {
    this.#installing = false;
    this.#applied = position;
    this.#handedOut = position.index;
    this.#committed = position.index;
    this.#unappliedBytes = 0;
    this.raft.appliedTo(position.index);
    this.attach(machine);
  }

  /** Settles everyone who waits; the replica is going away. */
  close(): void {
    this.#closed = true;
    this.#stepDown();
    this.#machine?.leadershipChanged({
      kind: "follower",
      term: this.raft.status().term,
      leader: null,
    });
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
    const status = this.raft.status();
    if (status.role !== "leader" || this.#applied.term !== status.term) return;
    this.#leads = status.term;
    this.#machine?.leadershipChanged({ kind: "leader", term: status.term });
  }

  #stepDown(): void {
    this.#leads = null;
    this.#lease.void();
    this.#openBarrier = null;
    for (const readId of [...this.#barriers.keys()]) this.#settle(readId, "not-leader");
    const confirmed = this.#confirmed;
    this.#confirmed = [];
    for (const { waiting } of confirmed) for (const resolve of waiting) resolve("not-leader");
  }

  #confirm(readId: number, index: LogIndex): void {
    const waiting = this.#barriers.get(readId);
    if (waiting === undefined) return;
    this.#barriers.delete(readId);
    if (index <= this.#applied.index) for (const resolve of waiting) resolve("ready");
    else this.#confirmed.push({ index, waiting });
  }

  #settle(readId: number, outcome: ReadOutcome): void {
    const waiting = this.#barriers.get(readId) ?? [];
    this.#barriers.delete(readId);
    for (const resolve of waiting) resolve(outcome);
  }

  #tellConfig(): void {
    const { config, configIndex } = this.raft.status();
    if (configIndex === this.#toldConfigIndex) return;
    this.#toldConfigIndex = configIndex;
    this.#machine?.configChanged(config, configIndex);
  }
}
