/**
 * What is committed, as it is decided: by leaders, whose commit index is judged when it moves, and long before anything
 * of it is applied.
 *
 * C1. A leader moves its commit index to entries of its own term only (Raft paper, figure 8).
 * C2. What it commits is on the disks of a quorum.
 * C3. Nobody takes anything for committed that no leader has committed, or another entry than the leader.
 * C4. A config follows another only once that one is committed (dissertation, section 4.3).
 * C5. Who left a group in a config that was committed never comes back (departed-members.ts), not even for the while
 *     until the next change.
 */
import type { LogIndex, ReplicaId, Term } from "@stele/shared/ids.ts";
import type { Role } from "@stele/shared/raft/ready.ts";
import type { PlacedConfig } from "@stele/shared/replication/replica-records.ts";
import type { DepartedMembers } from "./departed-members.ts";
import type { QuorumDurability } from "./quorum-durability.ts";
import type { Report } from "./report.ts";

/** What is looked at of a replica. */
export interface CommittingReplica {
  readonly replicaId: ReplicaId;
  readonly raft: {
    readonly role: Role;
    readonly term: Term;
    readonly commit: LogIndex;
    termOf(index: LogIndex): Term | undefined;
    configAt(index: LogIndex): PlacedConfig | undefined;
    configHistory(): readonly PlacedConfig[];
  };
}

/** At the last look. */
interface Seen {
  commit: LogIndex;
  /** The term that it led, or null. */
  leads: Term | null;
}

export class Commitments {
  readonly #quorum: QuorumDurability;
  readonly #members: DepartedMembers;
  readonly #report: Report;
  /** By index, as far as it was seen. */
  readonly #terms: (Term | undefined)[] = [];
  readonly #seen = new WeakMap<CommittingReplica, Seen>();
  #highest = 0 as LogIndex;

  constructor(quorum: QuorumDurability, members: DepartedMembers, report: Report) {
    this.#quorum = quorum;
    this.#members = members;
    this.#report = report;
  }

  /** That any leader ever committed. */
  get highest(): LogIndex {
    return this.#highest;
  }

  /** The group begins with a state that stands for everything up to there. */
  beginsAt(index: LogIndex): void {
    if (index > this.#highest) this.#highest = index;
  }

  /** To be called whenever the commit index may have moved, and before anybody else hears of it. */
  look(replica: CommittingReplica): void {
    const { role, term, commit } = replica.raft;
    const leads = role === "leader" ? term : null;
    const seen = this.#seen.get(replica);
    if (seen === undefined) this.#seen.set(replica, { commit, leads });
    else if (seen.commit === commit && seen.leads === leads) return;
    if (commit !== seen?.commit) {
      // One that leads no more may have committed before it lost the lead.
      const leadership = leads ?? seen?.leads ?? null;
      const ledBefore = leads !== null && seen?.leads === leads;
      if (leadership !== null && (ledBefore || commit > this.#highest))
        this.#commits(replica, leadership);
      else this.#follows(replica);
    }
    if (seen === undefined) return;
    seen.commit = commit;
    seen.leads = leads;
  }

  /** C4. The replica's log has a config at the index, and says so to others. */
  hasConfig({ raft, replicaId }: CommittingReplica, index: LogIndex): void {
    const before = raft.configHistory().findLast((config) => config.index < index);
    if (before === undefined || before.index <= this.#highest) return;
    this.#report(
      `replica ${replicaId} has a config at index ${index} behind that of index ${before.index}, ` +
        `and leaders have committed up to ${this.#highest}`,
    );
  }

  /** C1, C2, C5. */
  #commits(replica: CommittingReplica, leadership: Term): void {
    const { raft, replicaId } = replica;
    const { commit } = raft;
    const term = raft.termOf(commit);
    if (term === undefined) return;
    if (term !== leadership) {
      this.#report(
        `replica ${replicaId}, which leads term ${leadership}, commits index ${commit} of term ${term}`,
      );
    }
    this.#quorum.committed(replicaId, commit, term, configsSince(replica));
    for (const { index, config } of raft.configHistory()) {
      if (index <= commit) this.#members.committed(index, config);
    }
    this.#note(replica);
  }

  /** C3. */
  #follows(replica: CommittingReplica): void {
    const { raft, replicaId } = replica;
    const { commit } = raft;
    const own = raft.termOf(commit);
    if (commit > this.#highest) {
      this.#report(
        `replica ${replicaId} takes index ${commit} of term ${own} for committed, ` +
          `and leaders have committed up to ${this.#highest}`,
      );
      return;
    }
    this.#compare(replica, commit, own);
  }

  /** What it commits anew, down to what others had committed: that must be the same (C3). */
  #note(replica: CommittingReplica): void {
    const { raft } = replica;
    const { commit } = raft;
    for (let index = commit as number; index > 0; index--) {
      const own = raft.termOf(index as LogIndex);
      if (own === undefined) break;
      if (this.#terms[index] !== undefined) {
        this.#compare(replica, index as LogIndex, own);
        break;
      }
      while (this.#terms.length < index) this.#terms.push(undefined);
      this.#terms[index] = own;
    }
    if (commit > this.#highest) this.#highest = commit;
  }

  #compare({ replicaId }: CommittingReplica, index: LogIndex, own: Term | undefined): void {
    const known = this.#terms[index];
    if (known === undefined || own === undefined || known === own) return;
    this.#report(
      `replica ${replicaId} takes index ${index} of term ${own} for committed, ` +
        `where a leader committed one of term ${known}`,
    );
  }
}

/** The config in force at the commit index, and those behind it. */
function configsSince({ raft }: CommittingReplica): readonly PlacedConfig[] {
  const inForce = raft.configAt(raft.commit)?.index ?? 0;
  return raft.configHistory().filter(({ index }) => index >= inForce);
}
