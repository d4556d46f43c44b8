/**
 * The last steps of a snapshot on its receiver: the core is offered it; if the core takes it up, one log record
 * makes the switch durable, one small store batch performs it, and the replica goes on with a new machine.
 *
 * I1. The record is logged only when the staged data is proven durable (snapshot-receiver.ts, V1), and holds all
 *     that a recovery needs to perform the switch again.
 * I2. The core may say that it holds the snapshot only after the switch.
 * I3. Every offer is answered: the replica has this state, or the offer was ignored.
 * I4. Store, machine and log position change in one turn, unless the replica is gone by then: its data is
 *     the destroyer's affair, and the staged data stays garbage.
 */
import { must } from "../assert.ts";
import type { CheckpointStore, StoreOperation } from "../checkpoint-store/checkpoint-store.ts";
import type { LogRecord } from "../commit-log/records.ts";
import { appliedStateOperation, encodeInstallation } from "./replica-records.ts";
import type { Replica } from "./replica.ts";
import type { StagedSnapshot } from "./snapshot-receiver.ts";
import type { SnapshotAnswer } from "./snapshot-sender.ts";
import type { SpaceLedger } from "./space-ledger.ts";
import type { StateMachineFactory } from "./state-machine.ts";
import type { StoreTurn } from "./store-turn.ts";

export interface SnapshotInstallationParts {
  readonly store: CheckpointStore;
  readonly turn: StoreTurn;
  readonly ledger: SpaceLedger;
  readonly factory: StateMachineFactory;
  /** An offer waits to be handed to its core. */
  readonly arrived: () => void;
  readonly installed: (replica: Replica) => void;
}

interface Offer {
  readonly replica: Replica;
  readonly staged: StagedSnapshot;
  readonly answer: (answer: SnapshotAnswer) => void;
}

export class SnapshotInstallation {
  readonly #parts: SnapshotInstallationParts;
  #waiting: Offer[] = [];
  /** Stepped into their core, which has not said yet what it makes of them. */
  readonly #offered = new Map<Replica, Offer>();
  /** Taken up: the record is being logged, or the switch performed. */
  readonly #accepted = new Map<Replica, Offer>();
  #stopped = false;

  constructor(parts: SnapshotInstallationParts) {
    this.#parts = parts;
  }

  offer(replica: Replica, staged: StagedSnapshot): Promise<SnapshotAnswer> {
    if (this.#stopped) return Promise.resolve("ignored");
    return new Promise((answer) => {
      this.#waiting.push({ replica, staged, answer });
      this.#parts.arrived();
    });
  }

  /** Hands the offers to their cores; gives the replicas that were stepped. */
  step(): Iterable<Replica> {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const offer of waiting) {
      if (offer.replica.closed) {
        offer.answer("ignored");
        continue;
      }
      offer.replica.raft.step(offer.staged.offer);
      this.#offered.set(offer.replica, offer);
    }
    return this.#offered.keys();
  }

  /** The core took up the offer. */
  record(replica: Replica): LogRecord {
    const offer = must(this.#offered.get(replica), "a core installs only what it was offered");
    this.#offered.delete(replica);
    this.#accepted.set(replica, offer);
    const { space, machineState, garbage, offer: what } = offer.staged;
    const config = { index: what.configIndex, config: what.config };
    return {
      kind: "snapshot-installed",
      tabletId: replica.tabletId,
      replicaId: replica.replicaId,
      index: what.index,
      term: what.indexTerm,
      state: encodeInstallation({ space, garbage: garbage.number, config, machineState }),
    };
  }

  /** The cores that were offered something were asked, but for those that `isUnasked` names. */
  refuseRest(isUnasked: (replica: Replica) => boolean): void {
    for (const [replica, offer] of this.#offered) {
      if (isUnasked(replica)) continue;
      this.#offered.delete(replica);
      // The core may have found the whole state in its own log.
      const hasState = !replica.closed && replica.raft.commit >= offer.staged.offer.index;
      offer.answer(hasState ? "installed" : "ignored");
    }
  }

  /** The record is durable. Resolves when the switch is done, or the replica is gone. */
  async install(replica: Replica): Promise<void> {
    const { store, turn, ledger, factory } = this.#parts;
    const { staged, answer } = must(this.#accepted.get(replica), "an accepted snapshot");
    const { machineState, offer, garbage } = staged;
    const { tabletId, replicaId } = replica;
    const position = { index: offer.index, term: offer.indexTerm };
    try {
      await turn.take(async () => {
        if (replica.closed) return;
        const operations: StoreOperation[] = [
          appliedStateOperation(tabletId, { ...position, replicaId, machineState }),
          ledger.remove(garbage.number),
        ];
        const old = replica.machineState;
        if (old !== null) operations.push(ledger.discard(factory.rangesOf(old)).operation);
        operations.push(ledger.countersOperation());
        await store.write(operations);
        if (replica.closed) {
          // While the batch was written: the destroyer's turn is still to come, and must see the new data.
          replica.leaveState(machineState);
          return;
        }
        const machine = factory.create({
          tabletId,
          replicaId,
          state: machineState,
          group: replica,
        });
        const config = { index: offer.configIndex, config: offer.config };
        replica.restoredAt(position, config, machine);
        this.#parts.installed(replica);
      });
    } finally {
      this.#accepted.delete(replica);
      answer(replica.closed ? "ignored" : "installed");
    }
  }

  /** Answers whoever still waits (I3). */
  stop(): void {
    this.#stopped = true;
    const offers = [...this.#waiting, ...this.#offered.values(), ...this.#accepted.values()];
    this.#waiting = [];
    this.#offered.clear();
    for (const { answer } of offers) answer("ignored");
  }
}
