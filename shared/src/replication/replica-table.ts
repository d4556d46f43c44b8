/**
 * Which replicas live on this server, from the record that creates one to its tombstone.
 *
 * N1. A replica exists from the moment its creation is durable in the log, and until its tombstone is.
 * N2. At most one replica of a tablet lives here; a replica id at or below the tablet's tombstone never returns.
 * N3. A suspect keeps its place, silent, until it is destroyed.
 */
import type { CheckpointStore, StoreOperation } from "../checkpoint-store/checkpoint-store.ts";
import type { LogRecord } from "../commit-log/records.ts";
import type { ReplicaId, SpaceId, TabletId } from "../ids.ts";
import type { Log } from "../log.ts";
import type { GroupConfig } from "../raft/group-config.ts";
import { appliedStateKey, logStateKey, suspectKey } from "./host-keys.ts";
import type { ReplicaFactory } from "./replica-factory.ts";
import {
  appliedStateOperation,
  EMPTY_CONFIG,
  encodeCreation,
  type LogPosition,
} from "./replica-records.ts";
import type { Replica } from "./replica.ts";
import type { Recovered } from "./recovery.ts";
import type { SpaceLedger } from "./space-ledger.ts";
import type { StateMachineFactory } from "./state-machine.ts";
import type { StoreTurn } from "./store-turn.ts";
import { suspectOperation, type SuspectReplica } from "./suspect.ts";
import { tombstoneOperation } from "./tombstone.ts";

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

export class ReplicaTable {
  readonly #parts: ReplicaTableParts;
  readonly #replicas = new Map<TabletId, Replica>();
  readonly #suspects: Map<TabletId, SuspectReplica>;
  readonly #tombstones: Map<TabletId, ReplicaId>;
  readonly #creating = new Map<TabletId, ReplicaId>();

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
   * destroyed. `occupied`: another replica of the tablet must be destroyed first.
   */
  async create(
    tabletId: TabletId,
    replicaId: ReplicaId,
    beginning: ReplicaBeginning,
  ): Promise<Creation> {
    if ((this.#tombstones.get(tabletId) ?? -1) >= replicaId) return "buried";
    const present = this.#present(tabletId);
    if (present !== null) return present === replicaId ? "exists" : "occupied";
    this.#creating.set(tabletId, replicaId);
    try {
      const machineState =
        beginning.kind === "bootstrap" ? beginning.state(this.#parts.ledger.takeSpace()) : null;
      const start = beginning.kind === "bootstrap" ? GROUP_START : ORIGIN;
      const config = beginning.kind === "bootstrap" ? beginning.config : EMPTY_CONFIG;
      const begin = { start, config: { index: start.index, config }, machineState };
      const state = encodeCreation({ ...begin, nextSpace: this.#parts.ledger.nextSpace });
      await this.#parts.change(
        { kind: "replica-created", tabletId, replicaId, state },
        async () => {
          await this.#parts.turn.take(() =>
            this.#parts.store.write([
              this.#parts.ledger.countersOperation(),
              appliedStateOperation(tabletId, { replicaId, ...start, machineState }),
            ]),
          );
          const replica = this.#parts.factory.created({ tabletId, replicaId, ...begin });
          this.#replicas.set(tabletId, replica);
          this.#parts.added(replica);
        },
      );
      return "created";
    } finally {
      this.#creating.delete(tabletId);
    }
  }

  /** Ends the replica, or forbids that it ever begins here; resolves when the tombstone is durable. */
  async destroy(tabletId: TabletId, replicaId: ReplicaId): Promise<void> {
    if ((this.#tombstones.get(tabletId) ?? -1) >= replicaId) return;
    const replica = this.#replicas.get(tabletId);
    const suspect = this.#suspects.get(tabletId);
    const goes = replica !== undefined && replica.replicaId <= replicaId;
    if (goes) this.#remove(replica);
    const machineState = goes
      ? (replica.machine?.encodeState() ?? null)
      : suspect !== undefined && suspect.replicaId <= replicaId
        ? suspect.machineState
        : null;
    this.#tombstones.set(tabletId, replicaId);
    this.#suspects.delete(tabletId);
    const state = Buffer.alloc(0);
    await this.#parts.change({ kind: "tombstone", tabletId, replicaId, state }, async () => {
      await this.#parts.turn.take(async () => {
        const operations: StoreOperation[] = [tombstoneOperation(tabletId, replicaId)];
        if (!this.#replicas.has(tabletId)) {
          for (const key of [appliedStateKey, logStateKey, suspectKey]) {
            operations.push({ type: "del", key: key(tabletId) });
          }
        }
        if (machineState !== null) {
          const { operation } = this.#parts.ledger.discard(
            this.#parts.machines.rangesOf(machineState),
          );
          operations.push(operation, this.#parts.ledger.countersOperation());
        }
        await this.#parts.store.write(operations);
      });
      this.#parts.discarded();
    });
  }

  /** The replica's log or data turned out to be damaged. */
  async suspect(replica: Replica, reason: string): Promise<void> {
    if (replica.closed) return;
    const { tabletId, replicaId } = replica;
    const { log, store, turn } = this.#parts;
    log.error({ tabletId, replicaId, reason }, "a replica is damaged and must be replaced");
    const machineState = replica.machine?.encodeState() ?? null;
    this.#remove(replica);
    this.#suspects.set(tabletId, { tabletId, replicaId, reason, machineState });
    await turn.take(() => store.write([suspectOperation(tabletId, { replicaId, reason })]));
  }

  #present(tabletId: TabletId): ReplicaId | null {
    return (
      this.#replicas.get(tabletId)?.replicaId ??
      this.#suspects.get(tabletId)?.replicaId ??
      this.#creating.get(tabletId) ??
      null
    );
  }

  #remove(replica: Replica): void {
    replica.close();
    this.#replicas.delete(replica.tabletId);
    this.#parts.removed(replica);
  }
}
