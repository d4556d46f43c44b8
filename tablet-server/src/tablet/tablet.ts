/**
 * One replica of a tablet: the replicated state, and, while this replica leads, the service of its rows.
 *
 * B1. Rows are served only by the leader, only in the term in which its opening entry is applied (P1 of the replica),
 *     and only under the generation that the caller routed by.
 * B2. Calls that come while the retry table is being loaded wait for it: no write is evaluated without it.
 * B3. The state changes in `apply` alone, the same on every replica; it is seen once its rows can be read.
 */
import { assert, must } from "@stele/shared/assert.ts";
import {
  StoreClosedError,
  type CheckpointStore,
} from "@stele/shared/checkpoint-store/checkpoint-store.ts";
import type { Clock } from "@stele/shared/clock.ts";
import type { LogIndex, ServerId, TabletId, Term } from "@stele/shared/ids.ts";
import type { GroupConfig } from "@stele/shared/raft/group-config.ts";
import type { Group } from "@stele/shared/replication/group.ts";
import {
  DamagedReplicaError,
  type AppliedBatch,
  type CommittedCommand,
  type Leadership,
  type MachineGroup,
  type StateMachine,
} from "@stele/shared/replication/state-machine.ts";
import { containsKey } from "@stele/shared/row-range.ts";
import type { ReplicaPlacement, TabletDescriptor } from "@stele/shared/tablet-descriptor.ts";
import type { ServedBy } from "@stele/shared/wire/served-by.ts";
import { stoppedAt, type AppliedCommands } from "./applied-commands.ts";
import { applyCommands } from "./apply-commands.ts";
import type { IdempotencyName } from "./entry-payload.ts";
import { loadRetries } from "./load-retries.ts";
import { loadRowForWrite } from "./load-row.ts";
import type { RetryTable } from "./retry-table.ts";
import type { RowLoader } from "./row-loader.ts";
import { TabletCommands, type CommandOutcome } from "./tablet-commands.ts";
import type { TabletLimits } from "./tablet-limits.ts";
import { decodeTabletState, encodeTabletState, type TabletState } from "./tablet-state.ts";
import { TabletWrites } from "./tablet-writes.ts";
import type { Verifications } from "./verifications.ts";
import type { Redirect } from "./write-call.ts";

export interface TabletParts {
  readonly store: CheckpointStore;
  readonly loader: RowLoader;
  readonly clock: Clock;
  readonly verifications: Verifications;
  readonly limits: TabletLimits;
  readonly idempotencyTtlMs: number;
  /** The operator's name of this server. */
  readonly serverName: string;
  /** A row or record of this replica turned out to be damaged. */
  readonly damaged: (tablet: Tablet, error: Error) => void;
  /** Leader or config changed: the master waits to hear of it. */
  readonly changed: () => void;
}

/** Calls that wait for the retry table. */
const MAX_WAITING_CALLS = 1000;

export class Tablet implements StateMachine {
  readonly group: Group;
  readonly #parts: TabletParts;
  #state: TabletState;
  #encoded: Buffer;
  #retries: RetryTable | null = null;
  #loading: Promise<RetryTable> | null = null;
  #config: GroupConfig = { voters: [], outgoing: [], learners: [] };
  #configIndex = 0 as LogIndex;
  /** Set while this replica leads. */
  #term: Term | null = null;
  /** Set while it leads and the retry table is loaded. */
  #writes: TabletWrites | null = null;
  readonly #commands: TabletCommands;
  readonly #waitingForWrites: (() => void)[] = [];

