/**
 * The host of all replicas of one process: one commit log, one store, one transport, one ticker, one loop. Puts
 * the parts together and brings what arrives to the replicas.
 *
 * An error of the log, of the store or of an invariant is fatal: `failed` is called once, and the host does
 * nothing any more.
 */
import type { CancelTimer } from "../clock.ts";
import type { ReplicaId, ServerId, TabletId } from "../ids.ts";
import type { LogRecord } from "../commit-log/records.ts";
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
import { recoverReplicas, type Recovered } from "./recovery.ts";
import { ReplicaFactory } from "./replica-factory.ts";
import { ReplicaTable, type Creation, type ReplicaBeginning } from "./replica-table.ts";
import type { Replica } from "./replica.ts";
import { SnapshotInstallation } from "./snapshot-installation.ts";
import { SnapshotReceiver } from "./snapshot-receiver.ts";
import { SnapshotSender, type SnapshotAnswer } from "./snapshot-sender.ts";
import type { SpaceLedger } from "./space-ledger.ts";
import { StoreTurn } from "./store-turn.ts";
import type { SuspectReplica } from "./suspect.ts";

export class ReplicaHost implements RaftInbox {
  readonly counters: HostCounters;
  readonly #parts: HostParts;
  readonly #table: ReplicaTable;
  readonly #ledger: SpaceLedger;
  readonly #turn = new StoreTurn();
  readonly #inbox: Inbox;
  #unreachable: { server: ServerId; reason: "refused" | "broken" }[] = [];
  readonly #loop: HostLoop;
  readonly #dispatch: MessageDispatch;
  readonly #applier: Applier;
  readonly #factory: ReplicaFactory;
  readonly #sender: SnapshotSender;
  readonly #receiver: SnapshotReceiver;
  readonly #installation: SnapshotInstallation;
  readonly #checkpointing: Checkpointing;
  readonly #garbage: GarbageCollection;
  #loggedBytes = 0;
  #cancelTick: CancelTimer | null = null;
  #cancelCheckpoint: CancelTimer | null = null;
  #failedOnce = false;
  #closed = false;

  /** Recovers every replica; nothing moves before `start`. */
  static async open(parts: HostParts): Promise<ReplicaHost> {
    const recovered = await recoverReplicas(parts.store, parts.opened, parts.factory);
    return new ReplicaHost(parts, recovered);
  }

  private constructor(parts: HostParts, recovered: Recovered) {
    this.#parts = parts;
    this.#ledger = recovered.ledger;
    this.counters = newHostCounters();
    if (parts.opened.repairedTornTail) this.counters.tornTailsRepaired++;
    const { clock, store, factory, limits } = parts;
    const commitLog = parts.opened.log;
    const failed = (error: unknown): void => this.#fail(error);
    this.#inbox = new Inbox(limits.maxInboxBytes);
    this.#dispatch = new MessageDispatch(parts.transport, commitLog, failed);
    this.#factory = new ReplicaFactory({
      serverId: parts.serverId,
      timing: parts.timing,
      random: parts.random,
      cache: new PayloadCache(limits.payloadCacheBytes),
      machines: factory,
      calls: {
        nowMs: () => clock.monotonicMs(),
        markDirty: (replica) => this.#loop.markDirty(replica),
        nextCycle: (callback) => this.#loop.nextCycle(callback),
        damaged: (replica, reason) => void this.#table.suspect(replica, reason).catch(failed),
      },
    });
    const turn = this.#turn;
    const ledger = this.#ledger;
    this.#garbage = new GarbageCollection({ store, turn, ledger }, failed);
    this.#sender = new SnapshotSender({ store, turn, factory, link: parts.snapshotLink });
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
      store,
      turn,
      ledger,
      factory,
      replica: (header) => {
        const replica = this.#table.replica(header.tabletId as TabletId);
        return replica?.replicaId === header.to ? replica : null;
      },
      offer: (replica, staged) => this.#installation.offer(replica, staged),
    });
    this.#applier = new Applier({
      store,
      commitLog,
      turn,
      counters: this.counters,
      damaged: (replica, error) => void this.#table.suspect(replica, error.message).catch(failed),
      applied: (replica) => {
        if (replica.raft.hasReady()) this.#loop.markDirty(replica);
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
    const lastDurable = parts.opened.records.at(-1)?.lsn ?? 0;
    this.#loop = new HostLoop(
      {
        clock,
        commitLog,
        dispatch: this.#dispatch,
        counters: this.counters,
        drain: () => this.#drain(),
        replicas: () => this.#table.replicas(),
        installationRecord: (replica) => this.#installation.record(replica),
        install: (replica) => this.#installation.install(replica),
        gathered: () => this.#installation.refuseRest(),
        committed: (replica) => this.#applier.enqueue(replica),
        snapshotWanted: (replica, to) => void this.#sendSnapshot(replica, to),
        logged: (bytes) => this.#logged(bytes),
        failed,
      },
      lastDurable,
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
    this.#unreachable.push({ server, reason });
    this.#loop.arrived();
  }

  /** Takes in a streamed snapshot; rejects when the stream is damaged. */
  receiveSnapshot(frames: AsyncIterable<Buffer>): Promise<SnapshotAnswer> {
    return this.#receiver.receive(frames);
  }

  /** Proves the store up to now and frees what it can of the commit log. */
  checkpoint(): Promise<void> {
    return this.#checkpointing.run();
  }

  /** Stops taking part, checkpoints and closes log and store. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#stop();
    await this.#turn.idle();
    if (!this.#failedOnce) await this.#checkpointing.run();
    await this.#parts.store.close();
    await this.#parts.opened.log.close();
  }

  #stop(): void {
    this.#closed = true;
    this.#cancelTick?.();
    this.#cancelCheckpoint?.();
    this.#loop.stop();
    this.#garbage.close();
    for (const replica of this.#table.replicas()) replica.close();
  }

  #fail(error: unknown): void {
    if (this.#failedOnce) return;
    this.#failedOnce = true;
    this.#stop();
    this.#parts.failed(error);
  }

  #armTick(): void {
    const { clock, timing } = this.#parts;
    this.#cancelTick = clock.after(timing.tickMs, () => {
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

  #drain(): void {
    for (const { from, envelope } of this.#inbox.drain()) this.#step(from, envelope);
    for (const replica of this.#installation.step()) this.#loop.markDirty(replica);
    const unreachable = this.#unreachable;
    this.#unreachable = [];
    for (const { server, reason } of unreachable) this.#peerUnreachable(server, reason);
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

  /** A replica that is behind with applying takes no more entries; one without a state takes none at all. */
  #refuses(replica: Replica, envelope: RaftEnvelope): boolean {
    if (payloadBytes(envelope) === 0) return false;
    return replica.unappliedBytes > this.#parts.limits.maxUnappliedBytes;
  }

  #peerUnreachable(server: ServerId, reason: "refused" | "broken"): void {
    for (const replica of this.#table.replicas()) {
      const { config, leader, role } = replica.raft.status();
      for (const members of [config.voters, config.outgoing, config.learners]) {
        for (const member of members) {
          if (member.serverId !== server || member.replicaId === replica.replicaId) continue;
          if (role === "leader") replica.raft.reportUnreachable(member.replicaId);
          else if (reason === "refused" && leader === member.replicaId) {
            replica.raft.leaderUnreachable();
          }
        }
      }
      if (replica.raft.hasReady()) this.#loop.markDirty(replica);
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
      const reason = error instanceof Error ? error.message : String(error);
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
      this.#loop.log({ record, durable });
    });
  }
}
