/**
 * Rebuilds every replica of a server from the store's last state and the commit log behind it.
 *
 * Y1. The store holds an exact prefix of what was applied; the log holds everything acknowledged since the state
 *     that any store prefix can be in (checkpointing.ts, C2). Replaying the log's records in order over the store's
 *     gives the state before the crash.
 * Y2. A replica whose part of the log or whose own records are damaged or lost comes back as suspect: it can
 *     neither vote nor acknowledge, since what it promised may be lost. So does one of which only later traces
 *     are left, or it could be created a second time and vote a second time.
 * Y3. Nothing is written here but what finishes interrupted switches; running it twice gives the same.
 */
import type { CheckpointStore, StoreOperation } from "../checkpoint-store/checkpoint-store.ts";
import type { LogDamage, Lsn, RecoveredRecord } from "../commit-log/commit-log.ts";
import { spaceId, type ReplicaId, type TabletId, type Term } from "../ids.ts";
import { appliedStateKey, logStateKey, suspectKey } from "./host-keys.ts";
import type { PayloadCache } from "./payload-cache.ts";
import { ORIGIN, ReplicaDraft, type RecoveredReplica } from "./replica-draft.ts";
import { appliedStateOperation, decodeCreation, decodeInstallation } from "./replica-records.ts";
import { readReplicaRecords, type ReplicaStoreRecords } from "./replica-store-records.ts";
import { DamagedValueError } from "./sealed-value.ts";
import type { SpaceLedger } from "./space-ledger.ts";
import type { KeyRange, StateMachineFactory } from "./state-machine.ts";
import { suspectOperation, type SuspectReplica } from "./suspect.ts";
import { tombstoneOperation } from "./tombstone.ts";
import { CLEAR_UNLISTED, findUnlisted, MARK_UNLISTED } from "./unlisted-data.ts";

export interface Recovered {
  readonly replicas: readonly RecoveredReplica[];
  /** Damaged ones, marked in the store as well. */
  readonly suspects: readonly SuspectReplica[];
  /** By tablet: replicas up to that id may never come back. */
  readonly tombstones: ReadonlyMap<TabletId, ReplicaId>;
  readonly ledger: SpaceLedger;
}

export interface RecoveryParts {
  readonly store: CheckpointStore;
  readonly factory: StateMachineFactory;
  /** For the logs of the replicas. */
  readonly cache: PayloadCache;
}

export class Recovery {
  readonly #parts: RecoveryParts;
  readonly #drafts = new Map<TabletId, ReplicaDraft>();
  readonly #tombstones: Map<TabletId, ReplicaId>;
  readonly #ledger: SpaceLedger;
  /** Replicas that left traces, but whose creation is nowhere. */
  readonly #strays = new Map<TabletId, ReplicaId>();
  /** Tablets of whose replica a record in the store fails its checksum. */
  readonly #unreadable = new Map<TabletId, string>();
  readonly #operations: StoreOperation[] = [];
  #hasUnlisted: boolean;

  /** Reads what the store knows; then every record of the log goes to `replay`, in order. */
  static async begin(parts: RecoveryParts): Promise<Recovery> {
    return new Recovery(parts, await readReplicaRecords(parts.store));
  }

  private constructor(parts: RecoveryParts, records: ReplicaStoreRecords) {
    this.#parts = parts;
    this.#tombstones = records.tombstones;
    this.#ledger = records.ledger;
    this.#hasUnlisted = records.hasUnlisted;
    for (const [tablet, applied] of records.applied) {
      const log = records.logs.get(tablet);
      this.#drafts.set(tablet, new ReplicaDraft(tablet, applied, log, parts.cache));
    }
    for (const [tablet, reason] of records.damaged) {
      const log = records.logs.get(tablet);
      if (log !== undefined && !this.#drafts.has(tablet)) {
        const applied = { replicaId: log.replicaId, ...ORIGIN, machineState: null };
        this.#drafts.set(tablet, new ReplicaDraft(tablet, applied, log, parts.cache));
      }
      this.#unreadable.set(tablet, reason);
    }
    for (const [tablet, { replicaId, reason }] of records.suspects) {
      this.#doubt(tablet, replicaId, reason);
    }
  }

