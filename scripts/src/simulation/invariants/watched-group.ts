/** All that is watched of one group, over all servers and all their restarts. */
import { CATALOG_GROUP, type ReplicaId, type TabletId } from "@stele/shared/ids.ts";
import type { CheckerName, Violations } from "../violation.ts";
import { AppliedHistory } from "./applied-history.ts";
import { EntriesSeen } from "./entries-seen.ts";
import { LeaderPerTerm } from "./leader-per-term.ts";
import { QuorumDurability } from "./quorum-durability.ts";
import type { Report } from "./report.ts";
import { StateHashes } from "./state-hashes.ts";
import { VotePerTerm } from "./vote-per-term.ts";

export function nameOfGroup(tablet: TabletId): string {
  return tablet === CATALOG_GROUP ? "catalog" : `tablet ${tablet}`;
}

export class WatchedGroup {
  readonly leaders: LeaderPerTerm;
  readonly entries: EntriesSeen;
  readonly history: AppliedHistory;
  readonly quorum: QuorumDurability;
  readonly states: StateHashes;
  readonly #votes = new Map<ReplicaId, VotePerTerm>();
  readonly #reportVote: Report;

  constructor(tablet: TabletId, violations: Violations) {
    const name = nameOfGroup(tablet);
    const to = (checker: CheckerName): Report => {
      return (detail) => violations.add(checker, `${name}: ${detail}`);
    };
    this.leaders = new LeaderPerTerm(to("one leader per term"));
    this.entries = new EntriesSeen(to("log matching"));
    this.history = new AppliedHistory(to("committed never changes"));
    this.quorum = new QuorumDurability(this.entries, to("acknowledged means durable"));
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

export class WatchedGroups {
  readonly #violations: Violations;
  readonly #groups = new Map<TabletId, WatchedGroup>();

  constructor(violations: Violations) {
    this.#violations = violations;
  }

  of(tablet: TabletId): WatchedGroup {
    let group = this.#groups.get(tablet);
    if (group === undefined) {
      group = new WatchedGroup(tablet, this.#violations);
      this.#groups.set(tablet, group);
    }
    return group;
  }
}
