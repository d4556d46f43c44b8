/**
 * The host of all replicas of one process: one commit log, one store, one transport, one ticker, one loop. Puts
 * the parts together and brings what arrives to the replicas.
 *
 * R1. An error of the log, of the store or of an invariant is fatal: `failed` is called once, and the host does
 *     nothing any more.
 * R2. Whoever waits for the host is answered when it stops, however it stops.
 */
import type { CancelTimer } from "../clock.ts";
import type { CommitLog, OpenedLog } from "../commit-log/commit-log.ts";
import { openCommitLog } from "../commit-log/open-commit-log.ts";
import type { LogRecord } from "../commit-log/records.ts";
import type { ReplicaId, ServerId, TabletId } from "../ids.ts";
import type { RaftEnvelope, RaftInbox } from "../rpc/channel-contract.ts";
import { Applier } from "./applier.ts";
import { Arrivals } from "./arrivals.ts";
import { Checkpointing } from "./checkpointing.ts";
import { GarbageCollection } from "./garbage-collection.ts";
import type { Group, GroupStatus } from "./group.ts";
import { newHostCounters, type HostCounters } from "./host-counters.ts";
import { HostLoop } from "./host-loop.ts";
import type { HostParts } from "./host-parts.ts";
import { MessageDispatch } from "./message-dispatch.ts";
import { PayloadCache } from "./payload-cache.ts";
import { Recovery, type Recovered } from "./recovery.ts";
import { ReplicaFactory } from "./replica-factory.ts";
import { ReplicaTable, type Creation, type ReplicaBeginning } from "./replica-table.ts";
import type { Replica } from "./replica.ts";
import { SnapshotExchange } from "./snapshot-exchange.ts";
import type { SnapshotAnswer } from "./snapshot-sender.ts";
import type { SpaceLedger } from "./space-ledger.ts";
import { HostStoppedError, StoreTurn } from "./store-turn.ts";
import type { SuspectReplica } from "./suspect.ts";

interface Opened {
  readonly log: OpenedLog;
  readonly recovered: Recovered;
  readonly cache: PayloadCache;
}

