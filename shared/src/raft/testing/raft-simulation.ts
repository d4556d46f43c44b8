/**
 * A group on a bad network: messages are lost, repeated and overtaken, replicas stop in the middle
 * of a write and start again, configs change, logs are cut, leaders hand over. One seed is one run.
 *
 * Time is one count of ticks for all; a replica may miss ticks, as a stopped process does. A host
 * keeps a lease as a real one would, and the simulation checks that nobody else is elected under it.
 */
import { assert, must } from "../../assert.ts";
import { logIndex } from "../../ids.ts";
import type { ReplicaId } from "../../ids.ts";
import { SeededRandom } from "../../random.ts";
import { isJoint, isVoter } from "../group-config.ts";
import type { RaftMessage } from "../messages.ts";
import type { Ready } from "../ready.ts";
import {
  CoreHost,
  TEST_TICKS,
  configOf,
  emptyDisk,
  id,
  members,
  waitingDisk,
} from "./core-host.ts";
import { SafetyChecker } from "./safety-checker.ts";

const REPLICAS = [1, 2, 3, 4, 5];
const LEASE_TICKS = Math.floor((TEST_TICKS.promiseTicks - 1) * 0.9);
const MAX_WAITING = 200;

interface Node {
  readonly host: CoreHost;
  /** Send time of each round of this life. */
  readonly stamps: Map<number, number>;
  leaseUntil: number;
  /** What was committed somewhere when the read was opened. */
  readonly reads: Map<number, number>;
}

export interface SimulationResult {
  readonly terms: number;
  readonly committed: number;
  readonly reads: number;
  readonly leaseTicks: number;
  readonly snapshots: number;
  readonly configs: number;
}

