/**
 * Several replica hosts in one process on a virtual clock, with simulated network, log disks and stores: the host,
 * the Raft core, the commit log and the checkpoint proof are the real ones. One seed is one run.
 */
import { MemoryStoreDisk } from "../../checkpoint-store/memory-checkpoint-store.ts";
import type { CheckpointStore } from "../../checkpoint-store/checkpoint-store.ts";
import type { Clock } from "../../clock.ts";
import { MemoryLogDisk } from "../../commit-log/memory-log-disk.ts";
import { replicaId, serverId, tabletId, type ServerId } from "../../ids.ts";
import { silentLog } from "../../log.ts";
import type { GroupConfig, Member } from "../../raft/group-config.ts";
import type { SeededRandom } from "../../random.ts";
import type { RaftEnvelope, RaftLane, RaftTransport } from "../../rpc/channel-contract.ts";
import { timing } from "../../timing.ts";
import { DEFAULT_HOST_LIMITS } from "../host-parts.ts";
import { ReplicaHost } from "../replica-host.ts";
import type { SnapshotAnswer, SnapshotLink } from "../snapshot-sender.ts";
import type { CommittedCommand } from "../state-machine.ts";
import { newRegisterState, RegisterMachines } from "./register-machine.ts";

export const TABLET = tabletId(7);

export interface NetworkFaults {
  /** Of a hundred messages, so many are lost. */
  lossPercent: number;
  duplicatePercent: number;
  delayMsMax: number;
}

/** One server: what survives a crash, and the incarnation that runs. */
export class SimulatedServer {
  readonly id: ServerId;
  readonly logDisk: MemoryLogDisk;
  readonly storeDisk: MemoryStoreDisk;
  host: ReplicaHost | null = null;
  machines: RegisterMachines | null = null;
  /** Grows with each start: what belongs to an older incarnation is dropped. */
  incarnation = 0;
  readonly totals = { checkpoints: 0, freedSegments: 0, snapshotsInstalled: 0 };

  constructor(id: ServerId, clock: Clock, random: SeededRandom) {
    this.id = id;
    const stepMs = (): number => 1 + random.below(4);
    this.logDisk = new MemoryLogDisk({ random, clock, stepMs });
    this.storeDisk = new MemoryStoreDisk({ clock, random, writeBufferBytes: 16 * 1024 });
  }
}

export class SimulatedHosts {
  readonly servers: readonly SimulatedServer[];
  readonly faults: NetworkFaults = { lossPercent: 0, duplicatePercent: 0, delayMsMax: 5 };
  readonly violations: string[] = [];
  readonly #clock: Clock;
  readonly #random: SeededRandom;
  /** Pairs "from>to" that do not get through. */
  readonly #cut = new Set<string>();
  /** By index: the command that was applied there first. */
  readonly #history = new Map<number, Buffer>();

  constructor(count: number, clock: Clock, random: SeededRandom) {
    this.#clock = clock;
    this.#random = random;
    this.servers = Array.from(
      { length: count },
      () => new SimulatedServer(serverId(random.uuid()), clock, random),
    );
  }

  member(at: number): Member {
    return { replicaId: replicaId(at + 1), serverId: this.server(at).id };
  }

  server(at: number): SimulatedServer {
    return this.servers[at] as SimulatedServer;
  }

  /** Opens and starts every server, with the group on the first `members` of them. */
  async form(members: number): Promise<void> {
    const voters = Array.from({ length: members }, (_, at) => this.member(at));
    const config: GroupConfig = { voters, outgoing: [], learners: [] };
    for (let at = 0; at < this.servers.length; at++) {
      await this.start(at);
      if (at >= members) continue;
      await this.server(at).host?.createReplica(TABLET, replicaId(at + 1), {
        kind: "bootstrap",
        config,
        state: newRegisterState,
      });
    }
  }

  async start(at: number): Promise<void> {
    const server = this.server(at);
    const incarnation = ++server.incarnation;
    const store = await server.storeDisk.open();
    const machines = this.#watched(new RegisterMachines(store), store);
    const host = await ReplicaHost.open({
      serverId: server.id,
      clock: this.#clockOf(server, incarnation),
      random: this.#random,
      timing: timing(),
      store,
      commitLog: { directory: server.logDisk.openDirectory(), segmentBytes: 16 * 1024 },
      transport: this.#transportOf(at, incarnation),
      snapshotLink: this.#linkOf(at, incarnation),
      factory: machines,
      limits: {
        ...DEFAULT_HOST_LIMITS,
        checkpointBytes: 8 * 1024,
        checkpointIntervalMs: 5_000,
        retainedLogBytes: 4 * 1024,
        payloadCacheBytes: 2 * 1024,
      },
      log: silentLog,
      failed: (error) => this.violations.push(`server ${at} failed: ${String(error)}`),
    });
    if (server.incarnation !== incarnation) return;
    server.host = host;
    server.machines = machines;
    host.start();
  }

