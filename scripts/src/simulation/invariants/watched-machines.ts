/**
 * The state machines of one host, watched: each is wrapped, and what the host tells it is told to the observer first.
 * The role's own code keeps the machines themselves.
 */
import { must } from "@stele/shared/assert.ts";
import type { LogIndex, SpaceId } from "@stele/shared/ids.ts";
import type { GroupConfig } from "@stele/shared/raft/group-config.ts";
import type { Group } from "@stele/shared/replication/group.ts";
import type { Replica } from "@stele/shared/replication/replica.ts";
import type {
  AppliedBatch,
  CommittedCommand,
  KeyRange,
  Leadership,
  MachineGroup,
  StateMachine,
  StateMachineFactory,
} from "@stele/shared/replication/state-machine.ts";

export interface MachineObserver {
  /** What the machine gets to see of its replica. */
  groupOf(replica: Replica): Group;
  /** The replica is about to apply the commands, having applied everything up to `after`. */
  applies(replica: Replica, after: LogIndex, commands: readonly CommittedCommand[]): void;
  /** The machine has turned commands into operations. */
  applied(machine: StateMachine, batch: AppliedBatch): void;
  leadershipChanged(replica: Replica, leadership: Leadership): void;
  /** Decided, perhaps not yet written anywhere. */
  configChanged(replica: Replica, config: GroupConfig, configIndex: LogIndex): void;
}

export class WatchedMachines implements StateMachineFactory {
  readonly #factory: StateMachineFactory;
  readonly #observer: MachineObserver;

  constructor(factory: StateMachineFactory, observer: MachineObserver) {
    this.#factory = factory;
    this.#observer = observer;
  }

  create(made: MachineGroup): StateMachine {
    const replica = made.group as Replica;
    const machine = this.#factory.create({ ...made, group: this.#observer.groupOf(replica) });
    return new WatchedMachine(machine, replica, this.#observer);
  }

  relativeKey(storeKey: Buffer): Buffer {
    return this.#factory.relativeKey(storeKey);
  }

  checkEntry(relativeKey: Buffer, value: Buffer): void {
    this.#factory.checkEntry(relativeKey, value);
  }

  storeKey(space: SpaceId, relativeKey: Buffer): Buffer {
    return this.#factory.storeKey(space, relativeKey);
  }

  stateAfterSnapshot(state: Buffer, space: SpaceId): Buffer {
    return this.#factory.stateAfterSnapshot(state, space);
  }

  rangesOf(state: Buffer): readonly KeyRange[] {
    return this.#factory.rangesOf(state);
  }
}

class WatchedMachine implements StateMachine {
  readonly #machine: StateMachine;
  readonly #replica: Replica;
  readonly #observer: MachineObserver;
  /** What the machine covered last; null: nothing yet. */
  #covered: LogIndex | null = null;

  constructor(machine: StateMachine, replica: Replica, observer: MachineObserver) {
    this.#machine = machine;
    this.#replica = replica;
    this.#observer = observer;
  }

  async apply(commands: readonly CommittedCommand[]): Promise<AppliedBatch> {
    // The position that the state came with is set behind the machine's creation.
    this.#observer.applies(this.#replica, this.#covered ?? this.#replica.applied.index, commands);
    const batch = await this.#machine.apply(commands);
    this.#covered = batch.stopAt ?? must(commands.at(-1), "a command").index;
    this.#observer.applied(this.#machine, batch);
    return batch;
  }

  encodeState(): Buffer {
    return this.#machine.encodeState();
  }

  leadershipChanged(leadership: Leadership): void {
    this.#observer.leadershipChanged(this.#replica, leadership);
    this.#machine.leadershipChanged(leadership);
  }

  configChanged(config: GroupConfig, configIndex: LogIndex): void {
    this.#observer.configChanged(this.#replica, config, configIndex);
    this.#machine.configChanged(config, configIndex);
  }
}
