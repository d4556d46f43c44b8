/**
 * One host over disks in memory, without a network: for tests of what a single server does. Every step of its
 * disks takes a turn of the event loop, and nothing waits for real time but the ticks, which a test may run.
 */
import { MemoryStoreDisk } from "../../checkpoint-store/testing/memory-checkpoint-store.ts";
import type { CheckpointStore } from "../../checkpoint-store/checkpoint-store.ts";
import { MemoryLogDisk } from "../../commit-log/testing/memory-log-disk.ts";
import { serverId, type ServerId } from "../../ids.ts";
import { silentLog } from "../../log.ts";
import { nextMacrotask } from "../../testing/macrotask.adapter.ts";
import type { Member } from "../../raft/group-config.ts";
import { SeededRandom } from "../../random.ts";
import type { RaftEnvelope } from "../../rpc/channel-contract.ts";
import { SimulatedClock } from "../../testing/simulated-clock.ts";
import { timing } from "../../timing.ts";
import { DEFAULT_HOST_LIMITS, type HostLimits } from "../host-parts.ts";
import { ReplicaHost } from "../replica-host.ts";
import type { ReplicaBeginning } from "../replica-table.ts";
import { newRegisterState, RegisterMachines } from "./register-machine.ts";

export class MemoryHost {
  readonly id: ServerId;
  readonly random: SeededRandom;
  readonly clock: SimulatedClock;
  readonly logDisk: MemoryLogDisk;
  readonly storeDisk: MemoryStoreDisk;
  readonly failures: unknown[] = [];
  readonly sent: RaftEnvelope[] = [];
  readonly limits: HostLimits;
  host!: ReplicaHost;
  store!: CheckpointStore;
  machines!: RegisterMachines;

  constructor(limits: Partial<HostLimits> = {}, seed = 1) {
    this.random = new SeededRandom(seed);
    this.clock = new SimulatedClock(this.random, nextMacrotask);
    this.id = serverId(this.random.uuid());
    const { random, clock } = this;
    this.logDisk = new MemoryLogDisk({ random, clock, stepMs: () => 1 });
    this.storeDisk = new MemoryStoreDisk({ random, clock });
    this.limits = { ...DEFAULT_HOST_LIMITS, ...limits };
  }

  /** Recovers what is on the disks; nothing moves before `host.start`. */
  async open(): Promise<ReplicaHost> {
    const { random, clock } = this;
    this.store = await this.storeDisk.open();
    this.machines = new RegisterMachines(this.store);
    this.host = await this.within(
      ReplicaHost.open({
        serverId: this.id,
        clock,
        random,
        timing: timing(),
        store: this.store,
        commitLog: { directory: this.logDisk.openDirectory(), segmentBytes: 16 * 1024 },
        transport: { send: (_to, _lane, envelopes) => void this.sent.push(...envelopes) },
        snapshotLink: { send: () => Promise.resolve("ignored") },
        factory: this.machines,
        limits: this.limits,
        log: silentLog,
        failed: (error) => void this.failures.push(error),
      }),
    );
    return this.host;
  }

  /** The process dies and another one opens the disks. */
  async restart(what: "process" | "power"): Promise<ReplicaHost> {
    if (what === "power") this.logDisk.losePower();
    else this.logDisk.endProcess();
    this.storeDisk.crash();
    return this.open();
  }

  /** The outcome, with as much time as it takes. */
  async within<T>(done: Promise<T>): Promise<T> {
    let isSettled = false;
    const mark = (): void => {
      isSettled = true;
    };
    done.then(mark, mark);
    await this.clock.runUntil(() => isSettled, 120_000);
    if (!isSettled) throw new Error("it did not settle within two minutes");
    return done;
  }

  /** A group of this replica alone, or with others that nobody hosts. */
  beginning(members: readonly Member[]): ReplicaBeginning {
    return {
      kind: "bootstrap",
      config: { voters: members, outgoing: [], learners: [] },
      state: newRegisterState,
    };
  }
}
