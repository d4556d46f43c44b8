/**
 * Takes in a replica's state from its leader: stages the data under a fresh space, proves it durable, and only then
 * lets the core replace its log.
 *
 * V1. Nothing of the present state is touched before the whole stream has arrived, its count and checksum agree,
 *     and a checkpoint has proven the staged data durable.
 * V2. A staging that does not end in an installation is garbage (space-ledger.ts, G2).
 * V3. One installation at a time a replica.
 */
import { MalformedFrameError } from "../bytes/malformed-frame-error.ts";
import type { CheckpointStore } from "../checkpoint-store/checkpoint-store.ts";
import type { Clock } from "../clock.ts";
import { logIndex, replicaId, term, type SpaceId } from "../ids.ts";
import type { SnapshotOffer } from "../raft/messages.ts";
import type { Replica } from "./replica.ts";
import { IncomingEntries } from "./snapshot-entries.ts";
import { decodeSnapshotFrame, type SnapshotHeader } from "./snapshot-frames.ts";
import type { SnapshotAnswer } from "./snapshot-sender.ts";
import type { Garbage, SpaceLedger } from "./space-ledger.ts";
import { withStallLimit } from "./stall-limit.ts";
import type { StateMachineFactory } from "./state-machine.ts";
import type { StoreTurn } from "./store-turn.ts";

/** A snapshot whose data is durable in `space`, ready to take a replica's place. */
export interface StagedSnapshot {
  readonly offer: SnapshotOffer;
  readonly space: SpaceId;
  readonly machineState: Buffer;
  /** The staged data's entry on the garbage list. */
  readonly garbage: Garbage;
}

/** How long the sender may take for one frame. */
const STALL_MS = 30_000;

export interface SnapshotReceiverParts {
  readonly clock: Clock;
  readonly store: CheckpointStore;
  readonly turn: StoreTurn;
  readonly ledger: SpaceLedger;
  readonly factory: StateMachineFactory;
  /** The replica that a snapshot is for, or null: it is not here, or may not take one. */
  readonly replica: (header: SnapshotHeader) => Replica | null;
  /** Offers the staged snapshot to the core; resolves when it is installed, or was ignored. */
  readonly offer: (replica: Replica, staged: StagedSnapshot) => Promise<SnapshotAnswer>;
  /** What was staged may be garbage now. */
  readonly released: () => void;
}

export class SnapshotReceiver {
  readonly #parts: SnapshotReceiverParts;
  readonly #receiving = new Set<Replica>();

  constructor(parts: SnapshotReceiverParts) {
    this.#parts = parts;
  }

  /**
   * Throws `MalformedFrameError` on a damaged stream, `StalledError` when it stands still, and rethrows what
   * the stream throws.
   */
  async receive(frames: AsyncIterable<Buffer>): Promise<SnapshotAnswer> {
    const stream = frames[Symbol.asyncIterator]();
    try {
      const first = await this.#next(stream);
      if (first.done === true) throw new MalformedFrameError("empty snapshot stream");
      const frame = decodeSnapshotFrame(first.value);
      if (frame.kind !== "header") throw new MalformedFrameError("snapshot without a header");
      const replica = this.#parts.replica(frame.header);
      if (replica === null || this.#receiving.has(replica)) return "ignored";
      // The leader lost track of what this replica has; told "ignored" it would send the same for ever.
      if (frame.header.index <= replica.raft.commit) return "installed";
      this.#receiving.add(replica);
      try {
        return await this.#stageAndOffer(replica, frame.header, stream);
      } finally {
        this.#receiving.delete(replica);
      }
    } finally {
      // Not awaited: a stream that stands still does not end either.
      void stream.return?.().catch(() => undefined);
    }
  }

  async #stageAndOffer(
    replica: Replica,
    header: SnapshotHeader,
    stream: AsyncIterator<Buffer>,
  ): Promise<SnapshotAnswer> {
    const { store, turn, ledger, factory } = this.#parts;
    const space = ledger.takeSpace();
    const state = Buffer.from(header.machineState, "base64");
    const machineState = factory.stateAfterSnapshot(state, space);
    const ranges = factory.rangesOf(machineState);
    const { garbage, operation } = ledger.discard(ranges);
    ledger.hold(garbage.number);
    try {
      await turn.take(() => store.write([ledger.countersOperation(), operation]));
      if (!(await this.#stage(replica, space, stream))) return "ignored";
      await store.checkpoint();
      return await this.#parts.offer(replica, {
        offer: offerOf(header),
        space,
        machineState,
        garbage,
      });
    } finally {
      ledger.release(garbage.number);
      this.#parts.released();
    }
  }

  /** False: the replica went away meanwhile. */
  async #stage(replica: Replica, space: SpaceId, stream: AsyncIterator<Buffer>): Promise<boolean> {
    const { store, turn, factory } = this.#parts;
    const incoming = new IncomingEntries();
    while (!replica.closed) {
      const next = await this.#next(stream);
      if (next.done === true) throw new MalformedFrameError("snapshot stream was cut");
      const entries = incoming.take(next.value);
      if (entries === null) return true;
      if (entries.length === 0) continue;
      const puts = entries.map(([key, value]) => ({
        type: "put" as const,
        key: factory.storeKey(space, key),
        value,
      }));
      await turn.take(() => store.write(puts));
    }
    return false;
  }

  #next(stream: AsyncIterator<Buffer>): Promise<IteratorResult<Buffer>> {
    return withStallLimit(this.#parts.clock, STALL_MS, () => stream.next());
  }
}

function offerOf(header: SnapshotHeader): SnapshotOffer {
  return {
    kind: "snapshot",
    from: replicaId(header.from),
    to: replicaId(header.to),
    term: term(header.term),
    index: logIndex(header.index),
    indexTerm: term(header.indexTerm),
    configIndex: logIndex(header.configIndex),
    config: header.config,
  };
}