export class ReplicaHost implements RaftInbox {
  readonly counters: HostCounters;
  readonly #parts: HostParts;
  readonly #table: ReplicaTable;
  readonly #cache: PayloadCache;
  readonly #turn = new StoreTurn();
  readonly #commitLog: CommitLog;
  readonly #dispatch: MessageDispatch;
  readonly #arrivals: Arrivals;
  readonly #applier: Applier;
  readonly #snapshots: SnapshotExchange;
  readonly #checkpointing: Checkpointing;
  readonly #garbage: GarbageCollection;
  readonly #loop: HostLoop;
  /** What the parts of the host tell it. */
  readonly #calls = {
    failed: (error: unknown): void => this.#fail(error),
    damaged: (replica: Replica, reason: string): void => this.#suspect(replica, reason),
    markDirty: (replica: Replica): void => this.#loop.markDirty(replica),
    nextCycle: (callback: () => void): void => this.#loop.nextCycle(callback),
  };
  #loggedBytes = 0;
  #cancelTick: CancelTimer | null = null;
  #cancelCheckpoint: CancelTimer | null = null;
  #failedOnce = false;
  #closed = false;

  /**
   * Opens the commit log and recovers every replica from it and the store, which the caller opened; nothing
   * moves before `start`. Rejects with `LogRefusedError`, `LogFailedError`, `DamagedValueError` or what the
   * store rejects with; then the log's directory is closed, and the store is the caller's to close.
   */
  static async open(parts: HostParts): Promise<ReplicaHost> {
    const { store, factory, serverId, random, limits } = parts;
    const { directory } = parts.commitLog;
    const cache = new PayloadCache(limits.payloadCacheBytes);
    let log: OpenedLog | null = null;
    try {
      const recovery = await Recovery.begin({ store, factory, cache });
      log = await openCommitLog({
        ...parts.commitLog,
        serverId,
        random,
        deliver: (record) => recovery.replay(record),
      });
      const recovered = await recovery.finish(log.damage);
      return new ReplicaHost(parts, { log, recovered, cache });
    } catch (error) {
      await (log === null ? directory.close() : log.log.close());
      throw error;
    }
  }

  private constructor(parts: HostParts, { log: opened, recovered, cache }: Opened) {
    this.#parts = parts;
    this.#cache = cache;
    this.#commitLog = opened.log;
    this.counters = newHostCounters();
    if (opened.repairedTornTail) this.counters.tornTailsRepaired++;
    const { ledger } = recovered;
    const { store, log, limits, transport } = parts;
    const { failed, damaged, markDirty } = this.#calls;
    const turn = this.#turn;
    const counters = this.counters;
    const commitLog = opened.log;
    this.#dispatch = new MessageDispatch({ transport, commitLog, damaged, failed });
    this.#arrivals = new Arrivals({
      dispatch: this.#dispatch,
      counters,
      maxInboxBytes: limits.maxInboxBytes,
      maxUnappliedBytes: limits.maxUnappliedBytes,
      replica: (tablet) => this.#table.replica(tablet),
      replicas: () => this.#table.replicas(),
      markDirty,
      damaged,
    });
    this.#garbage = new GarbageCollection({ store, turn, ledger, log, failed });
    this.#snapshots = this.#newSnapshots(ledger);
    const applied = (replica: Replica): void => {
      if (!replica.closed && replica.raft.hasReady()) markDirty(replica);
    };
    this.#applier = new Applier({ store, commitLog, turn, counters, damaged, applied, failed });
    this.#checkpointing = new Checkpointing({
      store,
      commitLog,
      turn,
      ledger,
      sender: this.#snapshots.sender,
      counters,
      retainedLogBytes: limits.retainedLogBytes,
      replicas: () => this.#table.recoverable(),
      settledLsn: () => this.#loop.settledLsn,
      touched: markDirty,
    });
    this.#loop = this.#newLoop();
    this.#table = this.#newTable(recovered, cache);
  }

  #newSnapshots(ledger: SpaceLedger): SnapshotExchange {
    const { clock, store, factory, log, snapshotLink } = this.#parts;
    return new SnapshotExchange({
      ...this.#calls,
      clock,
      store,
      turn: this.#turn,
      ledger,
      factory,
      link: snapshotLink,
      log,
      counters: this.counters,
      replica: (header) => {
        const replica = this.#table.replica(header.tabletId as TabletId);
        return replica?.replicaId === header.to ? replica : null;
      },
      serverOf: (replica, to) => this.#dispatch.serverOf(replica, to),
      arrived: () => this.#loop.arrived(),
      discarded: () => this.#garbage.wake(),
    });
  }

  #newLoop(): HostLoop {
    const { installation } = this.#snapshots;
    const parts = {
      clock: this.#parts.clock,
      commitLog: this.#commitLog,
      dispatch: this.#dispatch,
      counters: this.counters,
      arrivals: () => this.#arrivals.added,
      drain: () => {
        const drained = this.#arrivals.drain();
        for (const replica of installation.step()) this.#loop.markDirty(replica);
        return drained;
      },
      replicas: () => this.#table.replicas(),
      installationRecord: (replica: Replica) => installation.record(replica),
      install: (replica: Replica) => installation.install(replica),
      gathered: (isDirty: (replica: Replica) => boolean) => installation.refuseRest(isDirty),
      committed: (replica: Replica) => this.#applier.enqueue(replica),
      snapshotWanted: (replica: Replica, to: ReplicaId) => void this.#snapshots.send(replica, to),
      logged: (bytes: number) => this.#logged(bytes),
      failed: this.#calls.failed,
    };
    return new HostLoop(parts, this.#commitLog.segments().at(-1)?.lastLsn ?? 0);
  }

  #newTable(recovered: Recovered, cache: PayloadCache): ReplicaTable {
    const { store, factory: machines, log, clock, serverId, timing, random, limits } = this.#parts;
    const factory = new ReplicaFactory({
      serverId,
      timing,
      random,
      cache,
      machines,
      limits,
      calls: { ...this.#calls, nowMs: () => clock.monotonicMs() },
    });
    const table = new ReplicaTable(
      {
        store,
        turn: this.#turn,
        ledger: recovered.ledger,
        factory,
        machines,
        log,
        change: (record, settle) => this.#change(record, settle),
        added: this.#calls.markDirty,
        removed: (replica) => this.#applier.forget(replica),
        discarded: () => this.#garbage.wake(),
      },
      recovered,
    );
    for (const found of recovered.replicas) {
      const replica = factory.recovered(found);
      table.add(replica);
      const { applied, truncated } = found;
      const mark = { applied: applied.index, truncated: truncated.index };
      this.#checkpointing.recovered(replica, mark);
    }
    return table;
  }

  /** Begins to tick, to apply what recovery found committed, and to take part. */
  start(): void {
    for (const replica of this.#table.replicas()) this.#loop.markDirty(replica);
    this.#garbage.wake();
    this.#armTick();
    this.#armCheckpoint();
  }

  groups(): Iterable<Group> {
    return this.#table.replicas();
  }

  group(tablet: TabletId): Group | null {
    return this.#table.replica(tablet);
  }

  statuses(): GroupStatus[] {
    return [...this.#table.replicas()].map((replica) => replica.status());
  }

  /** Messages that wait for the loop (`HostLimits.maxInboxBytes`). */
  get inboxBytes(): number {
    return this.#arrivals.waitingBytes;
  }

  /** Payloads of log entries in memory (`HostLimits.payloadCacheBytes`). */
  get payloadCacheBytes(): number {
    return this.#cache.bytes;
  }

  /** Replicas that are damaged and wait to be destroyed. */
  suspects(): Iterable<SuspectReplica> {
    return this.#table.suspects();
  }

  /** By tablet: the highest replica id that was destroyed here. */
  tombstones(): ReadonlyMap<TabletId, ReplicaId> {
    return this.#table.tombstones();
  }

  /** See `ReplicaTable.create`. */
  createReplica(
    tabletId: TabletId,
    replicaId: ReplicaId,
    beginning: ReplicaBeginning,
  ): Promise<Creation> {
    return this.#table.create(tabletId, replicaId, beginning);
  }

  /** See `ReplicaTable.destroy`. */
  destroyReplica(tabletId: TabletId, replicaId: ReplicaId): Promise<void> {
    return this.#table.destroy(tabletId, replicaId);
  }

  receive(from: ServerId, envelopes: readonly RaftEnvelope[]): void {
    if (this.#closed) return;
    this.#arrivals.add(from, envelopes);
    this.#loop.arrived();
  }

  unreachable(server: ServerId, reason: "refused" | "broken"): void {
    if (this.#closed) return;
    this.#arrivals.unreachable(server, reason);
    this.#loop.arrived();
  }

  /** Takes in a streamed snapshot; rejects when the stream is damaged, or the host stops. */
  receiveSnapshot(frames: AsyncIterable<Buffer>): Promise<SnapshotAnswer> {
    return this.#snapshots.receive(frames);
  }

  /** Proves the store up to now and frees what it can of the commit log. */
  checkpoint(): Promise<void> {
    return this.#checkpointing.run();
  }

  /** Stops taking part, checkpoints and closes log and store. */
  async close(): Promise<void> {
    if (this.#closed && !this.#failedOnce) return;
    this.#closed = true;
    await this.#stop();
    if (!this.#failedOnce) await this.#checkpointing.run();
    await this.#turn.close();
    await this.#parts.store.close();
    await this.#commitLog.close();
  }

  /** R2. Resolves when the loop stands still. */
  #stop(): Promise<void> {
    this.#closed = true;
    this.#cancelTick?.();
    this.#cancelCheckpoint?.();
    const stopped = this.#loop.stop();
    this.#garbage.close();
    this.#snapshots.installation.stop();
    for (const replica of this.#table.replicas()) replica.close();
    return stopped;
  }

  #fail(error: unknown): void {
    // Whoever still worked when the host was closed found it so.
    if (this.#failedOnce || (this.#closed && error instanceof HostStoppedError)) return;
    this.#failedOnce = true;
    void this.#stop();
    this.#parts.failed(error);
  }

  #suspect(replica: Replica, reason: string): void {
    this.counters.suspectReplicas++;
    // Until the mark is durable, a restart brings the replica back, and it may vote.
    this.#table.suspect(replica, reason).then(
      () => this.#checkpointSoon(),
      (error: unknown) => this.#fail(error),
    );
  }

  #armTick(): void {
    const { clock, timing } = this.#parts;
    this.#cancelTick = clock.after(timing.tickMs, () => {
      this.#commitLog.noteIdle();
      this.#loop.tick();
      this.#armTick();
    });
  }

  #armCheckpoint(): void {
    const { clock, limits } = this.#parts;
    this.#cancelCheckpoint = clock.after(limits.checkpointIntervalMs, () => {
      if (this.#loggedBytes > 0) this.#checkpointSoon();
      this.#armCheckpoint();
    });
  }

  #logged(bytes: number): void {
    this.#loggedBytes += bytes;
    if (this.#loggedBytes >= this.#parts.limits.checkpointBytes) this.#checkpointSoon();
  }

  #checkpointSoon(): void {
    this.#loggedBytes = 0;
    void this.#checkpointing.run().catch((error: unknown) => this.#fail(error));
  }

  /** Logs the record, then brings it into the store; resolves after both. */
  #change(record: LogRecord, settle: () => Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      const durable = (settled: () => void): void => {
        settle().then(
          () => {
            settled();
            resolve();
          },
          (error: unknown) => {
            this.#fail(error);
            reject(error instanceof Error ? error : new Error(String(error)));
          },
        );
      };
      this.#loop.log({ record, durable, abandoned: reject });
    });
  }
}
