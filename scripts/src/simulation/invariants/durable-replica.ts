/**
 * What one disk durably holds of one replica, from the commit log's batches in their order: the same that a recovery
 * would make of them.
 */
import type { LogIndex, ReplicaId, TabletId, Term } from "@stele/shared/ids.ts";
import type { LogPosition } from "@stele/shared/replication/replica-records.ts";
import type { DurableVote } from "./vote-per-term.ts";

export class DurableReplica {
  readonly tabletId: TabletId;
  readonly replicaId: ReplicaId;
  /** A durable state stands for everything up to here. */
  #floor: LogPosition;
  /** Of the entries right behind the floor. */
  #terms: Term[] = [];
  /** The segment that each of them lies in; never descends. */
  #segments: number[] = [];
  #vote: DurableVote;
  /** Of the last record of a term or vote. */
  #voteSegment = 0;
  /** It was found damaged: nothing is expected of it any more. */
  isSuspect = false;
  /** The segment with its tombstone, or null. */
  buriedIn: number | null = null;

  constructor(tabletId: TabletId, replicaId: ReplicaId, start: LogPosition) {
    this.tabletId = tabletId;
    this.replicaId = replicaId;
    this.#floor = start;
    this.#vote = { term: start.term, vote: null };
  }

  get floor(): LogPosition {
    return this.#floor;
  }

  get vote(): DurableVote {
    return this.#vote;
  }

  get voteSegment(): number {
    return this.#voteSegment;
  }

  get lastIndex(): LogIndex {
    return (this.#floor.index + this.#terms.length) as LogIndex;
  }

  /** Null: below the floor, or not there. */
  termOf(index: number): Term | null {
    if (index === this.#floor.index) return this.#floor.term;
    return this.#terms[index - this.#floor.index - 1] ?? null;
  }

  /** They replace everything at or above `first`. */
  hasEntries(first: number, terms: readonly Term[], segment: number): void {
    const skip = this.#floor.index + 1 - first;
    const keep = Math.max(0, -skip);
    // What lies behind a gap means nothing to a recovery either.
    if (keep > this.#terms.length) return;
    this.#terms.length = keep;
    this.#segments.length = keep;
    for (let at = Math.max(0, skip); at < terms.length; at++) {
      this.#terms.push(terms[at] as Term);
      this.#segments.push(segment);
    }
  }

  hasVote(vote: DurableVote, segment: number): void {
    this.#vote = vote;
    this.#voteSegment = segment;
  }

  hasState(at: LogPosition): void {
    this.#floor = at;
    this.#terms = [];
    this.#segments = [];
  }

  /** The highest entry that lies in the segment or in one before it, or null. */
  lastIndexIn(segment: number): LogIndex | null {
    let count = this.#segments.length;
    while (count > 0 && (this.#segments[count - 1] as number) > segment) count--;
    return count === 0 ? null : ((this.#floor.index + count) as LogIndex);
  }
}
