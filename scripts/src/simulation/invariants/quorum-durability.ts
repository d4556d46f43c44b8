/**
 * Acknowledged means durable: when a leader commits an entry, and when a command is applied for the first time
 * anywhere, a quorum has had it on disk, as an entry or as part of a state that took the place of its log.
 *
 * Q1. "Has had": what a wiped disk once held counts, since nobody can tell when the entry was committed.
 * Q2. Which config committed an entry is not visible: the one in force at the entry, or any that came behind it.
 */
import type { LogIndex, ReplicaId, Term } from "@stele/shared/ids.ts";
import { sameMembers } from "@stele/shared/raft/group-config.ts";
import type { GroupConfig } from "@stele/shared/raft/group-config.ts";
import type { PlacedConfig } from "@stele/shared/replication/replica-records.ts";
import type { EntriesSeen } from "./entries-seen.ts";
import { isAgreed, votersText } from "./majorities.ts";
import type { Report } from "./report.ts";

export class QuorumDurability {
  readonly #entries: EntriesSeen;
  readonly #report: Report;
  /** Every config that was ever decided, in no order: a leader counts by one before it has written it. */
  readonly #configs: PlacedConfig[] = [];
  /** By replica: up to where a durable state stands for the log. */
  readonly #states = new Map<ReplicaId, LogIndex>();

  constructor(entries: EntriesSeen, report: Report) {
    this.#entries = entries;
    this.#report = report;
  }

  hasConfig(index: LogIndex, config: GroupConfig): void {
    const { voters, outgoing } = config;
    const isKnown = this.#configs.some(
      (known) =>
        known.index === index &&
        sameMembers(known.config.voters, voters) &&
        sameMembers(known.config.outgoing, outgoing),
    );
    if (!isKnown) this.#configs.push({ index, config });
  }

  /** The replica has the entry on disk. */
  hasEntry(replica: ReplicaId, index: number, term: Term): void {
    const { durableOn } = this.#entries.at(index, term);
    if (!durableOn.includes(replica)) durableOn.push(replica);
  }

  /** The replica has a state on disk that holds everything up to `index`. */
  hasState(replica: ReplicaId, index: LogIndex): void {
    if ((this.#states.get(replica) ?? 0) < index) this.#states.set(replica, index);
  }

  /** A command is applied for the first time. `inForce` at it, as far as the replica knows. */
  applied(index: LogIndex, term: Term, inForce: GroupConfig | null): void {
    const has = this.#holders(index, term);
    if (inForce !== null && isAgreed(inForce, has)) return;
    const later = this.#configs.filter((placed) => inForce === null || placed.index > index);
    if (later.some(({ config }) => isAgreed(config, has))) return;
    const voters = inForce === null ? "unknown" : votersText(inForce);
    this.#report(
      `index ${index} of term ${term} is applied, but only replicas ` +
        `[${this.#durableOn(index, term)}] have had it on disk; voters are ${voters}`,
    );
  }

  /** A leader commits up to there, by one of the configs. */
  committed(by: ReplicaId, index: LogIndex, term: Term, configs: readonly PlacedConfig[]): void {
    const has = this.#holders(index, term);
    if (configs.some(({ config }) => isAgreed(config, has))) return;
    const voters = configs.map(({ config }) => votersText(config)).join(" or ");
    this.#report(
      `replica ${by} commits index ${index} of term ${term}, but only replicas ` +
        `[${this.#durableOn(index, term)}] have had it on disk; voters are ${voters}`,
    );
  }

  #holders(index: LogIndex, term: Term): (replica: ReplicaId) => boolean {
    const durableOn = this.#entries.find(index, term)?.durableOn ?? [];
    return (replica) => durableOn.includes(replica) || (this.#states.get(replica) ?? 0) >= index;
  }

  #durableOn(index: LogIndex, term: Term): string {
    return (this.#entries.find(index, term)?.durableOn ?? []).join(", ");
  }
}
