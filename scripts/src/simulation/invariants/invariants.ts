/**
 * What must hold in a cluster whatever happens, watched all the time on the real objects: from what hosts send, write
 * to their logs and apply, after every event, and over the contents of their stores.
 *
 * The checks themselves are one a file; this one puts them around a host.
 *
 * I1. Watching changes nothing: no randomness, no time, no message, no write. The order of callbacks is part of
 *     what a seed gives, and the same in every run.
 * I2. A replica whose disk a fault may have damaged is not compared with others (watched-disk.ts, W2).
 */
import { CatalogMachine } from "@stele/master/catalog/catalog-machine.ts";
import { must } from "@stele/shared/assert.ts";
import type { Clock } from "@stele/shared/clock.ts";
import type { LogIndex } from "@stele/shared/ids.ts";
import type { HostParts } from "@stele/shared/replication/host-parts.ts";
import type { ReplicaHost } from "@stele/shared/replication/replica-host.ts";
import type { Replica } from "@stele/shared/replication/replica.ts";
import type {
  AppliedBatch,
  CommittedCommand,
  Leadership,
  StateMachine,
} from "@stele/shared/replication/state-machine.ts";
import type { ServerProcess } from "../cluster/simulated-process.ts";
import type { Violations } from "../violation.ts";
import { QueuedRaftTransport } from "@stele/shared/rpc/raft-transport.ts";
import type { RaftTransport } from "@stele/shared/rpc/channel-contract.ts";
import { TabletSet } from "@stele/tablet-server/tablet-set.ts";
import { CatalogTiling } from "./catalog-tiling.ts";
import { LeaseHolders } from "./lease-holders.ts";
import { leftoverOf } from "./leftovers.ts";
import { OwnRanges } from "./own-ranges.ts";
import { QueueLimits } from "./queue-limits.ts";
import { StoreSurvey, type SurveyedStore } from "./store-survey.ts";
import { StoredRecords } from "./stored-records.ts";
import { WatchedDirectory } from "./watched-directory.ts";
import { WatchedDisk } from "./watched-disk.ts";
import { nameOfGroup, WatchedGroups } from "./watched-group.ts";
import { WatchedMachines, type MachineObserver } from "./watched-machines.ts";
import { WatchedReads } from "./watched-reads.ts";
import { WatchedStore } from "./watched-store.ts";
import { WatchedTransport } from "./watched-transport.ts";

/** What is needed of a process. */
export type WatchedProcess = Pick<ServerProcess, "name" | "disks" | "host" | "tainted">;

/** One start of a server. */
interface WatchedHost extends SurveyedStore {
  readonly process: WatchedProcess;
  readonly clock: Clock;
  readonly leaseMs: number;
  readonly queues: QueueLimits;
  readonly transport: RaftTransport;
  readonly leading: Set<Replica>;
  /** Null until it has recovered. */
  host: ReplicaHost | null;
}

export class Invariants {
  readonly #violations: Violations;
  readonly #groups: WatchedGroups;
  readonly #leases: LeaseHolders;
  readonly #catalog: CatalogTiling;
  readonly #ranges: OwnRanges;
  readonly #survey: StoreSurvey;
  /** By process. */
  readonly #disks = new Map<string, WatchedDisk>();
  readonly #hosts = new Map<string, WatchedHost>();

