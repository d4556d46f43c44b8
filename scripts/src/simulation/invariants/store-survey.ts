/**
 * Compares what stores hold of their replicas, read from the simulated stores in place: applied state and data are of
 * one version, since one batch writes both.
 *
 * Surveys are cheap in sum: a replica is read only when it has applied something since, and each survey reads so
 * many rows and goes on where the one before stopped.
 */
import type { MemoryStoreDisk } from "@stele/shared/checkpoint-store/testing/memory-checkpoint-store.ts";
import type { TabletId } from "@stele/shared/ids.ts";
import type { StateMachineFactory } from "@stele/shared/replication/state-machine.ts";
import { contentsOf } from "./state-hashes.ts";
import { StoredRecords } from "./stored-records.ts";
import type { WatchedDisk } from "./watched-disk.ts";
import type { WatchedGroups } from "./watched-group.ts";

const ROWS_A_SURVEY = 2_000;

export interface SurveyedStore {
  readonly disk: WatchedDisk;
  readonly store: MemoryStoreDisk;
  readonly factory: StateMachineFactory;
}

export class StoreSurvey {
  readonly #groups: WatchedGroups;
  /** By tablet: the applied state, as it was stored, of which the contents were read. */
  readonly #readAt = new WeakMap<SurveyedStore, Map<TabletId, Buffer>>();
  #nextStore = 0;

  constructor(groups: WatchedGroups) {
    this.#groups = groups;
  }

  all(stores: readonly SurveyedStore[]): void {
    for (const store of stores) this.#read(store);
  }

  /** Reads stores in turn, each whole, until it has read enough. */
  part(stores: readonly SurveyedStore[]): void {
    let rows = 0;
    for (let count = 0; count < stores.length && rows < ROWS_A_SURVEY; count++) {
      this.#nextStore = (this.#nextStore + 1) % stores.length;
      rows += this.#read(stores[this.#nextStore] as SurveyedStore);
    }
  }

  /** Gives the number of rows that were read. */
  #read(surveyed: SurveyedStore): number {
    const { disk, store, factory } = surveyed;
    if (store.isRotten) disk.touched();
    const tree = store.contents;
    const records = new StoredRecords(tree);
    let readAt = this.#readAt.get(surveyed);
    if (readAt === undefined) this.#readAt.set(surveyed, (readAt = new Map()));
    let rows = 0;
    for (const [tablet, sealed] of records.appliedStates()) {
      // The store keeps a value's buffer until it is written anew.
      if (readAt.get(tablet) === sealed) continue;
      readAt.set(tablet, sealed);
      const applied = disk.readable(() => records.appliedState(tablet));
      if (applied === null || disk.isTouched(applied.replicaId)) continue;
      const contents = contentsOf(tree, applied, factory);
      if (contents === null) continue;
      rows += contents.rows;
      this.#groups.of(tablet, contents.replicaId).states.see(contents);
    }
    return rows;
  }
}
