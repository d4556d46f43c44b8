/**
 * One process of the simulated cluster and its disks, as faults, invariants and reports see it.
 *
 * S1. Whatever a process does happens on its own clock: a paused one does nothing, a stopped one never again.
 * S2. Disks outlive processes. `diskEpoch` grows when they are replaced by empty ones; the server then comes back
 *     under a new server id.
 */
import type { MemoryStoreDisk } from "@stele/shared/checkpoint-store/testing/memory-checkpoint-store.ts";
import type { MemoryLogDisk } from "@stele/shared/commit-log/testing/memory-log-disk.ts";
import type { ServerId } from "@stele/shared/ids.ts";
import type { ReplicaHost } from "@stele/shared/replication/replica-host.ts";
import type { ServerRole } from "@stele/shared/server-role.ts";
import type { MemoryNetwork } from "@stele/shared/rpc/testing/memory-network.ts";
import type { ProcessClock, SimulatedClock } from "@stele/shared/testing/simulated-clock.ts";

/** "starting": recovers, or waits for what it needs; it may be crashed all the same. */
export type ProcessState = "down" | "starting" | "running" | "paused";

export interface ServerDisks {
  readonly log: MemoryLogDisk;
  readonly store: MemoryStoreDisk;
}

/** What every process is and can have done to it. */
interface ProcessOfCluster {
  /** `m1`, `ts1`, `fe1`, ... */
  readonly name: string;
  /** Its origin on the simulated network. */
  readonly url: string;
  readonly state: ProcessState;
  /** Null while it is down. A new one for every start. */
  readonly clock: ProcessClock | null;

  /** REQUIRES: down. */
  start(): void;
  /** `power` loses what was not synced as well. REQUIRES: not down. */
  crash(what: "process" | "power"): void;
  /** REQUIRES: running. */
  pause(): void;
  /** REQUIRES: paused. */
  resume(): void;
}

/** Keeps nothing. */
export interface FrontendProcess extends ProcessOfCluster {
  readonly role: "frontend";
}

export interface ServerProcess extends ProcessOfCluster {
  readonly role: Exclude<ServerRole, "frontend">;
  readonly disks: ServerDisks;
  readonly diskEpoch: number;
  /** Of the disks as they are. */
  readonly serverId: ServerId;
  /** Null while it is down or recovers. */
  readonly host: ReplicaHost | null;
  /**
   * Set by whoever damages its disks so that what it acknowledged may be gone; cleared when a start has found
   * out. At most one process at a time may be so.
   */
  tainted: boolean;

  /** Empty disks. REQUIRES: down, and a tablet server. */
  wipe(): void;
}

export type SimulatedProcess = ServerProcess | FrontendProcess;

/** Masters and tablet servers, in the order given. */
export function serversOf(processes: readonly SimulatedProcess[]): readonly ServerProcess[] {
  return processes.filter((process) => process.role !== "frontend");
}

/** What faults and invariants need of the cluster. */
export interface ClusterUnderTest {
  readonly line: SimulatedClock;
  readonly network: MemoryNetwork;
  /** In a fixed order: masters, tablet servers, front-ends. */
  readonly processes: readonly SimulatedProcess[];
}
