/**
 * A group as its machine sees it, with strong reads that ask a quorum watched: when one may be served, its leader was
 * confirmed since it came, and the state has everything that anybody had committed when it came.
 */
import type { LogIndex, ReplicaId, Term } from "@stele/shared/ids.ts";
import type { ConfigTarget } from "@stele/shared/raft/group-config.ts";
import type { Group } from "@stele/shared/replication/group.ts";
import type { Replica } from "@stele/shared/replication/replica.ts";
import type { WatchedGroups } from "./watched-group.ts";

type Report = (group: Group, detail: string) => void;

export class WatchedReads implements Group {
  readonly #replica: Replica;
  readonly #groups: WatchedGroups;
  readonly #report: Report;

  constructor(replica: Replica, groups: WatchedGroups, report: Report) {
    this.#replica = replica;
    this.#groups = groups;
    this.#report = report;
  }

  get tabletId(): Group["tabletId"] {
    return this.#replica.tabletId;
  }

  get replicaId(): ReplicaId {
    return this.#replica.replicaId;
  }

  get serverId(): Group["serverId"] {
    return this.#replica.serverId;
  }

  readBarrier(): ReturnType<Group["readBarrier"]> {
    const replica = this.#replica;
    const outcome = replica.readBarrier();
    if (replica.holdsLease()) return outcome;
    const { tabletId, replicaId, raft } = replica;
    const { leaderships, commitments } = this.#groups.of(tabletId, replicaId);
    const { term } = raft;
    const committed = commitments.highest;
    const leadership = leaderships.find(term);
    const lastRound = leadership?.lastRound ?? 0;
    // In front of whoever waits for it.
    void outcome.then((ended) => {
      if (ended !== "ready") return;
      if (replica.applied.index < committed) {
        const detail = `a read is served at ${replica.applied.index}, and ${committed} was committed`;
        this.#report(this, `replica ${replicaId}: ${detail} when it came`);
      }
      const configs = raft.configHistory().map(({ config }) => config);
      if (leadership === null || raft.term !== term) return;
      if (leadership.isConfirmedBehind(lastRound, configs)) return;
      const detail = `a read is served that came behind round ${lastRound}`;
      this.#report(this, `replica ${replicaId}: ${detail}, and no quorum answered a later one`);
    });
    return outcome;
  }

  propose(payload: Buffer, term: Term): ReturnType<Group["propose"]> {
    return this.#replica.propose(payload, term);
  }

  holdsLease(): boolean {
    return this.#replica.holdsLease();
  }

  proposeConfig(target: ConfigTarget, index: LogIndex): ReturnType<Group["proposeConfig"]> {
    return this.#replica.proposeConfig(target, index);
  }

  nextCycle(callback: () => void): void {
    this.#replica.nextCycle(callback);
  }

  transferLeadership(to: ReplicaId): ReturnType<Group["transferLeadership"]> {
    return this.#replica.transferLeadership(to);
  }

  campaign(): void {
    this.#replica.campaign();
  }

  reportDamage(reason: string): void {
    this.#replica.reportDamage(reason);
  }

  status(): ReturnType<Group["status"]> {
    return this.#replica.status();
  }
}
