/**
 * Who was elected by whom (Raft paper, section 5.2 and 5.4.1), from the votes that replicas tell.
 *
 * E1. Whoever leads a term has the votes of a majority of its config in that term, both halves if it is joint.
 * E2. A vote is granted only to a candidate whose log ends no earlier than the voter's.
 */
import type { LogIndex, ReplicaId, Term } from "@stele/shared/ids.ts";
import type { GroupConfig } from "@stele/shared/raft/group-config.ts";
import type { LogPosition } from "@stele/shared/replication/replica-records.ts";
import { isAgreed, votersText } from "./majorities.ts";
import type { Report } from "./report.ts";

interface Campaign {
  /** Where the candidate's log ended; it says so to all that it asks. */
  readonly end: LogPosition;
  /** Who told of a vote for it, itself included. */
  readonly votes: Set<ReplicaId>;
}

export class Elections {
  readonly #report: Report;
  readonly #campaigns = new Map<Term, Map<ReplicaId, Campaign>>();

  constructor(report: Report) {
    this.#report = report;
  }

  /** The candidate asks for votes, its own being durable. */
  campaigns(candidate: ReplicaId, term: Term, end: LogPosition): void {
    let campaigns = this.#campaigns.get(term);
    if (campaigns === undefined) this.#campaigns.set(term, (campaigns = new Map()));
    if (campaigns.has(candidate)) return;
    campaigns.set(candidate, { end, votes: new Set([candidate]) });
  }

  /** `end` of the voter's log when it granted its vote; null: it may have changed since. */
  grants(voter: ReplicaId, candidate: ReplicaId, term: Term, end: LogPosition | null): void {
    const campaign = this.#campaigns.get(term)?.get(candidate);
    if (campaign === undefined) {
      this.#report(`replica ${voter} votes for ${candidate} in term ${term}, which did not ask`);
      return;
    }
    campaign.votes.add(voter);
    if (end === null || !isBehind(campaign.end, end)) return;
    this.#report(
      `replica ${voter}, whose log ends with ${text(end)}, votes in term ${term} ` +
        `for ${candidate}, whose log ends with ${text(campaign.end)}`,
    );
  }

  /** E1. `config`: by which it was elected. */
  leads(leader: ReplicaId, term: Term, config: GroupConfig): void {
    const votes = this.#campaigns.get(term)?.get(leader)?.votes ?? new Set([leader]);
    if (isAgreed(config, (id) => votes.has(id))) return;
    this.#report(
      `replica ${leader} leads term ${term} by the votes of [${[...votes].join(", ")}], ` +
        `the voters being ${votersText(config)}`,
    );
  }
}

function isBehind(candidate: LogPosition, voter: LogPosition): boolean {
  if (candidate.term !== voter.term) return candidate.term < voter.term;
  return candidate.index < voter.index;
}

function text({ index, term }: { readonly index: LogIndex; readonly term: Term }): string {
  return `index ${index} of term ${term}`;
}
