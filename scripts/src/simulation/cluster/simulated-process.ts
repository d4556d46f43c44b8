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

export interface SimulatedProcess {
  /** `m1`, `ts1`, `fe1`, ... */
  readonly name: string;
  readonly role: ServerRole;
  /** Its origin on the simulated network. */
  readonly url: string;
  readonly state: ProcessState;
  /** Null while it is down. A new one for every start. */
  readonly clock: ProcessClock | null;
  /** Null of front-ends. */
  readonly disks: ServerDisks | null;
  readonly diskEpoch: number;
  /** Of the disks as they are; front-ends have none. */
  readonly serverId: ServerId | null;
  /** Null while it is down or recovers, and of front-ends. */
  readonly host: ReplicaHost | null;
  /**
   * Set by whoever damages its disks so that what it acknowledged may be gone; cleared when a start has found
   * out. At most one process at a time may be so.
   */
  tainted: boolean;

  /** REQUIRES: down. */
  start(): void;
  /** `power` loses what was not synced as well. REQUIRES: not down. */
  crash(what: "process" | "power"): void;
  /** REQUIRES: running. */
  pause(): void;
  /** REQUIRES: paused. */
  resume(): void;
  /** Empty disks. REQUIRES: down, and a tablet server. */
  wipe(): void;
}

/** What faults and invariants need of the cluster. */
export interface ClusterUnderTest {
  readonly line: SimulatedClock;
  readonly network: MemoryNetwork;
  /** In a fixed order: masters, tablet servers, front-ends. */
  readonly processes: readonly SimulatedProcess[];
}
