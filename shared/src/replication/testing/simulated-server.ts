/**
 * One simulated server: disks that survive its crashes, and the process that runs on them. Host, core, commit log
 * and checkpoint proof are the real ones.
 *
 * W1. Whatever a process does, its disks included, happens on its own clock: a paused process does nothing at
 *     all, and a stopped one never again.
 * W2. No crash makes a replica suspect: only damage does.
 * W3. It ends by itself, or does not start, only by a fault of its disks (excused-error.ts).
 */
import type { CheckpointStore } from "../../checkpoint-store/checkpoint-store.ts";
import { MemoryStoreDisk } from "../../checkpoint-store/testing/memory-checkpoint-store.ts";
import type { Clock } from "../../clock.ts";
import { LogRefusedError } from "../../commit-log/commit-log.ts";
import { MemoryLogDisk } from "../../commit-log/testing/memory-log-disk.ts";
import { serverId, type ReplicaId, type ServerId } from "../../ids.ts";
import { silentLog } from "../../log.ts";
import type { SeededRandom } from "../../random.ts";
import type { ProcessClock, SimulatedClock } from "../../testing/simulated-clock.ts";
import { timing } from "../../timing.ts";
import { DEFAULT_HOST_LIMITS } from "../host-parts.ts";
import { ReplicaHost } from "../replica-host.ts";
import { DamagedValueError } from "../sealed-value.ts";
import type { Marks } from "../../testing/marks.ts";
import { isExcused } from "./excused-error.ts";
import type { RegisterMachines } from "./register-machine.ts";
import type { NetworkNode, SimulatedNetwork } from "./simulated-network.ts";

const SEGMENT_BYTES = 12 * 1024;
/** Small, so that every run frees segments, reads entries back from disk and needs snapshots. */
export interface SmallLimits {
  readonly retainedLogBytes: number;
  readonly payloadCacheBytes: number;
}

export interface SimulatedServerParts {
  readonly line: SimulatedClock;
  readonly random: SeededRandom;
  readonly network: SimulatedNetwork;
  readonly marks: Marks;
  readonly limits: SmallLimits;
  readonly machines: (store: CheckpointStore) => RegisterMachines;
  /** Recovered, and nothing has moved yet. */
  readonly recovered: (host: ReplicaHost, machines: RegisterMachines) => Promise<void>;
  readonly violation: (what: string) => void;
}

export class SimulatedServer {
  id: ServerId;
  host: ReplicaHost | null = null;
  machines: RegisterMachines | null = null;
  /** Its disk may have lost what it acknowledged, and nobody has looked since. */
  tainted = false;
  logDisk: MemoryLogDisk;
  storeDisk: MemoryStoreDisk;
  /** The next step of the log's disk takes this much longer. */
  stallMs = 0;
  /** Replicas that became suspect after their disk was damaged, or that said so themselves. */
  readonly #suspected = new Set<ReplicaId>();
  readonly #parts: SimulatedServerParts;
  #process: ProcessClock | null = null;
  #isPaused = false;

  constructor(parts: SimulatedServerParts) {
    this.#parts = parts;
    this.id = serverId(parts.random.uuid());
    this.logDisk = this.#newLogDisk();
    this.storeDisk = this.#newStoreDisk();
  }

