/**
 * The one loop of a replica host. One cycle: drain what arrived, tick, let the machines propose what gathered ->
 * take every dirty core's Ready -> one append to the commit log (one fdatasync) while `sendNow` messages already
 * travel -> `sendAfterPersist` -> next. Committed entries go to the applier, which overlaps with later cycles.
 *
 * O1. The loop's only await between taking the Readys and releasing what follows them is the commit log.
 * O2. No Ready is taken from a core while an earlier one is being persisted (ready.ts, R3).
 * O3. After a stall the inbox is drained before the tick, and any number of missed ticks counts as one: a pause
 *     never starts elections by itself.
 * O4. What runs between two awaits is synchronous and bounded by what arrived.
 */
import { must } from "../assert.ts";
import type { Clock } from "../clock.ts";
import type { CommitLog, EntryLocation, Lsn } from "../commit-log/commit-log.ts";
import type { LogRecord } from "../commit-log/records.ts";
import type { ReplicaId } from "../ids.ts";
import type { Persist, Ready } from "../raft/ready.ts";
import type { HostCounters } from "./host-counters.ts";
import type { MessageDispatch } from "./message-dispatch.ts";
import type { Replica } from "./replica.ts";

/** Records that are not a core's: a replica's creation or end. */
export interface StructuralChange {
  readonly record: LogRecord;
  /** The record is durable; call `settled` once what it says is in the store as well. */
  durable(settled: () => void): void;
}

export interface HostLoopParts {
  readonly clock: Clock;
  readonly commitLog: CommitLog;
  readonly dispatch: MessageDispatch;
  readonly counters: HostCounters;
  /** Hands what arrived to the cores. */
  readonly drain: () => void;
  /** The replicas to tick, when a tick is due. */
  readonly replicas: () => Iterable<Replica>;
  /** The record of a snapshot that the core accepted, whose data is staged. */
  readonly installationRecord: (replica: Replica) => LogRecord;
  /** That record is durable: puts the new state into place. */
  readonly install: (replica: Replica) => Promise<void>;
  /** Every core was asked: snapshot offers that none took up are refused. */
  readonly gathered: () => void;
  readonly committed: (replica: Replica) => void;
  readonly snapshotWanted: (replica: Replica, to: ReplicaId) => void;
  /** So much of the commit log was written. */
  readonly logged: (bytes: number) => void;
  readonly failed: (error: unknown) => void;
}

interface Gathered {
  readonly replica: Replica;
  readonly ready: Ready;
}

export class HostLoop {
  readonly #parts: HostLoopParts;
  readonly #dirty = new Set<Replica>();
  #callbacks: (() => void)[] = [];
  #structural: StructuralChange[] = [];
  #tickDue = false;
  #arrived = false;
  #running = false;
  #stopped = false;
  #lastDurable: Lsn = 0;
  /** Durable structural changes that are not in the store yet. */
  readonly #unsettled = new Map<StructuralChange, Lsn>();

  constructor(parts: HostLoopParts, lastDurable: Lsn) {
    this.#parts = parts;
    this.#lastDurable = lastDurable;
  }

  /** Every batch up to here is durable, and its structural changes are in the store. */
  get settledLsn(): Lsn {
    return Math.min(this.#lastDurable, ...[...this.#unsettled.values()].map((lsn) => lsn - 1));
  }

  markDirty(replica: Replica): void {
    this.#dirty.add(replica);
    this.#wake();
  }

  nextCycle(callback: () => void): void {
    this.#callbacks.push(callback);
    this.#wake();
  }

  /** Something waits for `drain`. */
  arrived(): void {
    this.#arrived = true;
    this.#wake();
  }

  tick(): void {
    this.#tickDue = true;
    this.#wake();
  }

  /** Logs the change in the next cycle. */
  log(change: StructuralChange): void {
    this.#structural.push(change);
    this.#wake();
  }

  stop(): void {
    this.#stopped = true;
  }

  #wake(): void {
    if (this.#running || this.#stopped) return;
    this.#running = true;
    // Everything that arrives in this turn joins the cycle.
    this.#parts.clock.soon(() => void this.#run().catch((error: unknown) => this.#fail(error)));
  }

  #fail(error: unknown): void {
    this.#stopped = true;
    this.#parts.failed(error);
  }

