/**
 * Streams a replica's state to a follower whose next entry is compacted away.
 *
 * S1. Data, machine state and log position are of one moment between two batches.
 * S2. Every sending ends: installed, refused, broken or timed out; the core hears of it.
 * S3. At most `MAX_SENDING` at once, the others wait their turn.
 */
import { crc32 } from "node:zlib";
import { must } from "../assert.ts";
import type { CheckpointStore, StoreSnapshot } from "../checkpoint-store/checkpoint-store.ts";
import type { LogIndex, ReplicaId, ServerId } from "../ids.ts";
import type { Replica } from "./replica.ts";
import {
  encodeSnapshotChunk,
  encodeSnapshotEnd,
  encodeSnapshotHeader,
  type SnapshotHeader,
} from "./snapshot-frames.ts";
import type { KeyRange, StateMachineFactory } from "./state-machine.ts";
import type { StoreTurn } from "./store-turn.ts";

const MAX_SENDING = 2;
const CHUNK_KEYS = 2000;
const CHUNK_BYTES = 256 * 1024;

/** Carries a stream of frames to a server's `SnapshotReceiver` and brings back its answer; may fail. */
export interface SnapshotLink {
  send(to: ServerId, frames: AsyncIterable<Buffer>): Promise<SnapshotAnswer>;
}

/** `ignored`: the receiver did not need it. */
export type SnapshotAnswer = "installed" | "ignored";

export class SnapshotSender {
  readonly #store: CheckpointStore;
  readonly #turn: StoreTurn;
  readonly #factory: StateMachineFactory;
  readonly #link: SnapshotLink;
  #sending = 0;
  readonly #waiting: (() => void)[] = [];
  /** Log positions of snapshots on their way, which compaction must not pass. */
  readonly #pinned = new Map<Replica, Set<LogIndex>>();

  constructor(parts: {
    store: CheckpointStore;
    turn: StoreTurn;
    factory: StateMachineFactory;
    link: SnapshotLink;
  }) {
    this.#store = parts.store;
    this.#turn = parts.turn;
    this.#factory = parts.factory;
    this.#link = parts.link;
  }

  /** The lowest log index that a snapshot of this replica on its way needs to be followed from. */
  pinnedIndex(replica: Replica): LogIndex | null {
    const pinned = this.#pinned.get(replica);
    return pinned === undefined ? null : (Math.min(...pinned) as LogIndex);
  }

  /** Rejects when the stream or the receiver failed. */
  async send(replica: Replica, to: ReplicaId, server: ServerId): Promise<SnapshotAnswer> {
    await this.#slot();
    try {
      const opened = await this.#open(replica, to);
      try {
        return await this.#link.send(
          server,
          this.#frames(opened.header, opened.view, opened.ranges),
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
    return this.#turn.take(async () => {
      const machineState = must(replica.machine, "a leader has a machine").encodeState();
      const { index, term } = replica.applied;
      const placed = must(replica.raft.configAt(index), "the config at the applied index");
      const header: SnapshotHeader = {
        tabletId: replica.tabletId,
        from: replica.replicaId,
        to,
        term: replica.raft.status().term,
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
      return { header, view: this.#store.snapshot(), ranges: this.#factory.rangesOf(machineState) };
    });
  }

  async *#frames(
    header: SnapshotHeader,
    view: StoreSnapshot,
    ranges: readonly KeyRange[],
  ): AsyncGenerator<Buffer> {
    yield encodeSnapshotHeader(header);
    let count = 0;
    let crc = 0;
    for (const range of ranges) {
      const iterator = view.iterate({ ...range, reverse: false });
      try {
        for (;;) {
          const found = await iterator.next(CHUNK_KEYS, CHUNK_BYTES);
          if (found.length === 0) break;
          const chunk = encodeSnapshotChunk(
            found.map(([key, value]) => [this.#factory.relativeKey(key), value] as const),
          );
          count += found.length;
          crc = crc32(chunk, crc);
          yield chunk;
        }
      } finally {
        await iterator.close();
      }
    }
    yield encodeSnapshotEnd(count, crc);
  }

  async #slot(): Promise<void> {
    if (this.#sending >= MAX_SENDING) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.#sending++;
  }

  #pin(replica: Replica, index: LogIndex): void {
    const pinned = this.#pinned.get(replica) ?? new Set();
    this.#pinned.set(replica, pinned.add(index));
  }

  #unpin(replica: Replica, index: LogIndex): void {
    const pinned = this.#pinned.get(replica);
    pinned?.delete(index);
    if (pinned?.size === 0) this.#pinned.delete(replica);
  }
}

interface OpenedSnapshot {
  readonly header: SnapshotHeader;
  readonly view: StoreSnapshot;
  readonly ranges: readonly KeyRange[];
}