  /** The process dies; `power` loses what was not synced as well. */
  crash(at: number, what: "process" | "power"): void {
    const server = this.server(at);
    server.incarnation++;
    const counters = server.host?.counters;
    if (counters !== undefined) {
      server.totals.checkpoints += counters.checkpoints;
      server.totals.freedSegments += counters.freedSegments;
      server.totals.snapshotsInstalled += counters.snapshotsInstalled;
    }
    server.host = null;
    server.machines = null;
    if (what === "power") server.logDisk.losePower();
    else server.logDisk.endProcess();
    server.storeDisk.crash();
  }

  cut(from: number, to: number): void {
    this.#cut.add(`${from}>${to}`);
  }

  heal(): void {
    this.#cut.clear();
    this.faults.lossPercent = 0;
    this.faults.duplicatePercent = 0;
    this.faults.delayMsMax = 5;
  }

  /** Checks that every replica applies the same command at the same index. */
  #watched(machines: RegisterMachines, _store: CheckpointStore): RegisterMachines {
    const create = machines.create.bind(machines);
    machines.create = (group) => {
      const machine = create(group);
      const apply = machine.apply.bind(machine);
      machine.apply = (commands) => {
        for (const command of commands) this.#check(command);
        return apply(commands);
      };
      return machine;
    };
    return machines;
  }

  #check({ index, payload }: CommittedCommand): void {
    const known = this.#history.get(index);
    if (known === undefined) this.#history.set(index, Buffer.from(payload));
    else if (!known.equals(payload)) this.violations.push(`index ${index} was applied differently`);
  }

  #clockOf(server: SimulatedServer, incarnation: number): Clock {
    const alive = (callback: () => void) => (): void => {
      if (server.incarnation === incarnation) callback();
    };
    return {
      monotonicMs: () => this.#clock.monotonicMs(),
      wallMicros: () => this.#clock.wallMicros(),
      after: (delayMs, callback) => this.#clock.after(delayMs, alive(callback)),
      soon: (callback) => this.#clock.soon(alive(callback)),
    };
  }

  #transportOf(from: number, incarnation: number): RaftTransport {
    return {
      send: (to: ServerId, lane: RaftLane, envelopes: readonly RaftEnvelope[]) => {
        if (this.server(from).incarnation !== incarnation) return;
        const at = this.servers.findIndex(({ id }) => id === to);
        const { lossPercent, duplicatePercent } = this.faults;
        const copies = this.#random.below(100) < duplicatePercent ? 2 : 1;
        for (let copy = 0; copy < copies; copy++) {
          if (this.#random.below(100) < lossPercent) continue;
          if (this.#cut.has(`${from}>${at}`)) continue;
          this.#clock.after(1 + this.#random.below(this.faults.delayMsMax), () => {
            const host = this.server(at).host;
            if (host !== null) host.receive(this.server(from).id, envelopes);
            else if (this.server(from).incarnation === incarnation && lane === "vital") {
              this.server(from).host?.unreachable(to, "refused");
            }
          });
        }
      },
    };
  }

  #linkOf(from: number, incarnation: number): SnapshotLink {
    return {
      send: async (to: ServerId, frames: AsyncIterable<Buffer>): Promise<SnapshotAnswer> => {
        const at = this.servers.findIndex(({ id }) => id === to);
        const receiver = this.server(at).incarnation;
        const host = this.server(at).host;
        if (host === null) throw new Error("refused");
        return host.receiveSnapshot(this.#slowly(frames, from, incarnation, at, receiver));
      },
    };
  }

  async *#slowly(
    frames: AsyncIterable<Buffer>,
    from: number,
    sender: number,
    to: number,
    receiver: number,
  ): AsyncGenerator<Buffer> {
    for await (const frame of frames) {
      await new Promise<void>(
        (resolve) => void this.#clock.after(1 + this.#random.below(10), resolve),
      );
      const broken =
        this.server(from).incarnation !== sender ||
        this.server(to).incarnation !== receiver ||
        this.#cut.has(`${from}>${to}`);
      if (broken) throw new Error("broken");
      yield frame;
    }
  }
}
