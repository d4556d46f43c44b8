/** All that is watched of one group, over all servers and all their restarts. */
import { CATALOG_GROUP, type ReplicaId, type TabletId } from "@stele/shared/ids.ts";
import type { GroupConfig } from "@stele/shared/raft/group-config.ts";
import type { CheckerName } from "../../check/checker-name.ts";
import type { Violations } from "../violation.ts";
import { AppliedSequence } from "./applied-sequence.ts";
import { Commitments } from "./commitments.ts";
import { DepartedMembers } from "./departed-members.ts";
import { Elections } from "./elections.ts";
import { EntriesSeen } from "./entries-seen.ts";
import { LeaderPerTerm } from "./leader-per-term.ts";
import { QuorumDurability } from "./quorum-durability.ts";
import { Leaderships } from "./leaderships.ts";
import type { Report } from "./report.ts";
import { StateHashes } from "./state-hashes.ts";
import { VotePerTerm } from "./vote-per-term.ts";

export function nameOfGroup(tablet: TabletId): string {
  return tablet === CATALOG_GROUP ? "catalog" : `tablet ${tablet}`;
}

export class WatchedGroup {
  /** The replicas that it began with. */
  readonly founders = new Set<ReplicaId>();
  readonly elections: Elections;
  readonly leaders: LeaderPerTerm;
  readonly leaderships = new Leaderships();
  readonly entries: EntriesSeen;
  readonly sequence: AppliedSequence;
  readonly quorum: QuorumDurability;
  readonly commitments: Commitments;
  readonly states: StateHashes;
  readonly #votes = new Map<ReplicaId, VotePerTerm>();
  readonly #reportVote: Report;

  constructor(tablet: TabletId, violations: Violations) {
    const name = nameOfGroup(tablet);
    const to = (checker: CheckerName): Report => {
      return (detail) => violations.add(checker, `${name}: ${detail}`);
    };
    this.elections = new Elections(to("one leader per term"));
    this.leaders = new LeaderPerTerm(to("one leader per term"));
    this.entries = new EntriesSeen(to("log matching"));
    this.sequence = new AppliedSequence(to("committed never changes"));
    this.quorum = new QuorumDurability(this.entries, to("acknowledged means durable"));
    const members = new DepartedMembers(to("committed never changes"));
    this.commitments = new Commitments(this.quorum, members, to("committed never changes"));
    this.states = new StateHashes(to("equal state at equal index"));
    this.#reportVote = to("one vote per term");
  }

  votesOf(replica: ReplicaId): VotePerTerm {
    let votes = this.#votes.get(replica);
    if (votes === undefined) {
      votes = new VotePerTerm(replica, this.#reportVote);
      this.#votes.set(replica, votes);
    }
    return votes;
  }
}

/**
 * The groups of the cluster. A tablet whose first replicas could never come to be is founded anew, with other
 * replicas (master/src/plan/place-anew.ts): then it is another group, and of the two only one may ever apply anything.
 */
export class WatchedGroups {
  readonly #violations: Violations;
  /** By tablet, in the order of their founding. */
  readonly #groups = new Map<TabletId, WatchedGroup[]>();

  constructor(violations: Violations) {
    this.#violations = violations;
  }

  /** The group that the replica was founded in; one that came later belongs to the last one. */
  of(tablet: TabletId, replica: ReplicaId): WatchedGroup {
    const groups = this.#groups.get(tablet);
    const last = groups?.at(-1);
    if (groups === undefined || last === undefined) return this.#found(tablet);
    if (groups.length === 1) return last;
    return groups.find(({ founders }) => founders.has(replica)) ?? last;
  }

  /** A replica begins with the first config of its group. */
  founded(tablet: TabletId, { voters }: GroupConfig): void {
    const ids = voters.map(({ replicaId }) => replicaId);
    const groups = this.#groups.get(tablet) ?? [];
    const known = groups.find(({ founders }) => {
      return founders.size === 0 || ids.some((id) => founders.has(id));
    });
    const group = known ?? this.#found(tablet);
    for (const id of ids) group.founders.add(id);
  }

  /** Some replica of the group applied a command. */
  applied(tablet: TabletId, group: WatchedGroup): void {
    if (group.sequence.highest === 0) return;
    const groups = this.#groups.get(tablet) ?? [];
    if (groups.length === 1) return;
    const other = groups.find((each) => each !== group && each.sequence.highest > 0);
    if (other === undefined) return;
    const name = nameOfGroup(tablet);
    const founders = [...other.founders].join(", ");
    const detail = `${name}: it applies commands, as did the group that ${founders} founded`;
    this.#violations.add("committed never changes", detail);
  }

  #found(tablet: TabletId): WatchedGroup {
    const group = new WatchedGroup(tablet, this.#violations);
    const groups = this.#groups.get(tablet);
    if (groups === undefined) this.#groups.set(tablet, [group]);
    else groups.push(group);
    return group;
  }
}
