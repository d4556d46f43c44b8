/**
 * The least host a core can have, for tests: a disk that is an array, and messages that leave as
 * they would on a wire. It obeys `ready.ts`, and it can crash: then only completed writes are left.
 */
import { assert, must } from "../../assert.ts";
import { logIndex, replicaId, serverId, term } from "../../ids.ts";
import type { LogIndex, ReplicaId } from "../../ids.ts";
import type { Random } from "../../random.ts";
import type { IndexedConfig } from "../config-history.ts";
import { decodeGroupConfig } from "../group-config-codec.ts";
import { EMPTY_CONFIG, normalizeGroupConfig } from "../group-config.ts";
import type { GroupConfig, Member } from "../group-config.ts";
import type { Entry, OutgoingMessage, RaftMessage, SnapshotOffer } from "../messages.ts";
import type { LogPosition } from "../raft-log.ts";
import type { RaftOptions } from "../raft-options.ts";
import { Raft } from "../raft.ts";
import type { HardState, Ready } from "../ready.ts";

/** What a crash leaves. */
export interface Disk {
  hardState: HardState;
  truncated: LogPosition;
  configs: readonly IndexedConfig[];
  entries: readonly Entry[];
  applied: LogIndex;
}

export const id = (value: number): ReplicaId => replicaId(value);

export function member(value: number): Member {
  const digits = String(value).padStart(12, "0");
  return { replicaId: id(value), serverId: serverId(`00000000-0000-4000-8000-${digits}`) };
}

export function members(...ids: readonly number[]): Member[] {
  return ids.map(member);
}

export function configOf(
  voters: readonly number[],
  learners: readonly number[] = [],
  outgoing: readonly number[] = [],
): GroupConfig {
  return normalizeGroupConfig({
    voters: members(...voters),
    outgoing: members(...outgoing),
    learners: members(...learners),
  });
}

/** A replica of a group that begins with `config` behind entry (`start`, `start`). */
export function emptyDisk(config: GroupConfig, start = 0): Disk {
  const index = logIndex(start);
  return {
    hardState: { term: term(start), vote: null, commit: index },
    truncated: { index, term: term(start) },
    configs: [{ index, config }],
    entries: [],
    applied: index,
  };
}

/** A replica that waits for its first snapshot. */
export function waitingDisk(): Disk {
  return emptyDisk(EMPTY_CONFIG);
}

/** An entry with a command, or with nothing for `""`. */
export function entry(index: number, entryTerm: number, command = ""): Entry {
  const kind = command === "" ? "empty" : "command";
  return { index: logIndex(index), term: term(entryTerm), kind, payload: Buffer.from(command) };
}

export const TEST_TICKS = {
  heartbeatTicks: 1,
  electionMinTicks: 10,
  electionMaxTicks: 20,
  promiseTicks: 10,
  maxInflightMessages: 256,
  maxInflightBytes: 1 << 24,
  maxAppendBytes: 1 << 20,
  maxUncommittedBytes: 1 << 20,
} as const satisfies Omit<RaftOptions, "replicaId" | "random">;

/** Draws 0: every election timeout is the shortest. */
export const noJitter: Random = {
  below: () => 0,
  uuid: () => "00000000-0000-4000-8000-000000000000",
  bytes: (length) => Buffer.alloc(length),
};

export class CoreHost {
  readonly id: ReplicaId;
  readonly options: RaftOptions;
  raft: Raft;
  disk: Disk;
  /** In order of application, since the first start; a snapshot's entries are not among them. */
  readonly applied: Entry[] = [];
  /** The Ready whose write is under way, or null. */
  writing: Ready | null = null;
  /** Entries handed out to write, durable or not. */
  #log: Entry[];

  constructor(options: RaftOptions, disk: Disk, freshReplica: "fresh" | "restarted") {
    this.id = options.replicaId;
    this.options = options;
    this.disk = disk;
    this.#log = [...disk.entries];
    this.raft = this.#start(freshReplica);
  }

