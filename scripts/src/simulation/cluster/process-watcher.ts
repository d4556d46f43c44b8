/** Who watches the processes of the cluster from outside: the invariants. */
import type { HostParts } from "@stele/shared/replication/host-parts.ts";
import type { SimulatedProcess } from "./simulated-process.ts";

export interface ProcessWatcher {
  /** The parts that the host is opened with, wrapped to be watched. */
  watchHost(process: SimulatedProcess, parts: HostParts): HostParts;
  /** Its host has recovered, and nothing moves yet. */
  opened(process: SimulatedProcess): void;
  stopped(process: SimulatedProcess): void;
  /** What was durable there is gone, by a fault. */
  diskReplaced(process: SimulatedProcess): void;
}