  constructor(made: MachineGroup, parts: TabletParts) {
    this.group = made.group;
    this.#parts = parts;
    this.#commands = new TabletCommands(made.group);
    this.#state = decodeTabletState(made.state);
    this.#encoded = made.state;
    assert(this.#state.tabletId === made.tabletId, "a state belongs to its tablet");
  }

  get tabletId(): TabletId {
    return this.#state.tabletId;
  }

  get state(): TabletState {
    return this.#state;
  }

  get limits(): TabletLimits {
    return this.#parts.limits;
  }

  /** The write path, while this replica leads and is ready for writes. */
  get writes(): TabletWrites | null {
    return this.#writes;
  }

  /** What the results of recent writes take in memory; null: they are not loaded. */
  get retries(): Pick<RetryTable, "size" | "bytes"> | null {
    return this.#retries;
  }

  /** The term in which this replica serves, or null. */
  get servingTerm(): Term | null {
    return this.#term;
  }

  // --- StateMachine ---

  async apply(commands: readonly CommittedCommand[]): Promise<AppliedBatch> {
    const retries = await this.#loadedRetries();
    const applied = await applyCommands(this.#state, retries, commands, (keys) =>
      this.#parts.store.getMany(keys),
    );
    this.#encoded = encodeTabletState(applied.state);
    const stopAt = stoppedAt(applied, commands);
    const written = (): void => this.#written(applied);
    return { operations: applied.operations, written, ...(stopAt === undefined ? {} : { stopAt }) };
  }

  encodeState(): Buffer {
    return this.#encoded;
  }

  leadershipChanged(leadership: Leadership): void {
    this.#parts.changed();
    const writes = this.#writes;
    this.#writes = null;
    this.#term = leadership.kind === "leader" ? leadership.term : null;
    writes?.end();
    this.#commands.abandon();
    this.#wakeWaiting();
    if (leadership.kind === "leader") void this.#beginWrites(leadership.term);
  }

  configChanged(config: GroupConfig, configIndex: LogIndex): void {
    this.#config = config;
    this.#configIndex = configIndex;
    this.#parts.changed();
  }

  // --- What callers are told ---

  descriptor(): TabletDescriptor {
    const { voters, outgoing, learners } = this.#config;
    const replicas: ReplicaPlacement[] = [
      ...voters.map((member) => ({ ...member, role: "voter" as const })),
      ...outgoing
        .filter(({ replicaId }) => !voters.some((voter) => voter.replicaId === replicaId))
        .map((member) => ({ ...member, role: "leaving" as const })),
      ...learners.map((member) => ({ ...member, role: "learner" as const })),
    ];
    const { schema, range, generation, tabletId } = this.#state;
    return { tabletId, schema, range, generation, configIndex: this.#configIndex, replicas };
  }

  servedBy(): ServedBy {
    const { generation, maxVersion, tabletId } = this.#state;
    return {
      server: this.#parts.serverName,
      role: "leader",
      tablet: tabletId,
      generation,
      staleness: 0,
      session: maxVersion,
    };
  }

  /** For a call that was not taken, or whose `WriteCallProgress` knows better. */
  notLeader(): Redirect {
    const descriptor = this.descriptor();
    return { kind: "not-leader", leader: this.#leader(), descriptor, applied: "no" };
  }

  /** Why a call for these keys, routed by `generation`, cannot be served here; null: it can. */
  refuses(generation: number, keys: readonly Buffer[]): Redirect | null {
    const { state } = this;
    const serves =
      this.#term !== null &&
      !state.dropped &&
      generation === state.generation &&
      keys.every((key) => containsKey(state.range, key));
    return serves ? null : this.#refusal();
  }

  /** Runs `callback` when writes can be taken, or the leadership has ended (B2); false: too many wait already. */
  whenWritable(callback: () => void): boolean {
    if (this.#writes !== null || this.#term === null) {
      callback();
      return true;
    }
    if (this.#waitingForWrites.length >= MAX_WAITING_CALLS) return false;
    this.#waitingForWrites.push(callback);
    return true;
  }

  /** A read met damage: this replica must be replaced. */
  damaged(error: Error): void {
    this.#parts.damaged(this, error);
  }

  // --- Commands of the server itself ---

  /** Makes the tablet refuse everything from here on: its table is dropped. */
  drop(): Promise<CommandOutcome> {
    const { generation } = this.#state;
    if (this.#state.dropped) return Promise.resolve({ kind: "applied", index: 0 as LogIndex });
    if (this.#term === null) return Promise.resolve({ kind: "not-leader" });
    return this.#commands.propose({ kind: "drop-tablet", generation }, this.#term);
  }

  /** Makes every replica hash its data as of one entry; see `Verifications`. */
  verify(verifyId: number): Promise<CommandOutcome> {
    const { generation } = this.#state;
    if (this.#term === null) return Promise.resolve({ kind: "not-leader" });
    return this.#commands.propose({ kind: "verify", generation, verifyId }, this.#term);
  }

  /** Deletes those of the named idempotency records that have expired; tells the log age in any case. */
  forgetIdempotency(records: readonly IdempotencyName[]): Promise<CommandOutcome> {
    const { generation } = this.#state;
    if (this.#term === null || this.#writes === null) {
      return Promise.resolve({ kind: "not-leader" });
    }
    const { age } = this.#writes;
    const entry = { kind: "forget-idempotency" as const, generation, age, records };
    return this.#commands.propose(entry, this.#term);
  }

  // --- Inside ---

  async #beginWrites(term: Term): Promise<void> {
    let retries: RetryTable;
    try {
      retries = await this.#loadedRetries();
    } catch (error) {
      if (error instanceof StoreClosedError) return;
      if (!(error instanceof DamagedReplicaError)) throw error;
      this.damaged(error);
      return;
    }
    if (this.#term !== term || this.#writes !== null) return;
    const { clock, limits, loader, idempotencyTtlMs } = this.#parts;
    this.#writes = new TabletWrites({
      group: this.group,
      term,
      clock,
      limits,
      idempotencyTtlMs,
      state: () => this.#state,
      retries,
      load: (key, idempotencyKey, loaded) =>
        loadRowForWrite(loader, this.#state, key, idempotencyKey, loaded, (error) =>
          this.damaged(error),
        ),
      refusal: () => this.#refusal(),
      notLeader: () => this.notLeader(),
    });
    this.#wakeWaiting();
  }

  #wakeWaiting(): void {
    for (const waiting of this.#waitingForWrites.splice(0)) waiting();
  }

  /** The batch is in the store: from here on readers see its state, and never a state before its rows. */
  #written(applied: AppliedCommands): void {
    const before = this.#state;
    this.#state = applied.state;
    if (applied.verify !== null) {
      this.#parts.verifications.begin(this.#state, applied.verify, (error) => this.damaged(error));
    }
    for (const { index, term, fate } of applied.commands) {
      this.#writes?.applied(index, term, fate);
      this.#commands.applied(index, term, fate);
    }
    const { dropped, generation } = this.#state;
    if (generation === before.generation && dropped === before.dropped) return;
    this.#writes?.rangeChanged();
    this.#parts.changed();
  }

  /** How calls are answered that this replica cannot serve any more. */
  #refusal(): Redirect {
    if (this.#state.dropped) return { kind: "table-dropped" };
    if (this.#term === null) return this.notLeader();
    return { kind: "wrong-range", descriptors: [this.descriptor()], applied: "no" };
  }

  /** Never this server itself: it says that it does not lead. */
  #leader(): ServerId | null {
    const { leader } = this.group.status();
    return leader === null || leader.serverId === this.group.serverId ? null : leader.serverId;
  }

  #loadedRetries(): Promise<RetryTable> {
    if (this.#retries !== null) return Promise.resolve(this.#retries);
    const { limits, store } = this.#parts;
    this.#loading ??= loadRetries(store, this.#state, limits.retryTtlMs).then((retries) => {
      this.#retries = must(retries, "a retry table");
      return retries;
    });
    return this.#loading;
  }
}
