/**
 * Snapshots in both directions: what a host's leaders send to followers that are too far behind, and what its own
 * replicas take in.
 */
import { InvariantError } from "../assert.ts";
import {
  StoreFailedError,
  StoreReadError,
  type CheckpointStore,
} from "../checkpoint-store/checkpoint-store.ts";
import type { Clock } from "../clock.ts";
import type { ReplicaId, ServerId } from "../ids.ts";
import type { Log } from "../log.ts";
import type { HostCounters } from "./host-counters.ts";
import type { Replica } from "./replica.ts";
import type { SnapshotHeader } from "./snapshot-frames.ts";
import { SnapshotInstallation } from "./snapshot-installation.ts";
import { SnapshotReceiver } from "./snapshot-receiver.ts";
import { SnapshotSender, type SnapshotAnswer, type SnapshotLink } from "./snapshot-sender.ts";
import type { SpaceLedger } from "./space-ledger.ts";
import { DamagedReplicaError, type StateMachineFactory } from "./state-machine.ts";
import type { StoreTurn } from "./store-turn.ts";

export interface SnapshotExchangeParts {
  readonly clock: Clock;
  readonly store: CheckpointStore;
  readonly turn: StoreTurn;
  readonly ledger: SpaceLedger;
  readonly factory: StateMachineFactory;
  readonly link: SnapshotLink;
  readonly log: Log;
  readonly counters: HostCounters;
  /** The replica that a snapshot is for, or null. */
  readonly replica: (header: SnapshotHeader) => Replica | null;
  readonly serverOf: (replica: Replica, to: ReplicaId) => ServerId | null;
  /** An offer waits to be handed to its core (`installation`). */
  readonly arrived: () => void;
  readonly nextCycle: (callback: () => void) => void;
  readonly markDirty: (replica: Replica) => void;
  /** There may be new garbage. */
  readonly discarded: () => void;
  readonly damaged: (replica: Replica, reason: string) => void;
  readonly failed: (error: unknown) => void;
}

export class SnapshotExchange {
  readonly installation: SnapshotInstallation;
  readonly sender: SnapshotSender;
  readonly #parts: SnapshotExchangeParts;
  readonly #receiver: SnapshotReceiver;

  constructor(parts: SnapshotExchangeParts) {
    this.#parts = parts;
    const { clock, store, turn, ledger, factory, link, discarded, arrived } = parts;
    this.sender = new SnapshotSender({ clock, store, turn, factory, link });
    const installed = (replica: Replica): void => {
      parts.counters.snapshotsInstalled++;
      discarded();
      parts.markDirty(replica);
    };
    const changes = { store, turn, ledger, factory };
    this.installation = new SnapshotInstallation({ ...changes, arrived, installed });
    this.#receiver = new SnapshotReceiver({
      ...changes,
      clock,
      replica: parts.replica,
      offer: (replica, staged) => this.installation.offer(replica, staged),
      released: discarded,
    });
  }

  /** Takes in a stream; see `SnapshotReceiver.receive`. */
  async receive(frames: AsyncIterable<Buffer>): Promise<SnapshotAnswer> {
    try {
      return await this.#receiver.receive(frames);
    } catch (error) {
      if (isFatal(error)) this.#parts.failed(error);
      throw error;
    }
  }

  /** Sends the replica's state, and tells its core how that ended, however it ends. */
  async send(replica: Replica, to: ReplicaId): Promise<void> {
    const { counters, nextCycle, markDirty } = this.#parts;
    let outcome: "installed" | "failed" = "failed";
    try {
      const server = this.#parts.serverOf(replica, to);
      if (server !== null && replica.machine !== null) {
        const answer = await this.sender.send(replica, to, server);
        outcome = answer === "installed" ? "installed" : "failed";
        counters.snapshotsSent++;
      }
    } catch (error) {
      this.#failedToSend(replica, to, error);
    }
    nextCycle(() => {
      if (replica.closed) return;
      replica.raft.snapshotDone(to, outcome);
      markDirty(replica);
    });
  }

  #failedToSend(replica: Replica, to: ReplicaId, error: unknown): void {
    const { log, damaged, failed } = this.#parts;
    if (isFatal(error)) {
      failed(error);
      return;
    }
    const reason = error instanceof Error ? error.message : String(error);
    if (error instanceof StoreReadError || error instanceof DamagedReplicaError) {
      damaged(replica, reason);
    }
    const { tabletId, replicaId } = replica;
    log.warn({ tabletId, replicaId, to, reason }, "a snapshot did not arrive");
  }
}

function isFatal(error: unknown): boolean {
  return error instanceof InvariantError || error instanceof StoreFailedError;
}
