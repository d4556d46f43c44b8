/**
 * The catalog as a replicated state machine: commands in, store operations out, rows in memory.
 *
 * Owns the catalog, loads it from the store when the replica starts or took in a snapshot, and tells its
 * watcher what changed and who leads. Does not decide anything: reducers and the planner do.
 *
 * A1. Memory is ahead of the store by at most the batch being written; both come from committed entries.
 * A2. The watcher is told of leadership only when the rows are loaded, in the order it changed.
 */
import type {
  CheckpointStore,
  StoreOperation,
} from "@stele/shared/checkpoint-store/checkpoint-store.ts";
import type { Clock } from "@stele/shared/clock.ts";
import type { LogIndex, SpaceId } from "@stele/shared/ids.ts";
import type { GroupConfig } from "@stele/shared/raft/group-config.ts";
import type { Group } from "@stele/shared/replication/group.ts";
import { ProposalTracker } from "@stele/shared/replication/proposal-tracker.ts";
import { DamagedValueError, openValue, sealValue } from "@stele/shared/replication/sealed-value.ts";
import {
  DamagedReplicaError,
  type AppliedBatch,
  type CommittedCommand,
  type Leadership,
  type StateMachine,
  type StateMachineFactory,
} from "@stele/shared/replication/state-machine.ts";
import { Catalog, type CatalogChange } from "./catalog.ts";
import { relativeKeyOf, relativePart, rowKindOf, spaceRange, storeKeyOf } from "./catalog-keys.ts";
import { decodeCatalogState, encodeCatalogState, type CatalogState } from "./catalog-state.ts";
import { decodeCommands, type CommandResult, type Slices } from "./commands.ts";
import { reduceInSlices } from "./reduce.ts";
import { decodeRow, encodeRow } from "./row-codec.ts";

const LOAD_ROWS = 512;
const LOAD_BYTES = 1 << 20;
const ROWS_A_SLICE = 1_000;

/** Who is told what happens to the catalog; called synchronously. */
export interface CatalogWatcher {
  /** The rows of a new machine are in memory: at the start and after a snapshot. */
  catalogLoaded(machine: CatalogMachine): void;
  catalogChanged(changes: readonly CatalogChange[]): void;
  leadershipChanged(leadership: Leadership): void;
  /** Loading failed: the process cannot go on. */
  failed(error: unknown): void;
}

export interface CatalogMachineParts {
  readonly store: CheckpointStore;
  readonly clock: Pick<Clock, "soon">;
}

/** Makes the machines of one master; `watch` is told of each machine's group and gives its watcher. */
export function catalogMachines(
  parts: CatalogMachineParts,
  watch: (group: Group) => CatalogWatcher,
): StateMachineFactory {
  return {
    create: ({ group, state }) =>
      new CatalogMachine(parts, watch(group), decodeCatalogState(state)),
    relativeKey: relativePart,
    checkEntry: (relative, value) => {
      try {
        openValue(relative, value);
      } catch (error) {
        if (!(error instanceof DamagedValueError)) throw error;
        throw new DamagedReplicaError(error.message, { cause: error });
      }
    },
    storeKey: storeKeyOf,
    stateAfterSnapshot: (state, space) =>
      encodeCatalogState({ ...decodeCatalogState(state), space }),
    rangesOf: (state) => [spaceRange(decodeCatalogState(state).space)],
  };
}

export class CatalogMachine implements StateMachine {
  readonly #store: CheckpointStore;
  readonly #nextTurn: () => Promise<void>;
  readonly #watcher: CatalogWatcher;
  readonly proposals = new ProposalTracker<readonly CommandResult[]>();
  readonly catalog = new Catalog();
  #state: CatalogState;
  /** Settles when the rows are in memory; everything that needs them queues behind it. */
  readonly #loaded: Promise<void>;

  constructor(parts: CatalogMachineParts, watcher: CatalogWatcher, state: CatalogState) {
    const { clock, store } = parts;
    this.#store = store;
    this.#nextTurn = () => new Promise((resolve) => clock.soon(resolve));
    this.#watcher = watcher;
    this.#state = state;
    this.#loaded = this.#load();
    this.#loaded.catch((error: unknown) => watcher.failed(error));
  }

  get clusterId(): string {
    return this.#state.clusterId;
  }

  async apply(commands: readonly CommittedCommand[]): Promise<AppliedBatch> {
    await this.#loaded;
    const results: {
      readonly command: CommittedCommand;
      readonly results: readonly CommandResult[];
    }[] = [];
    for (const command of commands) {
      const batch = decodeCommands(command.payload);
      results.push({ command, results: await this.#inTurns(reduceInSlices(this.catalog, batch)) });
    }
    this.#state = { ...this.#state, counters: this.catalog.counters };
    const changes = this.catalog.takeChanges();
    const operations = await this.#inTurns(operationsOf(this.#state.space, changes));
    this.#watcher.catalogChanged(changes);
    const settle = (): void => {
      for (const { command, results: result } of results) {
        this.proposals.applied(command.index, command.term, () => result);
      }
    };
    return { operations, written: settle };
  }

  encodeState(): Buffer {
    return encodeCatalogState(this.#state);
  }

  leadershipChanged(leadership: Leadership): void {
    if (leadership.kind === "follower") this.proposals.abandon();
    void this.#loaded.then(() => this.#watcher.leadershipChanged(leadership));
  }

  /** Who is a member of the catalog's own group does not concern its rows. */
  configChanged(_config: GroupConfig, _configIndex: LogIndex): void {}

  /** Lets other work of the process run between the slices. */
  async #inTurns<Result>(slices: Slices<Result>): Promise<Result> {
    for (;;) {
      const slice = slices.next();
      if (slice.done === true) return slice.value;
      await this.#nextTurn();
    }
  }

  async #load(): Promise<void> {
    const servers = new Map();
    const rows = this.#store.iterate({ ...spaceRange(this.#state.space), reverse: false });
    try {
      for (;;) {
        const chunk = await rows.next(LOAD_ROWS, LOAD_BYTES);
        if (chunk.length === 0) break;
        for (const [storeKey, value] of chunk) {
          const key = relativePart(storeKey);
          this.catalog.put(decodeRow(rowKindOf(key), openValue(key, value), servers));
        }
      }
    } finally {
      await rows.close();
    }
    this.catalog.restoreCounters(this.#state.counters);
    this.catalog.takeChanges();
    this.#watcher.catalogLoaded(this);
  }
}

function* operationsOf(
  space: SpaceId,
  changes: readonly CatalogChange[],
): Slices<StoreOperation[]> {
  const operations: StoreOperation[] = [];
  for (const [at, { kind, id, row }] of changes.entries()) {
    if (at > 0 && at % ROWS_A_SLICE === 0) yield;
    const relative = relativeKeyOf(kind, id);
    const key = storeKeyOf(space, relative);
    if (row === null) operations.push({ type: "del", key });
    else operations.push({ type: "put", key, value: sealValue(relative, encodeRow(row)) });
  }
  return operations;
}
