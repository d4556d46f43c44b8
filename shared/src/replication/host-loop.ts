/**
 * The one loop of a replica host. One cycle: drain what arrived, tick, let the machines propose what gathered ->
 * take the dirty cores' Readys -> one append to the commit log (one fdatasync) while `sendNow` messages already
 * travel -> `sendAfterPersist` -> next. Committed entries go to the applier, which overlaps with later cycles.
 *
 * O1. The loop's only await between taking the Readys and releasing what follows them is the commit log.
 * O2. No Ready is taken from a core while an earlier one is being persisted (ready.ts, R3).
 * O3. What arrived before a tick was due is drained before it, and any number of missed ticks counts as one: a
 *     pause never starts elections by itself.
 * O4. What runs between two awaits is synchronous and bounded (inbox.ts, `BATCH_BYTES`).
 * O5. Every structural change is either durable and settled, or abandoned.
 */
import type { Clock } from "../clock.ts";
import type { CommitLog, EntryLocation, Lsn } from "../commit-log/commit-log.ts";
import type { LogRecord } from "../commit-log/records.ts";
import type { ReplicaId } from "../ids.ts";
import type { Persist, Ready } from "../raft/ready.ts";
import type { HostCounters } from "./host-counters.ts";
import type { MessageDispatch } from "./message-dispatch.ts";
import type { Replica } from "./replica.ts";
import { HostStoppedError } from "./store-turn.ts";

/** A batch of the log takes no further replica's entries beyond these; the rest waits for the next. */
const BATCH_BYTES = 4 * 1024 * 1024;
const BATCH_RECORDS = 8192;

/** Records that are not a core's: a replica's creation or end. */
export interface StructuralChange {
  readonly record: LogRecord;
  /** The record is durable; call `settled` once what it says is in the store as well. */
  durable(settled: () => void): void;
  /** The host stopped; whether the record is durable is unknown. */
  abandoned(error: Error): void;
}

export interface HostLoopParts {
  readonly clock: Clock;
  readonly commitLog: CommitLog;
  readonly dispatch: MessageDispatch;
  readonly counters: HostCounters;
  /** How many messages ever arrived. */
  readonly arrivals: () => number;
  /** Hands a bounded part of what arrived to the cores; gives how many of all messages ever were. */
  readonly drain: () => number;
  /** The replicas to tick, when a tick is due. */
  readonly replicas: () => Iterable<Replica>;
  /** The record of a snapshot that the core accepted, whose data is staged. */
  readonly installationRecord: (replica: Replica) => LogRecord;
  /** That record is durable: puts the new state into place. */
  readonly install: (replica: Replica) => Promise<void>;
  /** The cores were asked, but for those that are still dirty: snapshot offers not taken up are refused. */
  readonly gathered: (isDirty: (replica: Replica) => boolean) => void;
  readonly committed: (replica: Replica) => void;
  readonly snapshotWanted: (replica: Replica, to: ReplicaId) => void;
  /** So much of the commit log was written. */
  readonly logged: (bytes: number) => void;
  readonly failed: (error: unknown) => void;
}

interface Gathered {
  readonly replica: Replica;
  readonly persist: Persist;
  readonly ready: Ready;
}

export class HostLoop {
  readonly #parts: HostLoopParts;
  #dirty = new Set<Replica>();
  #callbacks: (() => void)[] = [];
  #structural: StructuralChange[] = [];
  /** Arrivals that come before the tick that is due, or null: none is. */
  #tickAfter: number | null = null;
  #arrived = false;
  #running = false;
  #current: Promise<void> = Promise.resolve();
  #stopped = false;
  #lastDurable: Lsn;
  /** Durable changes that are not in the store yet, by token. */
  readonly #unsettled = new Map<object, Lsn>();

  constructor(parts: HostLoopParts, lastDurable: Lsn) {
    this.#parts = parts;
    this.#lastDurable = lastDurable;
  }

