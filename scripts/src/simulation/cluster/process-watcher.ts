/** Who watches the processes of the cluster from outside: the invariants. */
import type { HostParts } from "@stele/shared/replication/host-parts.ts";
import type { ServerProcess } from "./simulated-process.ts";

export interface ProcessWatcher {
  /** The parts that the host is opened with, wrapped to be watched. */
  watchHost(process: ServerProcess, parts: HostParts): HostParts;
  /** Its host has recovered, and nothing moves yet. */
  opened(process: ServerProcess): void;
  stopped(process: ServerProcess): void;
  /** What was durable there is gone, by a fault. */
  diskReplaced(process: ServerProcess): void;
}
