/**
 * Which replicas live on this server, from the record that creates one to its tombstone.
 *
 * N1. A replica exists from the moment its creation is durable in the log, and until its tombstone is.
 * N2. At most one replica of a tablet lives here; a replica id at or below the tablet's tombstone never returns.
 * N3. A suspect keeps its place, silent, until it is destroyed.
 * N4. A replica that goes counts for the checkpoints until its tombstone is durable, or its mark as a suspect is in
 *     the store: a crash before that brings it back, and it must find all that it ever acknowledged.
 */
import type { CheckpointStore, StoreOperation } from "../checkpoint-store/checkpoint-store.ts";
import type { LogRecord } from "../commit-log/records.ts";
import type { ReplicaId, SpaceId, TabletId } from "../ids.ts";
import type { Log } from "../log.ts";
import { EMPTY_CONFIG } from "../raft/group-config.ts";
import type { GroupConfig } from "../raft/group-config.ts";
import { appliedStateKey, logStateKey, suspectKey } from "./host-keys.ts";
import type { ReplicaFactory } from "./replica-factory.ts";
import { appliedStateOperation, encodeCreation, type LogPosition } from "./replica-records.ts";
import type { Replica } from "./replica.ts";
import type { Recovered } from "./recovery.ts";
import type { SpaceLedger } from "./space-ledger.ts";
import type { StateMachineFactory } from "./state-machine.ts";
import type { StoreTurn } from "./store-turn.ts";
import { suspectOperation, type SuspectReplica } from "./suspect.ts";
import { tombstoneOperation } from "./tombstone.ts";
import { MARK_UNLISTED } from "./unlisted-data.ts";

/**
 * Where the log of a new group begins: behind an imaginary first entry that holds the first config, so that a
 * member added later always starts from a snapshot.
 */
export const GROUP_START = { index: 1, term: 1 } as LogPosition;

export type ReplicaBeginning =
  /** A first member of a new group; `state` gets a fresh space for the machine's data. */
  | {
      readonly kind: "bootstrap";
      readonly config: GroupConfig;
      readonly state: (space: SpaceId) => Buffer;
    }
  /** A member to be: waits for a snapshot. */
  | { readonly kind: "await-snapshot" };

export type Creation = "created" | "exists" | "buried" | "occupied";

export interface ReplicaTableParts {
  readonly store: CheckpointStore;
  readonly turn: StoreTurn;
  readonly ledger: SpaceLedger;
  readonly factory: ReplicaFactory;
  readonly machines: StateMachineFactory;
  readonly log: Log;
  /** Logs the record, then runs `settle`, which brings it into the store; resolves after both. */
  readonly change: (record: LogRecord, settle: () => Promise<void>) => Promise<void>;
  readonly added: (replica: Replica) => void;
  readonly removed: (replica: Replica) => void;
  /** There is new garbage. */
  readonly discarded: () => void;
}

const ORIGIN = { index: 0, term: 0 } as LogPosition;

/** A creation that is being logged. */
interface Creating {
  readonly replicaId: ReplicaId;
  readonly done: Promise<Creation>;
}

export class ReplicaTable {
  readonly #parts: ReplicaTableParts;
  readonly #replicas = new Map<TabletId, Replica>();
  /** N4. */
  readonly #going = new Set<Replica>();
  readonly #suspects: Map<TabletId, SuspectReplica>;
  readonly #tombstones: Map<TabletId, ReplicaId>;
  readonly #creating = new Map<TabletId, Creating>();
  /** Tombstones that are being logged; a later one of a tablet takes the place of an earlier one. */
  readonly #burying = new Map<TabletId, Promise<void>>();

  constructor(parts: ReplicaTableParts, recovered: Recovered) {
    this.#parts = parts;
    this.#tombstones = new Map(recovered.tombstones);
    this.#suspects = new Map(recovered.suspects.map((suspect) => [suspect.tabletId, suspect]));
  }

  replica(tablet: TabletId): Replica | null {
    return this.#replicas.get(tablet) ?? null;
  }

  replicas(): IterableIterator<Replica> {
    return this.#replicas.values();
  }

