/**
 * The consensus core of one replica: Raft as a pure, synchronous, deterministic state machine. It
 * reads no clock, draws no randomness but the injected one, and does no I/O: `tick` and `step` go
 * in, `takeReady` comes out, and `ready.ts` states the order in which a host must act on it.
 *
 * Sources: Ongaro and Ousterhout, "In Search of an Understandable Consensus Algorithm" (the Raft
 * paper); Ongaro's dissertation; the known bugs of its descendants, each with a script in testdata/.
 *
 * Leases are the host's: it stamps `Ready.roundSent` with its clock, and `Ready.roundAcked` says
 * which rounds prove that nobody else leads. `Ready.roleChange` ends a lease.
 */
import { assert } from "../assert.ts";
import type { LogIndex, ReplicaId, Term } from "../ids.ts";
import { campaignSoon, countDurableVote, leaderUnreachable, tickElection } from "./candidate.ts";
import type { IndexedConfig } from "./config-history.ts";
import type { ConfigTarget, GroupConfig } from "./group-config.ts";
import {
  advanceCommit,
  onSnapshotDone,
  onUnreachable,
  propose,
  proposeConfig,
  tickLeader,
  transferLeadership,
} from "./leader.ts";
import type { ProposalRefusal, TransferRefusal } from "./leader.ts";
import type { Leadership } from "./leadership.ts";
import type { ConfigRefusal } from "./membership.ts";
import { isWellFormed } from "./message-check.ts";
import type { RaftMessage } from "./messages.ts";
import type { Proposed } from "./own-entries.ts";
import type { EntryInfo } from "./raft-log.ts";
import type { RaftInitialState, RaftOptions } from "./raft-options.ts";
import { RaftState } from "./raft-state.ts";
import { statusOf } from "./raft-status.ts";
import type { RaftStatus } from "./raft-status.ts";
import { ReadyGate } from "./ready-gate.ts";
import type { Ready, Role } from "./ready.ts";
import { isQuiet } from "./quiescence.ts";
import { step } from "./step.ts";

/** Nothing was done. `leader` is where to ask instead, as far as it is known. */
export interface Refused<Reason extends string> {
  readonly kind: "refused";
  readonly reason: Reason;
  readonly leader: ReplicaId | null;
}

export interface ReadOpened {
  readonly kind: "opened";
  /** Comes back in `Ready.readStates` or in `Ready.failedReads`, exactly once. */
  readonly readId: number;
}

export interface TransferAccepted {
  readonly kind: "accepted";
}

export class Raft {
  readonly #state: RaftState;
  readonly #gate: ReadyGate;
  #lastReadId = 0;
  #malformedMessages = 0;

  constructor(options: RaftOptions, initial: RaftInitialState) {
    this.#state = new RaftState(options, initial);
    this.#gate = new ReadyGate(this.#state, initial.hardState);
  }

  get role(): Role {
    return this.#state.role.kind;
  }

  get term(): Term {
    return this.#state.term;
  }

  get leader(): ReplicaId | null {
    return this.#state.leader;
  }

  get commit(): LogIndex {
    return this.#state.log.commit;
  }

  get applied(): LogIndex {
    return this.#state.log.applied;
  }

  get lastIndex(): LogIndex {
    return this.#state.log.lastIndex;
  }

  /** The config in force, committed or not. */
  get config(): GroupConfig {
    return this.#state.config;
  }

  get configIndex(): LogIndex {
    return this.#state.configs.current.index;
  }

  /** One unit of time passed. */
  tick(): void {
    const state = this.#state;
    if (state.promiseLeft > 0) state.promiseLeft -= 1;
    if (state.role.kind === "leader") tickLeader(state, state.role.leadership);
    else tickElection(state);
  }

