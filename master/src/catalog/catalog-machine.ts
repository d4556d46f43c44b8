/**
 * The catalog as a replicated state machine: commands in, store operations out, rows in memory.
 *
 * Owns the catalog, loads it from the store when the replica starts or took in a snapshot, and tells its
 * watcher what changed and who leads. Does not decide anything: reducers and the planner do.
 *
 * A1. Memory is ahead of the store by at most the batch being written; both come from committed entries.
 * A2. The watcher is told of leadership only when the rows are loaded, in the order it changed.
 */
import { assert } from "@stele/shared/assert.ts";
import type {
  CheckpointStore,
  StoreOperation,
} from "@stele/shared/checkpoint-store/checkpoint-store.ts";
import type { LogIndex, SpaceId } from "@stele/shared/ids.ts";
import type { GroupConfig } from "@stele/shared/raft/group-config.ts";
import { ProposalTracker } from "@stele/shared/replication/proposal-tracker.ts";
import { openValue, sealValue } from "@stele/shared/replication/sealed-value.ts";
import type {
  AppliedBatch,
  CommittedCommand,
  KeyRange,
  Leadership,
  StateMachine,
} from "@stele/shared/replication/state-machine.ts";
import { Catalog, type CatalogChange } from "./catalog.ts";
import { relativeKeyOf, relativePart, rowKindOf, spaceRange, storeKeyOf } from "./catalog-keys.ts";
import { decodeCatalogState, encodeCatalogState, type CatalogState } from "./catalog-state.ts";
import { decodeCommands, type CommandResult } from "./commands.ts";
import { reduceBatch } from "./reduce.ts";
import { decodeRow, encodeRow } from "./row-codec.ts";

const LOAD_ROWS = 512;
const LOAD_BYTES = 1 << 20;

/** Who is told what happens to the catalog; called synchronously. */
export interface CatalogWatcher {
  /** Another catalog takes the place of the one before: at the start and after a snapshot. */
  catalogLoaded(catalog: Catalog, clusterId: string): void;
  catalogChanged(changes: readonly CatalogChange[]): void;
  leadershipChanged(leadership: Leadership): void;
  configChanged(config: GroupConfig, configIndex: LogIndex): void;
  /** Loading failed: the process cannot go on. */
  failed(error: unknown): void;
}

export class CatalogMachine implements StateMachine {
  readonly #store: CheckpointStore;
  readonly #watcher: CatalogWatcher;
  readonly proposals = new ProposalTracker<readonly CommandResult[]>();
  #catalog = new Catalog();
  /** Null: the replica waits for its first snapshot. */
  #state: CatalogState | null = null;
  /** Settles when the rows of `#state` are in memory; everything that needs them queues behind it. */
  #loaded: Promise<void> = Promise.resolve();

  constructor(store: CheckpointStore, watcher: CatalogWatcher, state: Buffer | null) {
    this.#store = store;
    this.#watcher = watcher;
    if (state !== null) this.restore(state);
  }

  async apply(commands: readonly CommittedCommand[]): Promise<AppliedBatch> {
    await this.#loaded;
    const state = this.#mustState();
    const results = commands.map((command) => ({
      command,
      results: reduceBatch(this.#catalog, decodeCommands(command.payload)),
    }));
    this.#state = { ...state, counters: this.#catalog.counters };
    const changes = this.#catalog.takeChanges();
    const operations = changes.map((change) => operationOf(state.space, change));
    this.#watcher.catalogChanged(changes);
    const settle = (): void => {
      for (const { command, results: result } of results) {
        this.proposals.applied(command.index, command.term, () => result);
      }
    };
    return { operations, written: settle };
  }

  encodeState(): Buffer {
    return encodeCatalogState(this.#mustState());
  }

  leadershipChanged(leadership: Leadership): void {
    if (leadership.kind === "follower") this.proposals.abandon();
    void this.#loaded.then(() => this.#watcher.leadershipChanged(leadership));
  }

  configChanged(config: GroupConfig, configIndex: LogIndex): void {
    this.#watcher.configChanged(config, configIndex);
  }

  ranges(): readonly KeyRange[] {
    return this.#state === null ? [] : [spaceRange(this.#state.space)];
  }

  relativeKey(storeKey: Buffer): Buffer {
    return relativePart(storeKey);
  }

  storeKey(space: SpaceId, relativeKey: Buffer): Buffer {
    return storeKeyOf(space, relativeKey);
  }

  stateAfterSnapshot(state: Buffer, space: SpaceId): Buffer {
    return encodeCatalogState({ ...decodeCatalogState(state), space });
  }

  restore(state: Buffer): void {
    const decoded = decodeCatalogState(state);
    this.#state = decoded;
    this.#loaded = this.#loaded.then(() => this.#load(decoded));
    this.#loaded.catch((error: unknown) => this.#watcher.failed(error));
  }

  async #load(state: CatalogState): Promise<void> {
    const catalog = new Catalog();
    const servers = new Map();
    const range = spaceRange(state.space);
    const rows = this.#store.iterate({ ...range, reverse: false });
    try {
      for (;;) {
        const chunk = await rows.next(LOAD_ROWS, LOAD_BYTES);
        if (chunk.length === 0) break;
        for (const [storeKey, value] of chunk) {
          const key = relativePart(storeKey);
          catalog.put(decodeRow(rowKindOf(key), openValue(key, value), servers));
        }
      }
    } finally {
      await rows.close();
    }
    catalog.restoreCounters(state.counters);
    catalog.takeChanges();
    this.#catalog = catalog;
    this.#watcher.catalogLoaded(catalog, state.clusterId);
  }

  #mustState(): CatalogState {
    assert(this.#state !== null, "the catalog replica still waits for its first snapshot");
    return this.#state;
  }
}

function operationOf(space: SpaceId, { kind, id, row }: CatalogChange): StoreOperation {
  const relative = relativeKeyOf(kind, id);
  const key = storeKeyOf(space, relative);
  if (row === null) return { type: "del", key };
  return { type: "put", key, value: sealValue(relative, encodeRow(row)) };
}
