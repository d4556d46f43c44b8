/** At most one leader a term (Raft paper, Election Safety), from what replicas say and what they send as leaders. */
import type { ReplicaId, Term } from "@stele/shared/ids.ts";
import type { Report } from "./report.ts";

export class LeaderPerTerm {
  readonly #leaders = new Map<Term, ReplicaId>();
  readonly #report: Report;

  constructor(report: Report) {
    this.#report = report;
  }

  /** Whether it is the first that is heard of this leader. */
  leads(replica: ReplicaId, term: Term): boolean {
    const known = this.#leaders.get(term);
    if (known === replica) return false;
    if (known === undefined) this.#leaders.set(term, replica);
    else this.#report(`replicas ${known} and ${replica} both lead term ${term}`);
    return true;
  }
}