  replay({ record, locations, lsn }: RecoveredRecord): void {
    const { tabletId, replicaId } = record;
    if (this.#isBuried(tabletId, replicaId) && record.kind !== "replica-created") return;
    if (record.kind === "replica-created") {
      this.#created(tabletId, replicaId, record.state, lsn);
      return;
    }
    if (record.kind === "tombstone") {
      this.#buried(tabletId, replicaId);
      return;
    }
    const draft = this.#drafts.get(tabletId);
    if (draft === undefined || draft.replicaId < replicaId) {
      this.#strays.set(tabletId, replicaId);
      return;
    }
    if (draft.replicaId > replicaId) return;
    switch (record.kind) {
      case "entries":
        draft.entries(record.entries, locations);
        return;
      case "hard-state":
        draft.hardState(record.hardState);
        return;
      case "snapshot-installed": {
        const what = decodeInstallation(record.state);
        this.#ledger.seen(what.space);
        draft.installed({ index: record.index, term: record.term as Term }, what);
      }
    }
  }

  /**
   * After the last record: takes in what the log lost, rolls interrupted installations forward and marks
   * suspects. Throws `DamagedValueError` when it cannot even tell whom a damaged record was about.
   */
  async finish(damage: readonly LogDamage[]): Promise<Recovered> {
    for (const each of damage) this.#damaged(each);
    for (const [tablet, replica] of this.#strays) {
      this.#doubt(tablet, replica, "the log has lost the record of its creation");
    }
    for (const [tablet, reason] of this.#unreadable) {
      const draft = this.#drafts.get(tablet);
      if (draft === undefined) throw new DamagedValueError(`tablet ${tablet}: ${reason}`);
      draft.suspect ??= reason;
    }
    const replicas: RecoveredReplica[] = [];
    const suspects: SuspectReplica[] = [];
    for (const draft of this.#drafts.values()) {
      this.#rollForward(draft);
      const { tabletId, replicaId, machineState } = draft;
      const reason = draft.suspect ?? draft.missing();
      if (reason === null) {
        replicas.push(draft.finished());
        continue;
      }
      suspects.push({ tabletId, replicaId, machineState, reason });
      this.#operations.push(suspectOperation(tabletId, { replicaId, reason }));
    }
    // U2: what is damaged and does not know its ranges keeps them.
    const areKnown = suspects.every(({ machineState }) => machineState !== null);
    if (this.#hasUnlisted && areKnown) await this.#listUnlisted();
    if (this.#operations.length > 0) await this.#parts.store.write(this.#operations);
    return { replicas, suspects, tombstones: this.#tombstones, ledger: this.#ledger };
  }

  #isBuried(tablet: TabletId, replica: ReplicaId): boolean {
    return (this.#tombstones.get(tablet) ?? -1) >= replica;
  }

  #created(tablet: TabletId, replica: ReplicaId, state: Buffer, lsn: Lsn): void {
    const creation = decodeCreation(state);
    if (creation.nextSpace > 0) this.#ledger.seen(spaceId(creation.nextSpace - 1));
    if (this.#isBuried(tablet, replica)) return;
    let draft = this.#drafts.get(tablet);
    if (draft !== undefined && draft.replicaId > replica) return;
    if (draft === undefined || draft.replicaId < replica) {
      // The store lost the replica's first state with its last batches.
      const { start, machineState } = creation;
      const applied = { replicaId: replica, ...start, machineState };
      if (draft !== undefined) this.#discard(draft);
      draft = new ReplicaDraft(tablet, applied, undefined, this.#parts.cache);
      this.#drafts.set(tablet, draft);
      this.#operations.push(appliedStateOperation(tablet, applied));
    }
    draft.created(creation, lsn);
  }

  #buried(tablet: TabletId, replica: ReplicaId): void {
    this.#tombstones.set(tablet, replica);
    this.#operations.push(tombstoneOperation(tablet, replica));
    this.#unreadable.delete(tablet);
    if ((this.#strays.get(tablet) ?? replica) <= replica) this.#strays.delete(tablet);
    const draft = this.#drafts.get(tablet);
    if (draft === undefined || draft.replicaId > replica) return;
    this.#drafts.delete(tablet);
    this.#discard(draft);
    for (const key of [appliedStateKey, logStateKey, suspectKey]) {
      this.#operations.push({ type: "del", key: key(tablet) });
    }
  }

  #damaged({ replicas, lost, detail }: LogDamage): void {
    if (replicas !== null) {
      for (const { tabletId, replicaId } of replicas) this.#doubt(tabletId, replicaId, detail);
      return;
    }
    // The lost batches may have held a vote of any replica, even where no other trace of it is lost.
    for (const draft of this.#drafts.values()) {
      if (draft.createdAt < lost.to) draft.suspect ??= detail;
    }
  }

  /** Y2. */
  #doubt(tablet: TabletId, replica: ReplicaId, reason: string): void {
    if (this.#isBuried(tablet, replica)) return;
    let draft = this.#drafts.get(tablet);
    if (draft !== undefined && draft.replicaId > replica) return;
    if (draft === undefined || draft.replicaId < replica) {
      const machineState = draft?.machineState ?? null;
      const applied = { replicaId: replica, ...ORIGIN, machineState };
      draft = new ReplicaDraft(tablet, applied, undefined, this.#parts.cache);
      this.#drafts.set(tablet, draft);
    }
    draft.suspect ??= reason;
  }

  /** The record is in the log, so the snapshot's data is durable; the switch to it may be lost. */
  #rollForward(draft: ReplicaDraft): void {
    const { installation, tabletId, replicaId } = draft;
    if (installation === null || installation.at.index <= draft.applied.index) return;
    const { machineState, garbage } = installation.what;
    this.#discard(draft);
    draft.machineState = machineState;
    draft.applied = installation.at;
    this.#operations.push(
      appliedStateOperation(tabletId, { ...draft.applied, replicaId, machineState }),
      this.#ledger.remove(garbage),
    );
  }

  #discard({ machineState }: ReplicaDraft): void {
    if (machineState !== null) return this.#list(this.#parts.factory.rangesOf(machineState));
    // It may have had none, or ranges that nobody knows.
    this.#hasUnlisted = true;
    this.#operations.push(MARK_UNLISTED);
  }

  #list(garbage: readonly KeyRange[]): void {
    const { operation } = this.#ledger.discard(garbage);
    this.#operations.push(operation, this.#ledger.countersOperation());
  }

  async #listUnlisted(): Promise<void> {
    const { factory, store } = this.#parts;
    const owned = [...this.#drafts.values()].flatMap(({ machineState }) =>
      machineState === null ? [] : factory.rangesOf(machineState),
    );
    const unlisted = await findUnlisted(store, [...owned, ...this.#ledger.ranges]);
    if (unlisted.length > 0) this.#list(unlisted);
    this.#operations.push(CLEAR_UNLISTED);
  }
}