  /** Those that a crash brings back; asked inside a turn on the store (N4). */
  recoverable(): Replica[] {
    // The live ones last: of two replicas of a tablet theirs is the record that stays.
    return [...this.#going, ...this.#replicas.values()];
  }

  suspects(): Iterable<SuspectReplica> {
    return this.#suspects.values();
  }

  /** By tablet: the highest replica id that was destroyed here. */
  tombstones(): ReadonlyMap<TabletId, ReplicaId> {
    return this.#tombstones;
  }

  /** A replica that recovery found. */
  add(replica: Replica): void {
    this.#replicas.set(replica.tabletId, replica);
  }

  /**
   * Begins a replica; resolves when it is durable. `exists`: this very replica is here. `buried`: it was
   * destroyed, perhaps while it was being created. `occupied`: another replica of the tablet must be
   * destroyed first.
   */
  async create(
    tabletId: TabletId,
    replicaId: ReplicaId,
    beginning: ReplicaBeginning,
  ): Promise<Creation> {
    if (this.#isBuried(tabletId, replicaId)) return "buried";
    const creating = this.#creating.get(tabletId);
    if (creating !== undefined) {
      if (creating.replicaId !== replicaId) return "occupied";
      return (await creating.done) === "created" ? "exists" : "buried";
    }
    const present = (this.#replicas.get(tabletId) ?? this.#suspects.get(tabletId))?.replicaId;
    if (present !== undefined) return present === replicaId ? "exists" : "occupied";
    const done = this.#create(tabletId, replicaId, beginning);
    const entry = { replicaId, done };
    this.#creating.set(tabletId, entry);
    try {
      return await done;
    } finally {
      if (this.#creating.get(tabletId) === entry) this.#creating.delete(tabletId);
    }
  }

  async #create(
    tabletId: TabletId,
    replicaId: ReplicaId,
    beginning: ReplicaBeginning,
  ): Promise<Creation> {
    const { ledger, turn, store, factory, change, added } = this.#parts;
    const isFirst = beginning.kind === "bootstrap";
    const machineState = isFirst ? beginning.state(ledger.takeSpace()) : null;
    const start = isFirst ? GROUP_START : ORIGIN;
    const config = { index: start.index, config: isFirst ? beginning.config : EMPTY_CONFIG };
    const state = encodeCreation({ start, config, machineState, nextSpace: ledger.nextSpace });
    await change({ kind: "replica-created", tabletId, replicaId, state }, () =>
      turn.take(async () => {
        // Destroyed while it was being logged: its tombstone is in the log right behind it.
        if (this.#isBuried(tabletId, replicaId)) return;
        await store.write([
          ledger.countersOperation(),
          appliedStateOperation(tabletId, { replicaId, ...start, machineState }),
        ]);
        if (this.#isBuried(tabletId, replicaId)) return;
        const replica = factory.created({ tabletId, replicaId, start, config, machineState });
        this.#replicas.set(tabletId, replica);
        added(replica);
      }),
    );
    return this.#isBuried(tabletId, replicaId) ? "buried" : "created";
  }

  /** Ends the replica, or forbids that it ever begins here; resolves when the tombstone is durable. */
  async destroy(tabletId: TabletId, replicaId: ReplicaId): Promise<void> {
    if (this.#isBuried(tabletId, replicaId)) {
      await this.#burying.get(tabletId);
      return;
    }
    this.#tombstones.set(tabletId, replicaId);
    const creating = this.#creating.get(tabletId);
    // Its place is free again: what follows in the log and in the turns comes behind it.
    if (creating !== undefined && creating.replicaId <= replicaId) this.#creating.delete(tabletId);
    const replica = this.#replicas.get(tabletId);
    const goes = replica !== undefined && replica.replicaId <= replicaId ? replica : null;
    if (goes !== null) this.#remove(goes);
    const suspect = this.#suspects.get(tabletId);
    const suspectGoes = suspect !== undefined && suspect.replicaId <= replicaId ? suspect : null;
    if (suspectGoes !== null) this.#suspects.delete(tabletId);
    const done = this.#bury(tabletId, replicaId, () => {
      const state = goes?.machineState ?? suspectGoes?.machineState ?? null;
      const isUnknown = state === null && suspectGoes !== null;
      return isUnknown ? "unknown" : state;
    });
    this.#burying.set(tabletId, done);
    try {
      await done;
    } finally {
      if (this.#burying.get(tabletId) === done) this.#burying.delete(tabletId);
    }
  }

  #bury(
    tabletId: TabletId,
    replicaId: ReplicaId,
    machineState: () => Buffer | "unknown" | null,
  ): Promise<void> {
    const { change, turn, store, ledger, machines, discarded } = this.#parts;
    const settle = async (): Promise<void> => {
      for (const replica of this.#going) {
        if (replica.tabletId === tabletId && replica.replicaId <= replicaId) {
          this.#going.delete(replica);
        }
      }
      await turn.take(async () => {
        const operations: StoreOperation[] = [tombstoneOperation(tabletId, replicaId)];
        // A newer replica, if there is one, is put into the store in a later turn, or stood here before.
        if (!this.#replicas.has(tabletId) && !this.#suspects.has(tabletId)) {
          for (const key of [appliedStateKey, logStateKey, suspectKey]) {
            operations.push({ type: "del", key: key(tabletId) });
          }
        }
        const left = machineState();
        if (left === "unknown") {
          operations.push(MARK_UNLISTED);
        } else if (left !== null) {
          const { operation } = ledger.discard(machines.rangesOf(left));
          operations.push(operation, ledger.countersOperation());
        }
        await store.write(operations);
      });
      discarded();
    };
    const state = Buffer.alloc(0);
    return change({ kind: "tombstone", tabletId, replicaId, state }, settle);
  }

  /** The replica's log or data turned out to be damaged. */
  async suspect(replica: Replica, reason: string): Promise<void> {
    if (replica.closed) return;
    const { tabletId, replicaId } = replica;
    const { log, store, turn } = this.#parts;
    log.error(
      { tabletId, replicaId, reason },
      "a replica is damaged: it neither votes nor serves any more",
    );
    this.#remove(replica);
    const suspect: SuspectReplica = {
      tabletId,
      replicaId,
      reason,
      // Not as of now: a round of applying that is under way may still change which data is its own.
      get machineState() {
        return replica.machineState;
      },
    };
    this.#suspects.set(tabletId, suspect);
    await turn.take(async () => {
      // Unless it was destroyed meanwhile.
      if (this.#suspects.get(tabletId) !== suspect) return;
      await store.write([suspectOperation(tabletId, { replicaId, reason })]);
      this.#going.delete(replica);
    });
  }

  #isBuried(tablet: TabletId, replica: ReplicaId): boolean {
    return (this.#tombstones.get(tablet) ?? -1) >= replica;
  }

  #remove(replica: Replica): void {
    replica.close();
    this.#replicas.delete(replica.tabletId);
    this.#going.add(replica);
    this.#parts.removed(replica);
  }
}