  constructor(violations: Violations) {
    this.#violations = violations;
    this.#groups = new WatchedGroups(violations);
    this.#leases = new LeaseHolders((tablet, detail) =>
      violations.add("one lease holder", `${nameOfGroup(tablet)}: ${detail}`),
    );
    this.#catalog = new CatalogTiling((detail) =>
      violations.add("ranges tile the key space", detail),
    );
    this.#ranges = new OwnRanges((detail) => violations.add("equal state at equal index", detail));
    this.#survey = new StoreSurvey(this.#groups);
  }

  /** The process starts: gives the parts that its host is to be opened with. */
  watchHost(process: WatchedProcess, parts: HostParts): HostParts {
    const { name } = process;
    const { store } = process.disks;
    const disk = this.#diskOf(name);
    if (process.tainted) disk.touched();
    const watched: WatchedHost = {
      process,
      disk,
      store,
      factory: parts.factory,
      clock: parts.clock,
      leaseMs: parts.timing.leaseMs,
      queues: new QueueLimits(parts.limits, (detail) =>
        this.#violations.add("queues within limits", `${name}: ${detail}`),
      ),
      transport: parts.transport,
      leading: new Set(),
      host: null,
    };
    this.#hosts.set(name, watched);
    const { transport, commitLog, clock, timing } = parts;
    return {
      ...parts,
      store: new WatchedStore(parts.store, (keys) => this.#unplaced(watched, keys)),
      factory: new WatchedMachines(parts.factory, this.#observerOf(watched)),
      commitLog: {
        ...commitLog,
        directory: new WatchedDirectory(commitLog.directory, disk, {
          store,
          factory: parts.factory,
        }),
      },
      transport: new WatchedTransport({
        transport,
        clock,
        leaseMs: timing.leaseMs,
        disk,
        groups: this.#groups,
        replica: (tablet) => (watched.host?.group(tablet) ?? null) as Replica | null,
        elected: (replica) => this.#leases.elected(replica),
        unacknowledged: (tablet, detail) => {
          const what = `${nameOfGroup(tablet)}: ${detail}`;
          this.#violations.add("acknowledged means durable", what);
        },
      }),
    };
  }

  /** Its host has recovered, and nothing moves yet. */
  opened(process: WatchedProcess): void {
    const watched = must(this.#hosts.get(process.name), `${process.name} is not watched`);
    const host = must(process.host, `${process.name} has no host`);
    watched.host = host;
    if (process.tainted) watched.disk.touched();
    watched.disk.recovered(host);
    if (!process.tainted) watched.disk.repaired(host);
    checkSuspects(watched);
    for (const group of host.groups()) {
      const { tabletId, replicaId } = group;
      this.#groups.of(tabletId, replicaId).votesOf(replicaId).restarted();
      this.#look(group as Replica);
    }
    this.#survey.all([watched]);
  }

  /** The process is gone, or goes. */
  stopped(process: WatchedProcess): void {
    const watched = this.#hosts.get(process.name);
    if (watched === undefined) return;
    this.#hosts.delete(process.name);
    for (const replica of watched.leading) this.#leases.follows(replica);
    for (const group of watched.host?.groups() ?? []) this.#look(group as Replica);
    if (process.tainted) watched.disk.touched();
    checkSuspects(watched);
    if (watched.host !== null) watched.disk.stopped(watched.host, watched.store);
  }

  /** What was durable there is gone, by a fault. */
  diskReplaced(process: WatchedProcess): void {
    this.#disks.delete(process.name);
  }

  /** After every event of the process; null: a front-end. */
  afterEvent(process: WatchedProcess | null): void {
    this.#leases.check();
    if (process === null) return;
    const watched = this.#hosts.get(process.name);
    if (watched === undefined || watched.host === null) return;
    watched.queues.check(watched.host);
    for (const replica of watched.leading) this.#checkLease(watched, replica);
    if (process.tainted) watched.disk.touched();
  }

  /** Now and then: looks at queues, and compares part of the stores' contents, others each time. */
  survey(): void {
    for (const watched of this.#hosts.values()) {
      checkQueues(watched);
      checkSuspects(watched);
    }
    for (const { host } of this.#hosts.values()) if (host !== null) this.#checkBuried(host);
    this.#survey.part([...this.#hosts.values()]);
  }

  /** At the end: compares everything. */
  surveyAll(): void {
    this.#survey.all([...this.#hosts.values()]);
  }

  /**
   * At rest: what belongs to nobody; null: nothing. A flipped bit may have taken the record that tells which data is
   * a replica's: that is cleared by the next start (unlisted-data.ts), which need not come.
   */
  leftover(): string | null {
    for (const { process, store, factory, host } of this.#hosts.values()) {
      if (host === null || store.counters.flippedBits > 0) continue;
      const suspects = new Map([...host.suspects()].map((each) => [each.tabletId, each.replicaId]));
      const left = leftoverOf(store.contents, factory, (tablet) => {
        return host.group(tablet)?.replicaId ?? suspects.get(tablet) ?? null;
      });
      if (left !== null) return `${process.name}: ${left}`;
    }
    return null;
  }

  #diskOf(name: string): WatchedDisk {
    let disk = this.#disks.get(name);
    if (disk === undefined) {
      disk = new WatchedDisk(name, this.#groups, this.#violations);
      this.#disks.set(name, disk);
    }
    return disk;
  }

  #observerOf(watched: WatchedHost): MachineObserver {
    return {
      applies: (replica, after, commands) => this.#applies(replica, after, commands),
      applied: (machine, batch) => {
        this.#ranges.check(machine, watched.factory, batch);
        this.#applied(machine, batch);
      },
      leadershipChanged: (replica, leadership) => this.#led(watched, replica, leadership),
      configChanged: ({ tabletId, replicaId, raft }, config, configIndex) => {
        const { quorum, leaderships } = this.#groups.of(tabletId, replicaId);
        quorum.hasConfig(configIndex, config);
        if (raft.role === "leader") leaderships.find(raft.term)?.changes(config);
      },
      groupOf: (replica) =>
        new WatchedReads(replica, this.#groups, ({ tabletId }, detail) => {
          this.#violations.add("linearizability", `${nameOfGroup(tabletId)}: ${detail}`);
        }),
    };
  }

  /** Nobody lives at or below the tombstone of its tablet. */
  #checkBuried(host: ReplicaHost): void {
    const tombstones = host.tombstones();
    for (const { tabletId, replicaId } of host.groups()) {
      const buried = tombstones.get(tabletId);
      if (buried === undefined || replicaId > buried) continue;
      const detail = `replica ${replicaId} is there, and those up to ${buried} are buried`;
      this.#violations.add("recovery", `${nameOfGroup(tabletId)}: ${detail}`);
    }
  }

  /** Its commit index may have moved, and nobody has heard of it yet. */
  #look(replica: Replica): void {
    this.#groups.of(replica.tabletId, replica.replicaId).commitments.look(replica);
  }

  #checkLease({ clock }: WatchedHost, replica: Replica): void {
    if (!replica.holdsLease()) return;
    const { tabletId, replicaId, raft } = replica;
    const leadership = this.#groups.of(tabletId, replicaId).leaderships.find(raft.term);
    const problem = leadership?.problemOfLease(clock.monotonicMs()) ?? null;
    if (problem === null) return;
    const detail = `${nameOfGroup(tabletId)}: replica ${replicaId} ${problem}`;
    this.#violations.add("one lease holder", detail);
  }

  /** Only what no replica has its data in may be written without an applied state: what a snapshot brings, garbage. */
  #unplaced({ store, factory, disk }: WatchedHost, keys: readonly Buffer[]): void {
    const records = new StoredRecords(store.contents);
    for (const [tablet] of records.appliedStates()) {
      const machineState = disk.readable(() => records.appliedState(tablet))?.machineState ?? null;
      if (machineState === null) continue;
      for (const { start, end } of factory.rangesOf(machineState)) {
        if (!keys.some((key) => start.compare(key) <= 0 && key.compare(end) < 0)) continue;
        const detail = `${nameOfGroup(tablet)}: data is written apart from its applied index`;
        this.#violations.add("equal state at equal index", detail);
      }
    }
  }

  #applies(replica: Replica, after: LogIndex, commands: readonly CommittedCommand[]): void {
    const { raft, replicaId, tabletId } = replica;
    const group = this.#groups.of(tabletId, replicaId);
    const { sequence, quorum } = group;
    group.commitments.look(replica);
    let applied = after;
    for (const command of commands) {
      const { index, term } = command;
      if (sequence.applies(replicaId, applied, command)) {
        quorum.applied(index, term, raft.configAt(index)?.config ?? null);
      }
      applied = index;
    }
    sequence.reached(applied, raft.term);
    this.#groups.applied(tabletId, group);
  }

  #applied(machine: StateMachine, batch: AppliedBatch): void {
    if (machine instanceof CatalogMachine && batch.operations.length > 0) {
      this.#catalog.check(machine.catalog);
    }
  }

  #led(watched: WatchedHost, replica: Replica, leadership: Leadership): void {
    if (leadership.kind === "follower") {
      if (watched.leading.delete(replica)) this.#leases.follows(replica);
      return;
    }
    watched.leading.add(replica);
    this.#leases.leads(replica);
    const { raft, replicaId, tabletId } = replica;
    const { term } = leadership;
    const { leaders, sequence, elections, leaderships } = this.#groups.of(tabletId, replicaId);
    if (!leaders.leads(replicaId, term)) return;
    // One that has others to lead was heard of before.
    sequence.leads(replicaId, term, raft);
    elections.leads(replicaId, term, raft.config);
    leaderships.begins(replicaId, term, watched.leaseMs, raft.config);
  }
}

function checkSuspects({ process, disk, host }: WatchedHost): void {
  if (host !== null) disk.checkSuspects(host, { isTainted: process.tainted });
}

function checkQueues({ transport, factory, queues }: WatchedHost): void {
  if (transport instanceof QueuedRaftTransport) {
    for (const queue of transport.queues()) queues.checkTransport(queue);
  }
  if (factory instanceof TabletSet) {
    for (const tablet of factory.tablets()) queues.checkTablet(tablet);
  }
}
