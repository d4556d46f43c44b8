/**
 * A few cores and the messages between them, moved by hand: what a script commands happens, and
 * nothing else. Messages wait in the order of sending until they are delivered or dropped.
 */
import { must } from "../../assert.ts";
import { logIndex, term } from "../../ids.ts";
import type { ReplicaId } from "../../ids.ts";
import type { GroupConfig } from "../group-config.ts";
import type { Entry, RaftMessage } from "../messages.ts";
import type { RaftOptions } from "../raft-options.ts";
import { CoreHost, TEST_TICKS, emptyDisk, entry, id, noJitter, waitingDisk } from "./core-host.ts";
import type { Disk } from "./core-host.ts";
import { traceMessage, traceReady } from "./trace.ts";

export type Tuning = Partial<Omit<RaftOptions, "replicaId" | "random">>;

/** A log that a replica has at its start, as the term of each entry. */
export interface Past {
  readonly terms: readonly number[];
  readonly term: number;
  readonly vote: ReplicaId | null;
  readonly commit: number;
}

/** Which waiting messages are meant; absent: any. */
export interface Selection {
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  readonly kind?: string | undefined;
  /** Only so many, the oldest first. */
  readonly count?: number | undefined;
}

export class ScriptCluster {
  readonly #hosts = new Map<number, CoreHost>();
  readonly #tuning: Tuning;
  /** Pairs that cannot reach each other, as "from>to". */
  readonly #cuts = new Set<string>();
  #waiting: RaftMessage[] = [];

  constructor(tuning: Tuning) {
    this.#tuning = tuning;
  }

  get hosts(): readonly CoreHost[] {
    return [...this.#hosts.values()];
  }

  host(replica: number): CoreHost {
    return must(this.#hosts.get(replica), `no replica ${replica}`);
  }

  /** A replica of a group that begins with `config`, behind entry 1. */
  addFirst(replica: number, config: GroupConfig): void {
    this.#add(replica, emptyDisk(config, 1));
  }

  /** A replica that waits for its first snapshot. */
  addWaiting(replica: number): void {
    this.#add(replica, waitingDisk());
  }

  /** A replica with a whole log. */
  addWithPast(replica: number, config: GroupConfig, past: Past): void {
    const disk = emptyDisk(config);
    disk.hardState = { term: term(past.term), vote: past.vote, commit: logIndex(past.commit) };
    disk.entries = past.terms.map((entryTerm, at): Entry => entry(at + 1, entryTerm, `e${at + 1}`));
    this.#add(replica, disk);
  }

  /** Takes one Ready of a replica, without completing its write. */
  takeReady(replica: number): string[] {
    const host = this.host(replica);
    if (!host.raft.hasReady()) return [];
    const { ready, sent } = host.takeReady();
    return [...traceReady(replica, ready), ...this.#send(sent)];
  }

  completeWrite(replica: number): string[] {
    return this.#send(this.host(replica).completeWrite());
  }

  /** Takes and writes at one replica until it has nothing left to do. */
  settleOne(replica: number): string[] {
    const host = this.host(replica);
    const lines = host.writing === null ? [] : this.completeWrite(replica);
    while (host.raft.hasReady()) {
      lines.push(...this.takeReady(replica));
      if (host.writing !== null) lines.push(...this.completeWrite(replica));
      host.raft.checkInvariants();
    }
    return lines;
  }

  /** Takes, writes and delivers everywhere until nothing moves. */
  settle(): string[] {
    const lines: string[] = [];
    for (let round = 0; round < 200; round++) {
      for (const replica of this.#hosts.keys()) lines.push(...this.settleOne(replica));
      if (this.#waiting.length === 0) return lines;
      const moving = this.#waiting;
      this.#waiting = [];
      for (const message of moving) this.step(message);
    }
    throw new Error("the cluster does not come to rest");
  }

  step(message: RaftMessage): void {
    const host = this.host(message.to);
    host.raft.step(message);
    host.raft.checkInvariants();
  }

  deliver(selection: Selection): string[] {
    const chosen = this.take(selection);
    for (const message of chosen) this.step(message);
    return chosen.map(traceMessage);
  }

  /** Delivers the messages and leaves them on the wire. */
  repeat(selection: Selection): string[] {
    const chosen = this.#choose(selection);
    for (const message of chosen) this.step(message);
    return chosen.map(traceMessage);
  }

  /** Removes the messages from the wire. */
  take(selection: Selection): RaftMessage[] {
    const chosen = this.#choose(selection);
    this.#waiting = this.#waiting.filter((message) => !chosen.includes(message));
    return chosen;
  }

  /** From now on nothing gets through between the two groups, in either direction. */
  cut(left: readonly number[], right: readonly number[]): void {
    for (const one of left) {
      for (const other of right) this.#cuts.add(`${one}>${other}`).add(`${other}>${one}`);
    }
  }

  /** Nothing gets through from one to the other; the way back stays open. */
  cutOneWay(from: number, to: number): void {
    this.#cuts.add(`${from}>${to}`);
  }

  heal(): void {
    this.#cuts.clear();
  }

  /** Lets `candidate` win with the given votes; what it wants to say as leader is not yet taken. */
  elect(candidate: number, by: readonly number[]): void {
    this.host(candidate).raft.campaign();
    for (const kind of ["pre-vote", "vote"]) {
      this.settleOne(candidate);
      for (const voter of by) this.deliver({ from: candidate, to: voter, kind });
      for (const voter of by) this.settleOne(voter);
      this.take({ from: candidate, kind });
      this.deliver({ to: candidate, kind: `${kind}-reply` });
    }
  }

  /** Puts a message on the wire as it is, whatever is cut. */
  put(message: RaftMessage): void {
    this.#waiting.push(message);
  }

  #choose(selection: Selection): RaftMessage[] {
    return this.#waiting
      .filter((message) => isChosen(selection, message))
      .slice(0, selection.count ?? this.#waiting.length);
  }

  #add(replica: number, disk: Disk): void {
    // A promise ends before the election timeout, so that a script can ask a voter that is free.
    const ticks = { ...TEST_TICKS, promiseTicks: 8 };
    const options = { ...ticks, ...this.#tuning, replicaId: id(replica), random: noJitter };
    this.#hosts.set(replica, new CoreHost(options, disk, "fresh"));
  }

  /** Adds messages to the wire; returns the trace of those that are not cut off. */
  #send(messages: readonly RaftMessage[]): string[] {
    const passing = messages.filter(({ from, to }) => !this.#cuts.has(`${from}>${to}`));
    this.#waiting.push(...passing.filter(({ to }) => this.#hosts.has(to)));
    return passing.map(traceMessage);
  }
}

function isChosen(selection: Selection, { from, to, kind }: RaftMessage): boolean {
  return (
    (selection.from === undefined || selection.from === from) &&
    (selection.to === undefined || selection.to === to) &&
    (selection.kind === undefined || selection.kind === kind)
  );
}