  /** A message that no correct replica sends is counted and dropped. */
  step(message: RaftMessage): void {
    if (isWellFormed(message, this.#state.self)) step(this.#state, message);
    else this.#malformedMessages += 1;
  }

  /**
   * Campaigns without waiting for an election timeout, as the first leader of a new group does. A
   * promise to another leader is kept first; a replica that is no voter never campaigns.
   */
  campaign(): void {
    campaignSoon(this.#state);
  }

  /**
   * The host saw the leader's server refuse connections. Counts as an elapsed election timeout, but
   * the promise to the leader is kept; pre-vote protects a leader that others still hear.
   */
  leaderUnreachable(): void {
    leaderUnreachable(this.#state);
  }

  /** Appends one command for each payload, all or none; at least one. */
  propose(payloads: readonly Buffer[]): Proposed | Refused<ProposalRefusal> {
    assert(payloads.length > 0, "a proposal needs a payload");
    const leadership = this.#leadership();
    return this.#orRefused(
      leadership === null ? "not-leader" : propose(this.#state, leadership, payloads),
    );
  }

  /**
   * Starts a config change. `expectedConfigIndex` is the index of the config that the caller
   * decided on (compare and set). If the voters change, the group passes through a joint config and
   * leaves it by itself; the change is over when `status().config` is not joint and committed.
   */
  proposeConfig(
    target: ConfigTarget,
    expectedConfigIndex: LogIndex,
  ): Proposed | Refused<ProposalRefusal | ConfigRefusal> {
    const leadership = this.#leadership();
    return this.#orRefused(
      leadership === null
        ? "not-leader"
        : proposeConfig(this.#state, leadership, target, expectedConfigIndex),
    );
  }

  /** Opens a linearizable read of everything that was committed before this call. */
  requestRead(): ReadOpened | Refused<"not-leader"> {
    const leadership = this.#leadership();
    if (leadership === null) return this.#refused("not-leader");
    this.#lastReadId += 1;
    leadership.reads.open(this.#lastReadId);
    return { kind: "opened", readId: this.#lastReadId };
  }

  /**
   * Hands leadership to a voter. The host must void its lease BEFORE it calls this. Until the
   * transfer succeeded or an election timeout passed, proposals are refused. After a timeout-now
   * left, `Ready.roundAcked` stays null for the rest of the term, even if the transfer fails.
   */
  transferLeadership(to: ReplicaId): TransferAccepted | Refused<TransferRefusal> {
    const leadership = this.#leadership();
    const reason =
      leadership === null ? "not-leader" : transferLeadership(this.#state, leadership, to);
    return reason === null ? { kind: "accepted" } : this.#refused(reason);
  }

  /** A message to this replica may have been lost. */
  reportUnreachable(to: ReplicaId): void {
    const leadership = this.#leadership();
    if (leadership !== null) onUnreachable(leadership, to);
  }

  /**
   * Ends what `Ready.snapshotsWanted` asked for. The host must call it in the end, whatever happens
   * (timeout included): until then the follower gets no entries.
   */
  snapshotDone(to: ReplicaId, outcome: "installed" | "failed"): void {
    const leadership = this.#leadership();
    if (leadership !== null) onSnapshotDone(this.#state, leadership, to, outcome);
  }

  /** The host applied everything up to `index`, which `Ready.committed` had named. */
  appliedTo(index: LogIndex): void {
    this.#state.log.appliedTo(index);
  }

  /** Forgets the entries up to `index`, at or below the applied one. Followers behind it need a snapshot. */
  compact(index: LogIndex): void {
    const { log, configs } = this.#state;
    if (index <= log.truncated.index) return;
    log.compactTo(index);
    configs.compactTo(index);
    const leadership = this.#leadership();
    if (leadership !== null) leadership.appendsWanted = true;
  }

  /** Whether `takeReady` may be called and may have something. */
  hasReady(): boolean {
    return this.#gate.isOpen();
  }

  /** What is to be done now; not between a Ready with something to persist and `persisted`. */
  takeReady(): Ready {
    return this.#gate.take();
  }

  /** Everything in `persist` of the last Ready is durable. */
  persisted(): void {
    const state = this.#state;
    this.#gate.settle();
    countDurableVote(state);
    if (state.role.kind === "leader") advanceCommit(state, state.role.leadership);
  }

  status(): RaftStatus {
    return statusOf(this.#state, this.#malformedMessages);
  }

  /**
   * Whether this leader may stop ticking together with its followers: nothing is under way and
   * everybody has everything. A lease must not outlive the sleep.
   */
  mayQuiesce(): boolean {
    const leadership = this.#leadership();
    return leadership !== null && !this.hasReady() && isQuiet(this.#state, leadership);
  }

  /** Undefined beyond the last entry or below the truncated one. */
  termOf(index: LogIndex): Term | undefined {
    return this.#state.log.termAt(index);
  }

  /** Undefined unless `index` is behind the truncated one and not beyond the last. */
  entryAt(index: LogIndex): EntryInfo | undefined {
    return this.#state.log.infoAt(index);
  }

  /** The config in force when `index` was the last entry; what a snapshot at `index` carries. */
  configAt(index: LogIndex): IndexedConfig | undefined {
    return this.#state.configs.at(index);
  }

  /** The configs from the one in force at the truncated index on; what recovery needs. */
  configHistory(): readonly IndexedConfig[] {
    return this.#state.configs.all;
  }

  /** Costly; for tests and simulations. */
  checkInvariants(): void {
    this.#state.checkInvariants();
  }

  #leadership(): Leadership | null {
    const { role } = this.#state;
    return role.kind === "leader" ? role.leadership : null;
  }

  #orRefused<Reason extends string>(result: Proposed | Reason): Proposed | Refused<Reason> {
    return typeof result === "string" ? this.#refused(result) : result;
  }

  #refused<Reason extends string>(reason: Reason): Refused<Reason> {
    return { kind: "refused", reason, leader: this.#state.leader };
  }
}