  /** A process exists: it starts, runs, or is paused. */
  get isAlive(): boolean {
    return this.#process !== null;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  async start(): Promise<void> {
    const { line, random, network } = this.#parts;
    const process = line.process();
    this.#process = process;
    const mine = (): boolean => this.#process === process;
    const node: NetworkNode = {
      serverId: this.id,
      clock: process,
      host: () => (mine() ? this.host : null),
      isAlive: mine,
    };
    network.attach(node);
    try {
      const store = await this.storeDisk.open();
      const machines = this.#parts.machines(store);
      const host = await ReplicaHost.open({
        serverId: this.id,
        clock: process,
        random,
        timing: timing(),
        store,
        commitLog: { directory: this.logDisk.openDirectory(), segmentBytes: SEGMENT_BYTES },
        transport: network.transportOf(node),
        snapshotLink: network.linkOf(node),
        factory: machines,
        limits: {
          ...DEFAULT_HOST_LIMITS,
          checkpointBytes: 6 * 1024,
          checkpointIntervalMs: 3_000,
          ...this.#parts.limits,
        },
        log: {
          ...silentLog,
          error: ({ replicaId }) => void this.#suspected.add(replicaId as ReplicaId),
        },
        failed: (error) => {
          if (mine()) this.#failed(error);
        },
      });
      this.#checkSuspects(host);
      await this.#parts.recovered(host, machines);
      if (!mine()) return;
      this.tainted = false;
      this.host = host;
      this.machines = machines;
      host.start();
    } catch (error) {
      if (!mine()) return;
      const refused = error instanceof LogRefusedError || error instanceof DamagedValueError;
      this.#judge("did not start", error);
      this.crash("process");
      if (refused) this.wipe();
    }
  }

  /** The process dies; `power` loses what was not synced as well. */
  crash(what: "process" | "power"): void {
    this.#countUp();
    this.#process?.stop();
    this.#process = null;
    this.#parts.network.disconnect(this.id);
    this.#isPaused = false;
    this.host = null;
    this.machines = null;
    this.stallMs = 0;
    if (what === "power") this.logDisk.losePower();
    else this.logDisk.endProcess();
    this.storeDisk.crash();
  }

  pause(): void {
    if (this.#process === null || this.#isPaused) return;
    this.#isPaused = true;
    this.#process.pause();
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#process?.resume();
  }

  /** The disks are empty: it comes back as another server. REQUIRES: it is down. */
  wipe(): void {
    this.#parts.marks.add("server wiped");
    this.id = serverId(this.#parts.random.uuid());
    this.logDisk = this.#newLogDisk();
    this.storeDisk = this.#newStoreDisk();
    this.tainted = false;
  }

  #failed(error: unknown): void {
    this.#parts.marks.add("host failed");
    this.#judge("failed", error);
    this.crash(this.#parts.random.below(2) === 0 ? "process" : "power");
  }

  /** W3. */
  #judge(what: string, error: unknown): void {
    if (isExcused(error, { tainted: this.tainted, isMachineDamage: () => false })) return;
    const text = error instanceof Error ? error.stack : String(error);
    this.#parts.violation(`a server ${what}: ${text}`);
  }

  /** W2. */
  #checkSuspects(host: ReplicaHost): void {
    for (const { replicaId, reason } of host.suspects()) {
      if (this.tainted) this.#suspected.add(replicaId);
      this.#parts.marks.add("replica damaged at recovery");
      if (this.#suspected.has(replicaId)) continue;
      this.#parts.violation(`replica ${replicaId} is suspect without any damage: ${reason}`);
    }
  }

  #countUp(): void {
    const { marks } = this.#parts;
    const counters = this.host?.counters;
    if (counters === undefined) return;
    marks.add("checkpoint", counters.checkpoints);
    marks.add("segment freed", counters.freedSegments);
    marks.add("snapshot installed", counters.snapshotsInstalled);
    marks.add("torn tail repaired", counters.tornTailsRepaired);
    marks.add("replica damaged at run time", counters.suspectReplicas);
  }

  #newLogDisk(): MemoryLogDisk {
    const { random } = this.#parts;
    const stepMs = (): number => {
      const stallMs = this.stallMs;
      this.stallMs = 0;
      return 1 + random.below(3) + stallMs;
    };
    return new MemoryLogDisk({ random, clock: this.#diskClock(), stepMs });
  }

  #newStoreDisk(): MemoryStoreDisk {
    const { random } = this.#parts;
    return new MemoryStoreDisk({ clock: this.#diskClock(), random, writeBufferBytes: 16 * 1024 });
  }

  /** W1. */
  #diskClock(): Clock {
    const now = (): Clock => this.#process ?? this.#parts.line;
    return {
      monotonicMs: () => now().monotonicMs(),
      wallMicros: () => now().wallMicros(),
      after: (delayMs, callback) => now().after(delayMs, callback),
      soon: (callback) => now().soon(callback),
    };
  }
}
