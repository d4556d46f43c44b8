/**
 * The state of one replica's core and the transitions between its roles. What a role does is in
 * `follower.ts`, `candidate.ts` and `leader.ts`.
 *
 *   follower --> pre-candidate --> candidate --> leader
 *      ^  \___________|____(transfer)__^  |         |
 *      +--------------+-------------------+---------+
 *
 * S1. The term never falls; within a term the vote is given once.
 * S2. Only `becomeX` changes the role, and with each change a new election timeout is drawn.
 * S3. A promise to a leader ends by time alone: nothing that a replica hears shortens it.
 */
import { assert, must } from "../assert.ts";
import { logIndex, term as asTerm } from "../ids.ts";
import type { ReplicaId, Term } from "../ids.ts";
import { ConfigHistory } from "./config-history.ts";
import { isSoleVoter, isVoter } from "./group-config.ts";
import type { GroupConfig } from "./group-config.ts";
import { Leadership } from "./leadership.ts";
import type { SnapshotOffer } from "./messages.ts";
import { Outbox } from "./outbox.ts";
import { RaftLog } from "./raft-log.ts";
import { assertOptions } from "./raft-options.ts";
import type { RaftInitialState, RaftOptions } from "./raft-options.ts";
import type { HardState } from "./ready.ts";

export type RoleState =
  | { readonly kind: "follower" }
  | { readonly kind: "pre-candidate"; readonly votes: Map<ReplicaId, boolean> }
  | { readonly kind: "candidate"; readonly votes: Map<ReplicaId, boolean> }
  | { readonly kind: "leader"; readonly leadership: Leadership };

/** A message with this or a higher term comes from no correct replica. */
export const TERM_LIMIT = Number.MAX_SAFE_INTEGER;

export class RaftState {
  readonly options: RaftOptions;
  readonly self: ReplicaId;
  readonly log: RaftLog;
  readonly configs: ConfigHistory;
  outbox = new Outbox();
  term: Term;
  vote: ReplicaId | null;
  leader: ReplicaId | null = null;
  role: RoleState = { kind: "follower" };
  /** Ticks since the leader was heard, a vote was granted or a campaign began. */
  electionElapsed = 0;
  electionTimeout = 0;
  /** Ticks for which no vote may be granted. */
  promiseLeft: number;
  /** The host reported the leader unreachable since it was last heard. */
  leaderLost = false;
  /** Replaced the log and is not yet durable. */
  pendingSnapshot: SnapshotOffer | null = null;
  /** As far as the completed writes tell. */
  durable: HardState;
  /** Used up; never falls while the process lives, so that rounds of two reigns differ. */
  lastRound = 0;

  constructor(options: RaftOptions, initial: RaftInitialState) {
    assertOptions(options);
    this.options = options;
    this.self = options.replicaId;
    this.term = initial.hardState.term;
    this.vote = initial.hardState.vote;
    this.durable = initial.hardState;
    const commit = Math.max(initial.hardState.commit, initial.applied, initial.truncated.index);
    this.log = new RaftLog(initial.truncated, initial.entries, commit, initial.applied);
    this.configs = new ConfigHistory(initial.configs);
    assert(this.log.lastTerm <= this.term, "an entry's term is above the current term");
    this.promiseLeft = this.#mayHavePromised(initial) ? options.promiseTicks : 0;
    this.#drawElectionTimeout();
  }

  get config(): GroupConfig {
    return this.configs.current.config;
  }

  becomeFollower(term: Term, leader: ReplicaId | null): void {
    assert(term >= this.term, () => `S1: term ${term} after ${this.term}`);
    if (this.role.kind === "leader") {
      this.outbox.failedReads.push(...this.role.leadership.reads.abandon());
      this.outbox.roundAcked = null;
      this.outbox.snapshotsWanted = [];
    }
    if (term > this.term) {
      this.term = term;
      this.vote = null;
    }
    this.role = { kind: "follower" };
    this.leader = leader;
    this.#restartElectionTimer();
  }

  /** Asks around before it disturbs anyone: neither term nor vote changes. */
  becomePreCandidate(): void {
    assert(this.role.kind !== "leader", "a leader does not campaign");
    this.role = { kind: "pre-candidate", votes: new Map([[this.self, true]]) };
    this.leader = null;
    this.#restartElectionTimer();
  }