  /** Every batch up to here is durable, and what it says beside entries and hard states is in the store. */
  get settledLsn(): Lsn {
    let settled = this.#lastDurable;
    for (const lsn of this.#unsettled.values()) settled = Math.min(settled, lsn - 1);
    return settled;
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
    this.#tickAfter ??= this.#parts.arrivals();
    this.#wake();
  }

  /** Logs the change in the next cycle. */
  log(change: StructuralChange): void {
    if (this.#stopped) {
      change.abandoned(new HostStoppedError("the replica host is closed"));
      return;
    }
    this.#structural.push(change);
    this.#wake();
  }

  /** Begins no cycle any more; resolves when the one under way has ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    const abandoned = this.#structural;
    this.#structural = [];
    for (const change of abandoned) {
      change.abandoned(new HostStoppedError("the replica host was closed"));
    }
    await this.#current;
  }

  #wake(): void {
    if (this.#running || this.#stopped) return;
    this.#running = true;
    // Everything that arrives in this turn joins the cycle.
    this.#parts.clock.soon(() => {
      this.#current = this.#run().catch((error: unknown) => this.#fail(error));
    });
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
      this.#tickAfter !== null ||
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
    const persisting = this.#gather();
    dispatch.flush();
    const structural = this.#structural;
    this.#structural = [];
    const records = structural.map(({ record }) => record);
    for (const { replica, persist } of persisting) this.#addRecords(records, replica, persist);
    this.#parts.gathered((replica) => this.#dirty.has(replica));
    if (records.length === 0) return false;

    let appended;
    try {
      appended = await this.#parts.commitLog.append(records);
    } catch (error) {
      for (const change of structural) change.abandoned(asError(error));
      throw error;
    }
    const { lsn, locations } = appended;
    counters.logBatches++;
    this.#lastDurable = lsn;
    for (const change of structural) {
      this.#unsettled.set(change, lsn);
      change.durable(() => this.#unsettled.delete(change));
    }
    this.#release(persisting, locations, lsn);
    dispatch.flush();
    this.#parts.logged(locations.reduce((sum, { length }) => sum + length, 64 * records.length));
    return true;
  }

  #takeInputs(): void {
    this.#arrived = false;
    const drained = this.#parts.drain();
    if (drained < this.#parts.arrivals()) this.#arrived = true;
    if (this.#tickAfter !== null && drained >= this.#tickAfter) {
      this.#tickAfter = null;
      for (const replica of this.#parts.replicas()) {
        replica.raft.tick();
        if (replica.raft.hasReady()) this.#dirty.add(replica);
      }
    }
    const callbacks = this.#callbacks;
    this.#callbacks = [];
    for (const callback of callbacks) callback();
  }

  /** Gives those with something to persist. */
  #gather(): Gathered[] {
    const persisting: Gathered[] = [];
    let bytes = 0;
    const dirty = this.#dirty;
    // Whatever the machines do when they hear of a Ready counts for the next cycle.
    this.#dirty = new Set();
    for (const replica of dirty) {
      if (bytes >= BATCH_BYTES || persisting.length * 2 >= BATCH_RECORDS) {
        this.#dirty.add(replica);
        continue;
      }
      if (replica.closed || !replica.raft.hasReady()) continue;
      const ready = replica.raft.takeReady();
      const { persist } = ready;
      if (persist !== null) keepEntries(replica, persist);
      replica.absorb(ready);
      this.#parts.dispatch.add(replica, ready.sendNow);
      if (ready.committed !== null) {
        replica.committedTo(ready.committed.first, ready.committed.last);
        this.#parts.committed(replica);
      }
      for (const to of ready.snapshotsWanted) this.#parts.snapshotWanted(replica, to);
      if (persist === null) this.#parts.dispatch.add(replica, ready.sendAfterPersist);
      else {
        persisting.push({ replica, persist, ready });
        for (const { payload } of persist.entries) bytes += payload.length;
      }
    }
    return persisting;
  }

  #addRecords(records: LogRecord[], replica: Replica, persist: Persist): void {
    const { tabletId, replicaId } = replica;
    const { hardState, entries, snapshot } = persist;
    if (snapshot !== null) records.push(this.#parts.installationRecord(replica));
    if (hardState !== null) records.push({ kind: "hard-state", tabletId, replicaId, hardState });
    if (entries.length > 0) records.push({ kind: "entries", tabletId, replicaId, entries });
  }

  #release(persisting: readonly Gathered[], locations: readonly EntryLocation[], lsn: Lsn): void {
    let at = 0;
    for (const gathered of persisting) {
      const { replica, persist } = gathered;
      replica.log.located(persist.entries, locations.slice(at, at + persist.entries.length));
      at += persist.entries.length;
      if (persist.snapshot === null) this.#persisted(gathered);
      else this.#install(gathered, lsn);
    }
  }

  /** The other replicas do not wait for the turn on the store that this takes (O1). */
  #install(gathered: Gathered, lsn: Lsn): void {
    this.#unsettled.set(gathered, lsn);
    const installed = (): void => {
      this.#unsettled.delete(gathered);
      this.#persisted(gathered);
      this.#parts.dispatch.flush();
    };
    this.#parts
      .install(gathered.replica)
      .then(installed)
      .catch((error: unknown) => {
        if (!(error instanceof HostStoppedError)) this.#fail(error);
      });
  }

  #persisted({ replica, persist, ready }: Gathered): void {
    if (replica.closed) return;
    replica.persisted(persist.hardState);
    this.#parts.dispatch.add(replica, ready.sendAfterPersist);
    if (replica.raft.hasReady()) this.markDirty(replica);
  }
}

function keepEntries(replica: Replica, persist: Persist): void {
  if (persist.snapshot !== null) replica.beginInstallation(persist.snapshot.index);
  replica.log.append(persist.entries);
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