  async #run(): Promise<void> {
    while (this.#hasWork()) {
      const logged = await this.#cycle();
      // A cycle that waited for no disk must still let the sockets in.
      if (!logged) await new Promise<void>((resolve) => this.#parts.clock.soon(resolve));
    }
    this.#running = false;
  }

  #hasWork(): boolean {
    if (this.#stopped) return false;
    return (
      this.#arrived ||
      this.#tickDue ||
      this.#dirty.size > 0 ||
      this.#callbacks.length > 0 ||
      this.#structural.length > 0
    );
  }

  /** Gives whether something was logged. */
  async #cycle(): Promise<boolean> {
    const { counters, dispatch } = this.#parts;
    counters.cycles++;
    this.#takeInputs();
    const gathered = this.#gather();
    dispatch.flush();
    const persisting = gathered.filter(({ ready }) => ready.persist !== null);
    const structural = this.#structural;
    this.#structural = [];
    const records = structural.map(({ record }) => record);
    for (const { replica, ready } of persisting) this.#addRecords(records, replica, ready);
    this.#parts.gathered();
    if (records.length === 0) return false;

    const { lsn, locations } = await this.#parts.commitLog.append(records);
    counters.logBatches++;
    this.#lastDurable = lsn;
    for (const change of structural) {
      this.#unsettled.set(change, lsn);
      change.durable(() => this.#unsettled.delete(change));
    }
    await this.#release(persisting, locations);
    dispatch.flush();
    this.#parts.logged(locations.reduce((sum, { length }) => sum + length, 64 * records.length));
    return true;
  }

  #takeInputs(): void {
    this.#arrived = false;
    this.#parts.drain();
    if (this.#tickDue) {
      this.#tickDue = false;
      for (const replica of this.#parts.replicas()) {
        replica.raft.tick();
        if (replica.raft.hasReady()) this.#dirty.add(replica);
      }
    }
    const callbacks = this.#callbacks;
    this.#callbacks = [];
    for (const callback of callbacks) callback();
  }

  #gather(): Gathered[] {
    const gathered: Gathered[] = [];
    for (const replica of this.#dirty) {
      if (replica.closed || !replica.raft.hasReady()) continue;
      const ready = replica.raft.takeReady();
      if (ready.persist !== null) keepEntries(replica, ready.persist);
      replica.absorb(ready);
      this.#parts.dispatch.add(replica, ready.sendNow);
      if (ready.committed !== null) {
        replica.committedTo(ready.committed.first, ready.committed.last);
        this.#parts.committed(replica);
      }
      for (const to of ready.snapshotsWanted) this.#parts.snapshotWanted(replica, to);
      if (ready.persist === null) this.#parts.dispatch.add(replica, ready.sendAfterPersist);
      gathered.push({ replica, ready });
    }
    this.#dirty.clear();
    return gathered;
  }

  #addRecords(records: LogRecord[], replica: Replica, ready: Ready): void {
    const { tabletId, replicaId } = replica;
    const { hardState, entries, snapshot } = must(ready.persist, "something to persist");
    if (snapshot !== null) records.push(this.#parts.installationRecord(replica));
    if (hardState !== null) records.push({ kind: "hard-state", tabletId, replicaId, hardState });
    if (entries.length > 0) records.push({ kind: "entries", tabletId, replicaId, entries });
  }

  async #release(
    persisting: readonly Gathered[],
    locations: readonly EntryLocation[],
  ): Promise<void> {
    let at = 0;
    for (const { replica, ready } of persisting) {
      const { entries, snapshot } = must(ready.persist, "something to persist");
      if (replica.closed) {
        at += entries.length;
        continue;
      }
      if (snapshot !== null) await this.#parts.install(replica);
      replica.log.located(entries, locations.slice(at, at + entries.length));
      at += entries.length;
      replica.raft.persisted();
      this.#parts.dispatch.add(replica, ready.sendAfterPersist);
      if (replica.raft.hasReady()) this.#dirty.add(replica);
    }
  }
}

function keepEntries(replica: Replica, persist: Persist): void {
  if (persist.snapshot !== null) {
    replica.beginInstallation();
    replica.log.reset(persist.snapshot.index);
  }
  replica.log.append(persist.entries);
}
