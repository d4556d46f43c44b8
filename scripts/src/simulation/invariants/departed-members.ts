/**
 * Who left a group never comes back: replica ids are given out once, and a replica that left is destroyed. A config
 * that names one again counts on a vote, or on a copy, that is nowhere.
 */
import type { LogIndex, ReplicaId } from "@stele/shared/ids.ts";
import type { GroupConfig } from "@stele/shared/raft/group-config.ts";
import type { Report } from "./report.ts";

export class DepartedMembers {
  readonly #report: Report;
  /** Of the newest config that is known to be committed. */
  #members: ReadonlySet<ReplicaId> = new Set();
  #index = -1;
  readonly #departed = new Map<ReplicaId, LogIndex>();

  constructor(report: Report) {
    this.#report = report;
  }

  committed(index: LogIndex, { voters, outgoing, learners }: GroupConfig): void {
    if (index <= this.#index) return;
    this.#index = index;
    const members = new Set(
      [...voters, ...outgoing, ...learners].map(({ replicaId }) => replicaId),
    );
    for (const replica of this.#members) {
      if (!members.has(replica)) this.#departed.set(replica, index);
    }
    this.#members = members;
    for (const replica of members) {
      const left = this.#departed.get(replica);
      if (left === undefined) continue;
      this.#report(`the config at index ${index} has replica ${replica}, which left at ${left}`);
    }
  }
}
