/**
 * Moves the boundary between commit log and store: proves what the store holds, cuts the replicas' logs below
 * that, and frees the commit log's segments below both.
 *
 * C1. A log is cut no higher than its replica's position in the last PROVEN checkpoint.
 * C2. A segment is freed only when a proven checkpoint covers every state record in it, and no replica needs an
 *     entry in it above the cut that this checkpoint recorded, those included that were on their way out when it
 *     began (replica-table.ts, N4).
 *     What a checkpoint records of a log is what the commit log holds durably (replica.ts, P5).
 * C3. A log keeps its newest entries up to `retainedLogBytes`, for followers that are a little behind; a replica
 *     that pins old segments (because it is idle) is cut to its checkpoint.
 */
import type { CheckpointStore, StoreOperation } from "../checkpoint-store/checkpoint-store.ts";
import type { CommitLog, Lsn } from "../commit-log/commit-log.ts";
import type { LogIndex } from "../ids.ts";
import type { HostCounters } from "./host-counters.ts";
import type { Replica } from "./replica.ts";
import { logStateOperation } from "./replica-records.ts";
import type { SnapshotSender } from "./snapshot-sender.ts";
import type { SpaceLedger } from "./space-ledger.ts";
import type { StoreTurn } from "./store-turn.ts";

/** A replica that is idle for so many segments has its whole log cut. */
const IDLE_SEGMENTS = 4;

export interface CheckpointingParts {
  readonly store: CheckpointStore;
  readonly commitLog: CommitLog;
  readonly turn: StoreTurn;
  readonly ledger: SpaceLedger;
  readonly sender: SnapshotSender;
  readonly counters: HostCounters;
  readonly retainedLogBytes: number;
  /** Those that a crash at this moment brings back; asked inside a turn, too. */
  readonly replicas: () => Iterable<Replica>;
  /**
   * Everything logged up to this batch is reflected in the replicas and, as far as it is not about entries,
   * in the store; asked inside a turn.
   */
  readonly settledLsn: () => Lsn;
  /** The core was compacted. */
  readonly touched: (replica: Replica) => void;
}

interface Mark {
  readonly applied: LogIndex;
  readonly truncated: LogIndex;
}

export class Checkpointing {
  readonly #parts: CheckpointingParts;
  /** By replica: its position in the last proven checkpoint. */
  readonly #proven = new WeakMap<Replica, Mark>();
  #running: Promise<void> | null = null;

  constructor(parts: CheckpointingParts) {
    this.#parts = parts;
  }

  /** Recovery read this replica from the store, where it is as good as proven. */
  recovered(replica: Replica, mark: Mark): void {
    this.#proven.set(replica, mark);
  }

  /** Runs one checkpoint; joins the one that is running, which may have begun earlier. */
  run(): Promise<void> {
    this.#running ??= this.#run().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  async #run(): Promise<void> {
    const { store, commitLog, turn, counters } = this.#parts;
    this.#cutLogs();
    const { marks, settled } = await turn.take(() => this.#recordLogStates());
    await store.checkpoint();
    counters.checkpoints++;
    for (const [replica, mark] of marks) this.#proven.set(replica, mark);
    const freeable = Math.min(settled, this.#lowestNeeded(marks) - 1);
    counters.freedSegments += await commitLog.freeThrough(freeable);
  }

  /** C1, C3. Uses the checkpoint before, since this one is not proven yet. */
  #cutLogs(): void {
    const segments = this.#parts.commitLog.segments();
    const idleBelow = segments.at(-1 - IDLE_SEGMENTS)?.segment ?? -1;
    for (const replica of this.#parts.replicas()) {
      const proven = this.#proven.get(replica);
      if (proven === undefined || !replica.mayApply) continue;
      const pinned = this.#parts.sender.pinnedIndex(replica) ?? Number.MAX_SAFE_INTEGER;
      const limit = Math.min(proven.applied, replica.applied.index, pinned);
      const firstSegment = replica.log.locationOf(replica.log.firstIndex)?.segment;
      const idle = firstSegment !== undefined && firstSegment <= idleBelow;
      const cut = idle ? limit : Math.min(limit, this.#retentionCut(replica));
      if (cut < replica.log.firstIndex) continue;
      replica.compact(cut as LogIndex);
      this.#parts.touched(replica);
    }
  }

  /** The highest index that may go while the entries above it still fill `retainedLogBytes`. */
  #retentionCut(replica: Replica): number {
    let excess = replica.log.bytes - this.#parts.retainedLogBytes;
    let cut = replica.log.firstIndex - 1;
    while (excess > 0 && cut < replica.log.lastIndex) {
      cut++;
      excess -= replica.log.bytesOf(cut);
    }
    return cut;
  }

  async #recordLogStates(): Promise<{ marks: Map<Replica, Mark>; settled: Lsn }> {
    const settled = this.#parts.settledLsn();
    const marks = new Map<Replica, Mark>();
    const operations: StoreOperation[] = [this.#parts.ledger.countersOperation()];
    for (const replica of this.#parts.replicas()) {
      const { logState } = replica;
      operations.push(logStateOperation(replica.tabletId, logState));
      marks.set(replica, { applied: replica.applied.index, truncated: logState.truncated.index });
    }
    await this.#parts.store.write(operations);
    return { marks, settled };
  }

  /** The lowest batch position whose segment some replica needs an entry of (C2). */
  #lowestNeeded(marks: ReadonlyMap<Replica, Mark>): Lsn {
    let lowestSegment = Number.POSITIVE_INFINITY;
    for (const replica of new Set([...marks.keys(), ...this.#parts.replicas()])) {
      // One created meanwhile has nothing in segments that could be freed yet.
      const truncated = marks.get(replica)?.truncated ?? replica.logState.truncated.index;
      const segment = replica.oldestSegment(truncated);
      if (segment !== null) lowestSegment = Math.min(lowestSegment, segment);
    }
    const needed = this.#parts.commitLog.segments().find(({ segment }) => segment >= lowestSegment);
    return needed?.firstLsn ?? Number.POSITIVE_INFINITY;
  }
}