export class RaftSimulation {
  readonly #random: SeededRandom;
  readonly #nodes: readonly Node[];
  readonly #checker = new SafetyChecker();
  readonly #cut = new Set<string>();
  #wire: RaftMessage[] = [];
  #now = 0;
  #proposals = 0;
  #readsServed = 0;
  #leaseTicks = 0;
  #snapshots = 0;
  #lossPercent = 0;

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
    this.#nodes = REPLICAS.map((replica) => {
      const disk = replica <= 3 ? emptyDisk(configOf([1, 2, 3]), 1) : waitingDisk();
      const options = {
        ...TEST_TICKS,
        heartbeatTicks: 2,
        maxInflightMessages: 3,
        maxAppendBytes: 8,
        replicaId: id(replica),
        random: this.#random,
      };
      const host = new CoreHost(options, disk, "fresh");
      return { host, stamps: new Map(), leaseUntil: -1, reads: new Map() };
    });
  }

  /** So many random events, then a calm network that must bring everyone together. */
  run(events: number): SimulationResult {
    for (let event = 0; event < events; event++) {
      this.#event();
      if (event % 64 === 0) this.#checker.checkLogs(this.#hosts());
    }
    this.#calmDown();
    const configs = new Set(
      this.#hosts().flatMap((host) => host.applied.filter(({ kind }) => kind === "config")),
    );
    return {
      terms: this.#checker.terms,
      committed: this.#checker.highestCommit,
      reads: this.#readsServed,
      leaseTicks: this.#leaseTicks,
      snapshots: this.#snapshots,
      configs: configs.size,
    };
  }

  #event(): void {
    const node = must(this.#nodes[this.#random.below(this.#nodes.length)], "no node");
    const dice = this.#random.below(1000);
    if (dice < 400) this.#deliverSome();
    else if (dice < 740) this.#workSome();
    else if (dice < 820) this.#tickAll();
    else if (dice < 880) this.#propose(node);
    else if (dice < 915) this.#read(node);
    else if (dice < 940) this.#changeConfig(node);
    else if (dice < 955) this.#transfer(node);
    else if (dice < 970) this.#compact(node);
    else if (dice < 978) this.#crash(node);
    else if (dice < 984) this.#partition();
    else if (dice < 990) this.#lossPercent = this.#random.below(3) * 15;
    else if (dice < 995) node.host.raft.leaderUnreachable();
    else node.host.raft.reportUnreachable(id(1 + this.#random.below(REPLICAS.length)));
    this.#checker.check(node.host);
  }

  #hosts(): CoreHost[] {
    return this.#nodes.map((node) => node.host);
  }

  #node(replica: ReplicaId): Node {
    return must(this.#nodes[replica - 1], `no replica ${replica}`);
  }

  /** One step of a host: take a Ready, or complete a write. */
  #work(node: Node): void {
    const { host } = node;
    if (host.writing !== null) {
      this.#send(host.completeWrite());
    } else if (host.raft.hasReady()) {
      const { ready, sent } = host.takeReady();
      this.#absorb(node, ready);
      this.#send(sent);
    }
  }

  #absorb(node: Node, ready: Ready): void {
    if (ready.roleChange !== null) node.leaseUntil = -1;
    if (ready.roundSent !== null) node.stamps.set(ready.roundSent, this.#now);
    if (ready.roundAcked !== null) {
      const sentAt = must(node.stamps.get(ready.roundAcked), "a round without a stamp");
      node.leaseUntil = Math.max(node.leaseUntil, sentAt + LEASE_TICKS);
    }
    for (const { readId, index } of ready.readStates) {
      const needed = must(node.reads.get(readId), "a read that nobody opened");
      node.reads.delete(readId);
      this.#readsServed += 1;
      assert(index >= needed, () => `read at ${index}, but ${needed} was committed before`);
    }
    for (const readId of ready.failedReads) {
      assert(node.reads.delete(readId), "a read failed that nobody opened");
    }
    for (const follower of ready.snapshotsWanted) this.#stream(node, follower);
  }

  #stream(node: Node, follower: ReplicaId): void {
    const offer = node.host.snapshotFor(follower);
    this.#checker.checkSnapshot(offer);
    this.#snapshots += 1;
    this.#send([offer]);
  }

  #send(messages: readonly RaftMessage[]): void {
    for (const message of messages) {
      const { from, to } = message;
      const lost = this.#cut.has(`${from}>${to}`) || this.#random.below(100) < this.#lossPercent;
      if (!lost && this.#wire.length < MAX_WAITING) this.#wire.push(message);
      else if (message.kind === "snapshot") this.#snapshotDone(message, "failed");
    }
  }

  #workSome(): void {
    for (const node of this.#nodes) if (this.#random.below(2) === 0) this.#work(node);
  }

  #deliverSome(): void {
    for (let left = this.#random.below(8); left >= 0; left--) this.#deliverOne();
  }

  #deliverOne(): void {
    const message = this.#wire[this.#random.below(Math.max(1, this.#wire.length))];
    if (message === undefined) return;
    // One in twenty is delivered again later.
    if (this.#random.below(20) > 0) this.#wire.splice(this.#wire.indexOf(message), 1);
    this.#deliver(message);
  }

  #deliver(message: RaftMessage): void {
    const { host } = this.#node(message.to);
    host.raft.step(message);
    if (message.kind === "snapshot") this.#snapshotDone(message, "installed");
    this.#checker.check(host);
  }

  #snapshotDone(offer: RaftMessage, outcome: "installed" | "failed"): void {
    this.#node(offer.from).host.raft.snapshotDone(offer.to, outcome);
  }

  #tickAll(): void {
    this.#now += 1;
    for (const node of this.#nodes) {
      if (this.#random.below(10) > 0) node.host.raft.tick();
      if (node.leaseUntil > this.#now) this.#checkLease(node);
      this.#checker.check(node.host);
    }
  }

  /** Under a lease there is no leader of a later term, so what the holder applied is the latest. */
  #checkLease(holder: Node): void {
    this.#leaseTicks += 1;
    for (const { host } of this.#nodes) {
      const usurped = host.raft.role === "leader" && host.raft.term > holder.host.raft.term;
      assert(!usurped, () => `${host.id} was elected under the lease of ${holder.host.id}`);
    }
  }

  #propose({ host }: Node): void {
    this.#proposals += 1;
    host.raft.propose([Buffer.from(`c${this.#proposals}`)]);
  }

  #read(node: Node): void {
    const opened = node.host.raft.requestRead();
    if (opened.kind === "opened") node.reads.set(opened.readId, this.#checker.highestCommit);
  }

  #changeConfig({ host }: Node): void {
    const shuffled = REPLICAS.map((replica) => ({ replica, key: this.#random.below(1 << 16) }))
      .toSorted((left, right) => left.key - right.key)
      .map(({ replica }) => replica);
    const voters = shuffled.slice(0, 1 + this.#random.below(4));
    const learners = shuffled.slice(4, 4 + this.#random.below(2));
    const target = { voters: members(...voters), learners: members(...learners) };
    host.raft.proposeConfig(target, host.raft.configIndex);
  }

  #transfer(node: Node): void {
    node.leaseUntil = -1;
    node.host.raft.transferLeadership(id(1 + this.#random.below(REPLICAS.length)));
  }

  #compact({ host }: Node): void {
    const { truncated } = host.raft.status();
    const above = host.disk.applied - truncated.index;
    if (host.writing === null && above > 0) {
      host.compact(truncated.index + 1 + this.#random.below(above));
    }
  }

  #crash(node: Node): void {
    node.host.crashAndRestart();
    node.leaseUntil = -1;
    node.stamps.clear();
    node.reads.clear();
  }

  #partition(): void {
    this.#cut.clear();
    if (this.#random.below(3) === 0) return;
    for (const from of REPLICAS) {
      for (const to of REPLICAS) {
        if (this.#random.below(4) === 0) this.#cut.add(`${from}>${to}`);
      }
    }
  }

  /** Liveness: on a good network a command gets through to every voter. */
  #calmDown(): void {
    this.#cut.clear();
    this.#lossPercent = 0;
    const before = this.#checker.highestCommit;
    for (let round = 0; round < 400; round++) {
      this.#tickAll();
      for (const node of this.#nodes) {
        while (node.host.writing !== null || node.host.raft.hasReady()) this.#work(node);
        if (node.host.raft.role === "leader" && round % 20 === 19) this.#propose(node);
      }
      const moving = this.#wire;
      this.#wire = [];
      for (const message of moving) this.#deliver(message);
      if (round > 100 && this.#isTogether(before)) return;
    }
    assert(false, () => `the group does not recover: ${this.#describe()}`);
  }

  #isTogether(before: number): boolean {
    const leader = this.#hosts().find((host) => host.raft.role === "leader");
    if (leader === undefined || leader.raft.commit <= before) return false;
    const { config, commit } = leader.raft;
    if (isJoint(config)) return false;
    return this.#hosts()
      .filter((host) => isVoter(config, host.id))
      .every((host) => host.raft.applied >= logIndex(commit - 1));
  }

  #describe(): string {
    return JSON.stringify(this.#hosts().map((host) => host.raft.status()));
  }
}
