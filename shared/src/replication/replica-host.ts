/**
 * The host of all replicas of one process: one commit log, one store, one transport, one ticker, one loop. Puts
 * the parts together and brings what arrives to the replicas.
 *
 * R1. An error of the log, of the store or of an invariant is fatal: `failed` is called once, and the host does
 *     nothing any more.
 * R2. Whoever waits for the host is answered when it stops, however it stops.
 */
import { InvariantError } from "../assert.ts";
import { StoreFailedError, StoreReadError } from "../checkpoint-store/checkpoint-store.ts";
import type { CancelTimer } from "../clock.ts";
import type { CommitLog, OpenedLog } from "../commit-log/commit-log.ts";
import { openCommitLog } from "../commit-log/open-commit-log.ts";
import type { LogRecord } from "../commit-log/records.ts";
import type { ReplicaId, ServerId, TabletId } from "../ids.ts";
import { membersOf } from "../raft/group-config.ts";
import type { RaftEnvelope, RaftInbox } from "../rpc/channel-contract.ts";
import { Applier } from "./applier.ts";
import { Checkpointing } from "./checkpointing.ts";
import { GarbageCollection } from "./garbage-collection.ts";
import type { Group, GroupStatus } from "./group.ts";
import { newHostCounters, type HostCounters } from "./host-counters.ts";
import { HostLoop } from "./host-loop.ts";
import type { HostParts } from "./host-parts.ts";
import { Inbox, payloadBytes } from "./inbox.ts";
import { MessageDispatch } from "./message-dispatch.ts";
import { PayloadCache } from "./payload-cache.ts";
import { Recovery, type Recovered } from "./recovery.ts";
import { ReplicaFactory } from "./replica-factory.ts";
import { ReplicaTable, type Creation, type ReplicaBeginning } from "./replica-table.ts";
import type { Replica } from "./replica.ts";
import { SnapshotInstallation } from "./snapshot-installation.ts";
import { SnapshotReceiver } from "./snapshot-receiver.ts";
import { SnapshotSender, type SnapshotAnswer } from "./snapshot-sender.ts";
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
  readonly #ledger: SpaceLedger;
  readonly #turn = new StoreTurn();
  readonly #inbox: Inbox;
  /** Servers that could not be reached since the last drain; a refused connection says most. */
  #unreachable = new Map<ServerId, "refused" | "broken">();
  readonly #loop: HostLoop;
  readonly #dispatch: MessageDispatch;
  readonly #applier: Applier;
  readonly #factory: ReplicaFactory;
  readonly #sender: SnapshotSender;
  readonly #receiver: SnapshotReceiver;
  readonly #installation: SnapshotInstallation;
  readonly #checkpointing: Checkpointing;
  readonly #garbage: GarbageCollection;
  readonly #commitLog: CommitLog;
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
    this.#commitLog = opened.log;
    this.#ledger = recovered.ledger;
    this.counters = newHostCounters();
    if (opened.repairedTornTail) this.counters.tornTailsRepaired++;
    const { clock, store, factory, limits } = parts;
    const commitLog = opened.log;
    const failed = (error: unknown): void => this.#fail(error);
    const damaged = (replica: Replica, reason: string): void => this.#suspect(replica, reason);
    this.#inbox = new Inbox(limits.maxInboxBytes);
    this.#dispatch = new MessageDispatch({
      transport: parts.transport,
      commitLog,
      damaged: (replica, error) => damaged(replica, error.message),
      failed,
    });
    this.#factory = new ReplicaFactory({
      serverId: parts.serverId,
      timing: parts.timing,
      random: parts.random,
      cache,
      machines: factory,
      maxUnappliedBytes: limits.maxUnappliedBytes,
      calls: {
        nowMs: () => clock.monotonicMs(),
        markDirty: (replica) => this.#loop.markDirty(replica),
        nextCycle: (callback) => this.#loop.nextCycle(callback),
        damaged,
      },
    });
    const turn = this.#turn;
    const ledger = this.#ledger;
    this.#garbage = new GarbageCollection({ store, turn, ledger, log: parts.log, failed });
    this.#sender = new SnapshotSender({ clock, store, turn, factory, link: parts.snapshotLink });
    this.#installation = new SnapshotInstallation({
      store,
      turn,
      ledger,
      factory,
      arrived: () => this.#loop.arrived(),
      installed: (replica) => {
        this.counters.snapshotsInstalled++;
        this.#garbage.wake();
        this.#loop.markDirty(replica);
      },
    });
    this.#receiver = new SnapshotReceiver({
      clock,
      store,
      turn,
      ledger,
      factory,
      replica: (header) => {
        const replica = this.#table.replica(header.tabletId as TabletId);
        return replica?.replicaId === header.to ? replica : null;
      },
      offer: (replica, staged) => this.#installation.offer(replica, staged),
      released: () => this.#garbage.wake(),
    });
    this.#applier = new Applier({
      store,
      commitLog,
      turn,
      counters: this.counters,
      damaged,
      applied: (replica) => {
        if (!replica.closed && replica.raft.hasReady()) this.#loop.markDirty(replica);
      },
      failed,
    });
    this.#checkpointing = new Checkpointing({
      store,
      commitLog,
      turn,
      ledger,
      sender: this.#sender,
      counters: this.counters,
      retainedLogBytes: limits.retainedLogBytes,
      replicas: () => this.#table.replicas(),
      settledLsn: () => this.#loop.settledLsn,
      touched: (replica) => this.#loop.markDirty(replica),
    });
    this.#loop = new HostLoop(
      {
        clock,
        commitLog,
        dispatch: this.#dispatch,
        counters: this.counters,
        arrivals: () => this.#inbox.added,
        drain: () => this.#drain(),
        replicas: () => this.#table.replicas(),
        installationRecord: (replica) => this.#installation.record(replica),
        install: (replica) => this.#installation.install(replica),
        gathered: (isDirty) => this.#installation.refuseRest(isDirty),
        committed: (replica) => this.#applier.enqueue(replica),
        snapshotWanted: (replica, to) => void this.#sendSnapshot(replica, to),
        logged: (bytes) => this.#logged(bytes),
        failed,
      },
      commitLog.segments().at(-1)?.lastLsn ?? 0,
    );
    this.#table = new ReplicaTable(
      {
        store,
        turn,
        ledger,
        factory: this.#factory,
        machines: factory,
        log: parts.log,
        change: (record, settle) => this.#change(record, settle),
        added: (replica) => this.#loop.markDirty(replica),
        removed: (replica) => this.#applier.forget(replica),
        discarded: () => this.#garbage.wake(),
      },
      recovered,
    );
    for (const found of recovered.replicas) {
      const replica = this.#factory.recovered(found);
      this.#table.add(replica);
      const { applied, truncated } = found;
      this.#checkpointing.recovered(replica, {
        applied: applied.index,
        truncated: truncated.index,
      });
    }
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
    this.counters.droppedMessages += this.#inbox.add(from, envelopes);
    this.#loop.arrived();
  }

  unreachable(server: ServerId, reason: "refused" | "broken"): void {
    if (this.#closed) return;
    if (this.#unreachable.get(server) !== "refused") this.#unreachable.set(server, reason);
    this.#loop.arrived();
  }

  /** Takes in a streamed snapshot; rejects when the stream is damaged, or the host stops. */
  async receiveSnapshot(frames: AsyncIterable<Buffer>): Promise<SnapshotAnswer> {
    try {
      return await this.#receiver.receive(frames);
    } catch (error) {
      if (isFatal(error)) this.#fail(error);
      throw error;
    }
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
    this.#installation.stop();
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
    this.#table.suspect(replica, reason).catch((error: unknown) => this.#fail(error));
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

  /** Gives how many of all messages were ever handed to the cores. */
  #drain(): number {
    for (const { from, envelope } of this.#inbox.take()) this.#step(from, envelope);
    for (const replica of this.#installation.step()) this.#loop.markDirty(replica);
    if (this.#unreachable.size > 0) {
      const unreachable = this.#unreachable;
      this.#unreachable = new Map();
      this.#serversUnreachable(unreachable);
    }
    return this.#inbox.taken;
  }

  #step(from: ServerId, envelope: RaftEnvelope): void {
    const { message, tabletId } = envelope;
    const replica = this.#table.replica(tabletId);
    if (replica === null || replica.replicaId !== message.to || this.#refuses(replica, envelope)) {
      this.counters.droppedMessages++;
      return;
    }
    this.#dispatch.heard(replica, message.from, from);
    replica.raft.step(message);
    this.#loop.markDirty(replica);
  }

  /** A replica that is behind with applying takes no more entries. */
  #refuses(replica: Replica, envelope: RaftEnvelope): boolean {
    if (payloadBytes(envelope) === 0) return false;
    return replica.unappliedBytes > this.#parts.limits.maxUnappliedBytes;
  }

  #serversUnreachable(servers: ReadonlyMap<ServerId, "refused" | "broken">): void {
    for (const replica of this.#table.replicas()) {
      const { raft } = replica;
      for (const member of membersOf(raft.config)) {
        const reason = servers.get(member.serverId);
        if (reason === undefined || member.replicaId === replica.replicaId) continue;
        if (raft.role === "leader") raft.reportUnreachable(member.replicaId);
        else if (reason === "refused" && raft.leader === member.replicaId) raft.leaderUnreachable();
      }
      if (raft.hasReady()) this.#loop.markDirty(replica);
    }
  }

  async #sendSnapshot(replica: Replica, to: ReplicaId): Promise<void> {
    let outcome: "installed" | "failed" = "failed";
    try {
      const server = this.#dispatch.serverOf(replica, to);
      if (server !== null && replica.machine !== null) {
        const answer = await this.#sender.send(replica, to, server);
        outcome = answer === "installed" ? "installed" : "failed";
        this.counters.snapshotsSent++;
      }
    } catch (error) {
      if (isFatal(error)) {
        this.#fail(error);
        return;
      }
      const reason = error instanceof Error ? error.message : String(error);
      if (error instanceof StoreReadError) this.#suspect(replica, reason);
      const { tabletId, replicaId } = replica;
      this.#parts.log.warn({ tabletId, replicaId, to, reason }, "a snapshot did not arrive");
    }
    this.#loop.nextCycle(() => {
      if (replica.closed) return;
      replica.raft.snapshotDone(to, outcome);
      this.#loop.markDirty(replica);
    });
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

function isFatal(error: unknown): boolean {
  return error instanceof InvariantError || error instanceof StoreFailedError;
}
