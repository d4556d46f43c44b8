/**
 * A segment of the commit log is freed only when nothing in it is needed any more (checkpointing.ts, C2): judged by
 * what a crash at that moment would leave in the store.
 *
 * For every replica that still exists there:
 * S1. The store says where its log begins, at or above its entries in the segment, and its state reaches up to there.
 * S2. The store holds its term and vote, unless a segment behind holds later ones.
 * S3. Creation and installation have taken effect in the store.
 * One that does not exist any more has its tombstone in the store, or in a segment behind.
 */
import type { LogIndex, ReplicaId } from "@stele/shared/ids.ts";
import type { AppliedState, LogState } from "@stele/shared/replication/replica-records.ts";
import type { DurableReplica } from "./durable-replica.ts";
import type { Report } from "./report.ts";
import type { StoredRecords } from "./stored-records.ts";
import type { DurableVote } from "./vote-per-term.ts";

/** What a segment holds of one replica, but for its entries. */
interface Facts {
  vote: DurableVote | null;
  installed: LogIndex | null;
}

export class FreedSegments {
  readonly #report: Report;
  readonly #segments = new Map<number, Map<DurableReplica, Facts>>();

  constructor(report: Report) {
    this.#report = report;
  }

  /** The segment holds a record of the replica. */
  facts(segment: number, replica: DurableReplica): Facts {
    let replicas = this.#segments.get(segment);
    if (replicas === undefined) this.#segments.set(segment, (replicas = new Map()));
    let facts = replicas.get(replica);
    if (facts === undefined) {
      facts = { vote: null, installed: null };
      replicas.set(replica, facts);
    }
    return facts;
  }

  /** `isExempt`: a fault may have damaged what is known of the replica. */
  freed(segment: number, stored: StoredRecords, isExempt: (replica: ReplicaId) => boolean): void {
    const replicas = this.#segments.get(segment);
    if (replicas === undefined) return;
    this.#segments.delete(segment);
    for (const [replica, facts] of replicas) {
      if (isExempt(replica.replicaId)) continue;
      const problem = problemOf(segment, replica, facts, stored);
      if (problem === null) continue;
      const { tabletId, replicaId } = replica;
      const who = `replica ${replicaId} of tablet ${tabletId}`;
      this.#report(`segment ${segment} is freed, but of ${who} ${problem}`);
    }
  }
}

function problemOf(
  segment: number,
  replica: DurableReplica,
  facts: Facts,
  stored: StoredRecords,
): string | null {
  const { tabletId, replicaId } = replica;
  if ((stored.buried(tabletId) ?? -1) >= replicaId) return null;
  if ((replica.buriedIn ?? 0) > segment) return null;
  if (replica.buriedIn !== null) return "the store has no tombstone";
  if (stored.suspect(tabletId) === replicaId) return null;
  const applied = stored.appliedState(tabletId);
  if (applied?.replicaId !== replicaId) return "the store has no state";
  const log = stored.logState(tabletId);
  if (log?.replicaId !== replicaId) return "the store does not know where its log begins";
  return (
    problemOfEntries(segment, replica, applied, log) ??
    problemOfVote(segment, replica, facts, log) ??
    problemOfInstallation(facts, applied)
  );
}

function problemOfEntries(
  segment: number,
  replica: DurableReplica,
  applied: AppliedState,
  log: LogState,
): string | null {
  const { index } = log.truncated;
  if (applied.index < index)
    return `the state ends at ${applied.index}, the log begins at ${index}`;
  const last = replica.lastIndexIn(segment);
  if (last === null || last <= index) return null;
  return `entry ${last} lies there or before, and a recovery reads from ${index} on`;
}

function problemOfVote(
  segment: number,
  replica: DurableReplica,
  { vote }: Facts,
  log: LogState,
): string | null {
  if (vote === null || replica.voteSegment > segment) return null;
  const { hardState } = log;
  if (hardState.term > vote.term) return null;
  if (hardState.term === vote.term && (vote.vote ?? hardState.vote) === hardState.vote) return null;
  return (
    `the vote for ${vote.vote} in term ${vote.term} lies there, ` +
    `and the store knows term ${hardState.term}, vote ${hardState.vote}`
  );
}

function problemOfInstallation({ installed }: Facts, applied: AppliedState): string | null {
  if (installed === null || applied.index >= installed) return null;
  return `the snapshot at ${installed} was installed there, and the state ends at ${applied.index}`;
}