  /**
   * Takes one Ready and starts its write. Returns it and what may travel at once; a Ready without
   * anything to write is complete, and so are its messages.
   */
  takeReady(): { readonly ready: Ready; readonly sent: RaftMessage[] } {
    const ready = this.raft.takeReady();
    if (ready.persist?.snapshot) this.#log = [];
    const first = ready.persist?.entries[0];
    if (ready.persist && first) {
      this.#log = this.#log.filter((known) => known.index < first.index);
      this.#log.push(...ready.persist.entries);
    }
    if (ready.committed !== null) this.#apply(ready.committed.first, ready.committed.last);
    const sent = this.#encode(ready.sendNow);
    if (ready.persist !== null) this.writing = ready;
    else sent.push(...this.#encode(ready.sendAfterPersist));
    return { ready, sent };
  }

  /** The write is durable. Returns what may travel now. */
  completeWrite(): RaftMessage[] {
    const ready = must(this.writing, "no write is under way");
    const persist = must(ready.persist, "no write is under way");
    this.writing = null;
    if (persist.snapshot !== null) this.#install(persist.snapshot);
    if (persist.hardState !== null) this.disk.hardState = persist.hardState;
    this.disk.entries = this.#log.filter((known) => known.index > this.disk.truncated.index);
    this.disk.configs = [
      ...this.disk.configs.slice(0, 1),
      ...this.disk.entries
        .filter(({ kind }) => kind === "config")
        .map(({ index, payload }) => ({ index, config: decodeGroupConfig(payload) })),
    ];
    this.raft.persisted();
    return this.#encode(ready.sendAfterPersist);
  }

  /** Takes and writes until nothing is left to do. Returns every message and every Ready. */
  settle(): { readonly sent: RaftMessage[]; readonly readies: Ready[] } {
    const all: RaftMessage[] = [];
    const readies: Ready[] = [];
    if (this.writing !== null) all.push(...this.completeWrite());
    while (this.raft.hasReady()) {
      const { ready, sent } = this.takeReady();
      readies.push(ready);
      all.push(...sent);
      if (this.writing !== null) all.push(...this.completeWrite());
    }
    return { sent: all, readies };
  }

  /** Loses the write under way and everything in memory. */
  crashAndRestart(): void {
    this.writing = null;
    this.#log = [...this.disk.entries];
    this.raft = this.#start("restarted");
  }

  /** Cuts the log; the state that makes it superfluous is taken to be durable. */
  compact(index: number): void {
    const at = logIndex(index);
    const position = { index: at, term: must(this.raft.termOf(at), `no entry ${index}`) };
    const config = must(this.raft.configAt(at), `no config at ${index}`);
    this.raft.compact(at);
    this.#log = this.#log.filter((known) => known.index > index);
    this.disk.truncated = position;
    this.disk.entries = this.disk.entries.filter((known) => known.index > index);
    this.disk.configs = [config, ...this.disk.configs.filter((known) => known.index > at)];
  }

  /** The state as of the applied index, as the host would stream it to `to`. */
  snapshotFor(to: ReplicaId): SnapshotOffer {
    const { applied: index, term: current } = this.raft;
    const config = must(this.raft.configAt(index), `no config at ${index}`);
    return {
      kind: "snapshot",
      from: this.id,
      to,
      term: current,
      index,
      indexTerm: must(this.raft.termOf(index), `no term at ${index}`),
      config: config.config,
      configIndex: config.index,
    };
  }

  #start(freshReplica: "fresh" | "restarted"): Raft {
    const entries = this.disk.entries.map(({ index, term: entryTerm, kind, payload }) => {
      return { index, term: entryTerm, kind, size: payload.length };
    });
    return new Raft(this.options, {
      ...this.disk,
      entries,
      freshReplica: freshReplica === "fresh",
    });
  }

  #apply(first: LogIndex, last: LogIndex): void {
    for (let index = first; index <= last; index++) {
      const found = must(
        this.disk.entries.find((known) => known.index === index),
        `R4: entry ${index} is not durable`,
      );
      this.applied.push(found);
    }
    this.raft.appliedTo(last);
    this.disk.applied = last;
  }

  #install(offer: SnapshotOffer): void {
    assert(offer.index > this.disk.applied, "a snapshot leads back");
    this.disk.truncated = { index: offer.index, term: offer.indexTerm };
    this.disk.configs = [{ index: offer.configIndex, config: offer.config }];
    this.disk.applied = offer.index;
  }

  /** Loads payloads as a host does; drops an append whose entries are gone. */
  #encode(messages: readonly OutgoingMessage[]): RaftMessage[] {
    return messages.flatMap((message): RaftMessage[] => {
      if (message.kind !== "append") return [message];
      const { first, last } = message.entries;
      const entries = this.#log.filter((known) => known.index >= first && known.index <= last);
      const complete = entries.length === Math.max(0, last - first + 1);
      return complete ? [{ ...message, entries }] : [];
    });
  }
}
