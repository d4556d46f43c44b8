/**
 * What one replica promises by what it sends.
 *
 * V1. It votes for one candidate in a term, itself included.
 * V2. After a restart it never speaks in a term below one that it spoke in before. Between two restarts it may seem to:
 *     messages travel in lanes.
 * V3. Term and vote are durable before anybody hears of them.
 */
import type { ReplicaId, Term } from "@stele/shared/ids.ts";
import type { Report } from "./report.ts";

export interface DurableVote {
  readonly term: Term;
  readonly vote: ReplicaId | null;
}

export class VotePerTerm {
  readonly #replica: ReplicaId;
  readonly #report: Report;
  readonly #votes = new Map<Term, ReplicaId>();
  #saidTerm = 0 as Term;
  /** The highest before the last restart. */
  #earlierTerm = 0 as Term;

  constructor(replica: ReplicaId, report: Report) {
    this.#replica = replica;
    this.#report = report;
  }

  restarted(): void {
    this.#earlierTerm = this.#saidTerm;
  }

  /** It speaks in `term`; `durable` is what its disk holds. */
  says(term: Term, durable: DurableVote): void {
    if (term > this.#saidTerm) this.#saidTerm = term;
    if (term < this.#earlierTerm) {
      this.#report(
        `replica ${this.#replica} speaks in term ${term}, ` +
          `and spoke in ${this.#earlierTerm} before it was restarted`,
      );
    }
    if (durable.term >= term) return;
    this.#report(
      `replica ${this.#replica} speaks in term ${term}, while its disk knows ${durable.term} only`,
    );
  }

  /** It tells that its vote of `term` is the candidate's, perhaps its own. */
  votes(term: Term, candidate: ReplicaId, durable: DurableVote): void {
    const before = this.#votes.get(term);
    if (before === undefined) this.#votes.set(term, candidate);
    else if (before !== candidate) {
      this.#report(
        `replica ${this.#replica} votes in term ${term} for ${candidate} after ${before}`,
      );
    }
    if (durable.term > term || (durable.term === term && durable.vote === candidate)) return;
    this.#report(
      `replica ${this.#replica} tells its vote for ${candidate} in term ${term}, ` +
        `while its disk knows term ${durable.term}, vote ${durable.vote}`,
    );
  }
}