  /** Its own vote counts once it is durable. */
  becomeCandidate(): void {
    assert(this.role.kind !== "leader", "a leader does not campaign");
    assert(this.term + 1 < TERM_LIMIT, "terms are used up");
    this.term = asTerm(this.term + 1);
    this.vote = this.self;
    this.role = { kind: "candidate", votes: new Map() };
    this.leader = null;
    this.#restartElectionTimer();
  }

  becomeLeader(): Leadership {
    assert(this.role.kind === "candidate", "only a candidate becomes leader");
    const { maxInflightMessages, maxInflightBytes } = this.options;
    const leadership = new Leadership(
      this.self,
      { maxMessages: maxInflightMessages, maxBytes: maxInflightBytes },
      this.log.bytesBetween(this.log.commit + 1, this.log.lastIndex),
    );
    leadership.follow(this.config, this.log.lastIndex);
    this.role = { kind: "leader", leadership };
    this.leader = this.self;
    this.#restartElectionTimer();
    return leadership;
  }

  /** A message of the current term's leader arrived. */
  hearLeader(from: ReplicaId): void {
    assert(this.role.kind !== "leader", () => `replicas ${this.self} and ${from} lead one term`);
    if (this.role.kind !== "follower") this.becomeFollower(this.term, from);
    assert(this.leader === null || this.leader === from, () => {
      return `replicas ${this.leader} and ${from} lead term ${this.term}`;
    });
    this.leader = from;
    this.leaderLost = false;
    this.electionElapsed = 0;
    this.promiseLeft = this.options.promiseTicks;
  }

  /** Whether a leader may still rely on this replica not to vote for another. */
  isPromised(): boolean {
    return this.promiseLeft > 0 || this.role.kind === "leader";
  }

  /**
   * Whether the replica may campaign. One that an uncommitted config leaves out still must: it may
   * hold entries without which nobody else is elected (dissertation, section 4.2.2). It does not
   * count itself, and steps down once that config is committed.
   */
  isPromotable(): boolean {
    if (this.pendingSnapshot !== null) return false;
    const { index, config } = this.configs.current;
    if (isVoter(config, this.self) || index <= this.log.commit) return isVoter(config, this.self);
    const before = this.configs.at(logIndex(index - 1));
    return before !== undefined && isVoter(before.config, this.self);
  }

  /** Before this a leader may not know all that is committed (Raft paper, section 8). */
  hasCommittedInTerm(): boolean {
    return this.log.matches(this.log.commit, this.term);
  }

  isTermDurable(): boolean {
    return this.durable.term === this.term;
  }

  checkInvariants(): void {
    this.log.checkInvariants();
    this.configs.checkInvariants();
    const { role, log, configs } = this;
    assert(log.lastTerm <= this.term, "an entry's term is above the current term");
    assert(configs.current.index <= log.lastIndex, "the config in force is not in the log");
    const base = must(configs.all[0], "C1: no config");
    assert(base.index <= log.truncated.index, "C1: the truncated index has no config");
    for (const { index } of configs.all.slice(1)) {
      assert(log.infoAt(index)?.kind === "config", () => `no config entry at ${index}`);
    }
    if (role.kind === "candidate") assert(this.vote === this.self, "a candidate votes for itself");
    if (role.kind !== "leader") {
      assert(this.leader !== this.self, "only a leader is its own leader");
      return;
    }
    assert(this.leader === this.self, "a leader knows itself");
    assert(log.lastTerm === this.term, "a leader's log ends in its term");
    const uncommitted = log.bytesBetween(log.commit + 1, log.lastIndex);
    assert(role.leadership.uncommittedBytes === uncommitted, "uncommitted bytes leaked");
    for (const follower of role.leadership.followers) follower.checkInvariants(log.lastIndex);
  }

  #restartElectionTimer(): void {
    this.electionElapsed = 0;
    this.leaderLost = false;
    this.#drawElectionTimeout();
  }

  #drawElectionTimeout(): void {
    const { electionMinTicks, electionMaxTicks, random } = this.options;
    this.electionTimeout = electionMinTicks + random.below(electionMaxTicks - electionMinTicks);
  }

  /** A promise lives in memory only, so after a start it must be assumed. */
  #mayHavePromised(initial: RaftInitialState): boolean {
    if (initial.freshReplica) return false;
    // A log opens with its first leader's empty entry, so no later config has index 0 or 1.
    const everAlone =
      this.configs.all.length === 1 &&
      this.configs.current.index <= 1 &&
      isSoleVoter(this.config, this.self);
    return !everAlone;
  }
}
