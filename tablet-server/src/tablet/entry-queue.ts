/**
 * The entries of a tablet's leader in one term: formed from evaluated writes, proposed once a cycle of the host, and
 * followed until they are applied.
 *
 * N1. Entries are proposed in the order in which they were formed; one that is refused for the moment (a transfer,
 *     too much uncommitted) keeps its place, and everything behind it waits.
 * N2. Every entry ends once: `applied` when it took effect, `lost` when it did not or nobody knows.
 */
import type { Clock } from "@stele/shared/clock.ts";
import type { LogIndex, Term, Version } from "@stele/shared/ids.ts";
import type { Group } from "@stele/shared/replication/group.ts";
import { ProposalTracker } from "@stele/shared/replication/proposal-tracker.ts";
import { EntryBatch, keptSize, loggedSize, type LoggedWrite } from "./entry-batch.ts";
import type { EntryFate } from "./entry-payload.ts";
import type { LeaderAge } from "./log-age.ts";
import type { UnchangedOutcome } from "./row-lane.ts";

/** How soon a refused proposal is tried again if nothing else happens. */
const PROPOSE_AGAIN_MS = 20;

export interface EntryQueueParts {
  readonly group: Group;
  readonly term: Term;
  readonly clock: Clock;
  readonly age: LeaderAge;
  readonly applied: (batch: EntryBatch) => void;
  readonly lost: (batch: EntryBatch) => void;
}

export class EntryQueue {
  readonly #parts: EntryQueueParts;
  readonly #tracker = new ProposalTracker<EntryFate>();
  /** Not proposed; the last one is open for more. */
  #forming: EntryBatch[] = [];
  #proposeAsked = false;
  #retryPlanned = false;
  #ended = false;

  constructor(parts: EntryQueueParts) {
    this.#parts = parts;
  }

  /** Gives the entry that the write is in. */
  add(write: LoggedWrite, generation: number): EntryBatch {
    const bytes = loggedSize(write);
    const batch = this.#roomFor(bytes, generation, write.version);
    batch.add(write, bytes);
    this.#askPropose();
    return batch;
  }

  /**
   * Logs what became of a write that changes nothing.
   *
   * @param version the highest that was given out
   */
  keep(unchanged: UnchangedOutcome, generation: number, version: Version): void {
    const bytes = keptSize(unchanged);
    this.#roomFor(bytes, generation, version).keep(unchanged, bytes);
    this.#askPropose();
  }

  /** An entry that only moves log age and tells which retry numbers are done with. */
  addEmpty(
    generation: number,
    version: Version,
    doneBelow: ReadonlyMap<bigint, number>,
  ): EntryBatch {
    const batch = new EntryBatch(generation, this.#parts.age.now(), version, doneBelow);
    this.#forming.push(batch);
    this.#askPropose();
    return batch;
  }

  /** The entry at (index, term), proposed here or not, was applied. */
  applied(index: LogIndex, term: Term, fate: EntryFate): void {
    this.#tracker.applied(index, term, () => fate);
    if (this.#forming.length > 0) this.#askPropose();
  }

  /** Entries that are not proposed yet end as lost: what they were evaluated on does not hold any more. */
  discardForming(): void {
    const forming = this.#forming;
    this.#forming = [];
    for (const batch of forming) this.#parts.lost(batch);
  }

  /** The leadership ended. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#tracker.abandon();
    this.discardForming();
  }

  #roomFor(bytes: number, generation: number, version: Version): EntryBatch {
    const open = this.#forming.at(-1);
    if (open !== undefined && open.hasRoomFor(bytes)) return open;
    const batch = new EntryBatch(generation, this.#parts.age.now(), version);
    this.#forming.push(batch);
    return batch;
  }

  #askPropose(): void {
    if (this.#proposeAsked || this.#ended) return;
    this.#proposeAsked = true;
    this.#parts.group.nextCycle(() => {
      this.#proposeAsked = false;
      if (!this.#ended) this.#propose();
    });
  }

  #propose(): void {
    const { group, term } = this.#parts;
    for (let batch = this.#forming[0]; batch !== undefined; batch = this.#forming[0]) {
      const proposed = group.propose(batch.encode(), term);
      if (proposed.kind === "refused") {
        this.#planRetry();
        return;
      }
      this.#forming.shift();
      batch.proposed();
      this.#follow(batch, proposed.index);
    }
  }

  #follow(batch: EntryBatch, index: LogIndex): void {
    const { applied, lost, term } = this.#parts;
    this.#tracker.add(index, term, {
      done: (fate) => (fate === "effective" ? applied(batch) : lost(batch)),
      lost: () => lost(batch),
    });
  }

  /** N1. The end of the term is told by the host. */
  #planRetry(): void {
    if (this.#retryPlanned) return;
    this.#retryPlanned = true;
    this.#parts.clock.after(PROPOSE_AGAIN_MS, () => {
      this.#retryPlanned = false;
      if (this.#forming.length > 0) this.#askPropose();
    });
  }
}
