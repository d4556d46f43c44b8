/**
 * Streams a replica's state to a follower whose next entry is compacted away.
 *
 * S1. Data, machine state and log position are of one moment between two batches, in which the replica leads:
 *     its header speaks for a term, and nobody else may.
 * S2. Every sending ends: installed, refused, broken or timed out; the core hears of it.
 * S3. At most `MAX_SENDING` at once, the others wait their turn.
 * S4. Damaged data is not passed on: the sending fails, and the replica is suspect.
 */
import { must } from "../assert.ts";
import type {
  CheckpointStore,
  StoreEntry,
  StoreSnapshot,
} from "../checkpoint-store/checkpoint-store.ts";
import type { Clock } from "../clock.ts";
import type { LogIndex, ReplicaId, ServerId } from "../ids.ts";
import type { Replica } from "./replica.ts";
import { OutgoingEntries } from "./snapshot-entries.ts";
import { encodeSnapshotHeader, type SnapshotHeader } from "./snapshot-frames.ts";
import type { KeyRange, StateMachineFactory } from "./state-machine.ts";
import { withStallLimit } from "./stall-limit.ts";
import type { StoreTurn } from "./store-turn.ts";

const MAX_SENDING = 2;
const CHUNK_KEYS = 2000;
const CHUNK_BYTES = 256 * 1024;
/** Longer than the receiver may take to prove its data durable (proven-flush.ts). */
const STALL_MS = 60_000;

/** Carries a stream of frames to a server's `SnapshotReceiver` and brings back its answer; may fail. */
export interface SnapshotLink {
  send(to: ServerId, frames: AsyncIterable<Buffer>): Promise<SnapshotAnswer>;
}

/** The replica was destroyed, was found damaged, or lost its leadership before the snapshot was opened. */
export class SnapshotCancelledError extends Error {
  override readonly name = "SnapshotCancelledError";
}

/** `installed`: the receiver has this state, or a later one. `ignored`: it may be sent again. */
export type SnapshotAnswer = "installed" | "ignored";

export interface SnapshotSenderParts {
  readonly clock: Clock;
  readonly store: CheckpointStore;
  readonly turn: StoreTurn;
  readonly factory: StateMachineFactory;
  readonly link: SnapshotLink;
}

export class SnapshotSender {
  readonly #parts: SnapshotSenderParts;
  #sending = 0;
  readonly #waiting: (() => void)[] = [];
  /** Log positions of snapshots on their way, which compaction must not pass; one entry for each sending. */
  readonly #pinned = new Map<Replica, LogIndex[]>();

  constructor(parts: SnapshotSenderParts) {
    this.#parts = parts;
  }

  /** The lowest log index that a snapshot of this replica on its way needs to be followed from. */
  pinnedIndex(replica: Replica): LogIndex | null {
    const pinned = this.#pinned.get(replica);
    return pinned === undefined ? null : (Math.min(...pinned) as LogIndex);
  }

  /** Rejects when the stream or the receiver failed, or stood still; with `DamagedReplicaError` (S4). */
  async send(replica: Replica, to: ReplicaId, server: ServerId): Promise<SnapshotAnswer> {
    await this.#slot();
    try {
      const opened = await this.#open(replica, to);
      try {
        return await withStallLimit(this.#parts.clock, STALL_MS, (progressed) =>
          this.#parts.link.send(server, this.#frames(opened, progressed)),
        );
      } finally {
        this.#unpin(replica, opened.header.index as LogIndex);
        await opened.view.close();
      }
    } finally {
      this.#sending--;
      this.#waiting.shift()?.();
    }
  }

  #open(replica: Replica, to: ReplicaId): Promise<OpenedSnapshot> {
    const { turn, store, factory } = this.#parts;
    return turn.take(() => {
      // A destroyed replica's data may be deleted in part by now: its snapshot would be a whole one of less.
      if (replica.closed) throw new SnapshotCancelledError("the replica is gone");
      // The header's term is the sender's to speak for only while it leads it.
      if (replica.raft.role !== "leader") throw new SnapshotCancelledError("it leads no more");
      const machineState = must(replica.machineState, "a leader has a machine");
      const { index, term } = replica.applied;
      const placed = must(replica.raft.configAt(index), "the config at the applied index");
      const header: SnapshotHeader = {
        tabletId: replica.tabletId,
        from: replica.replicaId,
        to,
        term: replica.raft.term,
        index,
        indexTerm: term,
        configIndex: placed.index,
        config: {
          voters: [...placed.config.voters],
          outgoing: [...placed.config.outgoing],
          learners: [...placed.config.learners],
        },
        machineState: machineState.toString("base64"),
      };
      this.#pin(replica, index);
      return Promise.resolve({
        header,
        view: store.snapshot(),
        ranges: factory.rangesOf(machineState),
      });
    });
  }

  async *#frames(
    { header, view, ranges }: OpenedSnapshot,
    progressed: () => void,
  ): AsyncGenerator<Buffer> {
    yield encodeSnapshotHeader(header);
    const entries = new OutgoingEntries();
    for (const range of ranges) {
      const iterator = view.iterate({ ...range, reverse: false });
      try {
        for (;;) {
          const found = await iterator.next(CHUNK_KEYS, CHUNK_BYTES);
          if (found.length === 0) break;
          for (const frame of entries.frames(found.map((entry) => this.#sound(entry)))) {
            yield frame;
            progressed();
          }
        }
      } finally {
        await iterator.close();
      }
    }
    yield entries.end();
  }

  /** S4. */
  #sound([key, value]: StoreEntry): StoreEntry {
    const { factory } = this.#parts;
    const relative = factory.relativeKey(key);
    factory.checkEntry(relative, value);
    return [relative, value];
  }

  async #slot(): Promise<void> {
    if (this.#sending >= MAX_SENDING) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.#sending++;
  }

  #pin(replica: Replica, index: LogIndex): void {
    this.#pinned.set(replica, [...(this.#pinned.get(replica) ?? []), index]);
  }

  #unpin(replica: Replica, index: LogIndex): void {
    const pinned = [...(this.#pinned.get(replica) ?? [])];
    pinned.splice(pinned.indexOf(index), 1);
    if (pinned.length > 0) this.#pinned.set(replica, pinned);
    else this.#pinned.delete(replica);
  }
}

interface OpenedSnapshot {
  readonly header: SnapshotHeader;
  readonly view: StoreSnapshot;
  readonly ranges: readonly KeyRange[];
}
