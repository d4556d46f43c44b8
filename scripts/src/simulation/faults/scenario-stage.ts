/**
 * What scenarios act with: faults of several steps, which must meet each other in order and which faults drawn one by
 * one do too seldom.
 *
 * S1. Each acts on the leader that it finds, and does nothing without.
 * S2. What a scenario holds or delays ends with its `undo`, however far it came; its timers end with all others.
 */
import { CATALOG_GROUP } from "@stele/shared/ids.ts";
import type { ReplicaId, TabletId } from "@stele/shared/ids.ts";
import { serversOf } from "../cluster/simulated-process.ts";
import type { ServerProcess, SimulatedProcess } from "../cluster/simulated-process.ts";
import type { DiskInjection } from "./disk-injection.ts";
import type { InjectionContext } from "./injection-context.ts";
import type { NetworkInjection } from "./network-injection.ts";
import type { ProcessFaults } from "./process-faults.ts";
import { leaderOf, replicasOf } from "./replicas.ts";

type Role = SimulatedProcess["role"];

/** A transfer is refused while its target lags. */
const ASK_EVERY_MS = 20;
const ASKS = 50;

interface StageParts {
  readonly context: InjectionContext;
  readonly network: NetworkInjection;
  readonly processes: ProcessFaults;
  readonly disks: DiskInjection;
}

export class ScenarioStage {
  readonly context: InjectionContext;
  readonly network: NetworkInjection;
  readonly processes: ProcessFaults;
  readonly disks: DiskInjection;

  constructor({ context, network, processes, disks }: StageParts) {
    this.context = context;
    this.network = network;
    this.processes = processes;
    this.disks = disks;
  }

  /** All servers of the role. */
  all(role: ServerProcess["role"]): ServerProcess[] {
    const servers = serversOf(this.context.cluster.processes);
    return servers.filter((server) => server.role === role);
  }

  /** The names of all processes, or of those of the role. */
  names(role: Role | null = null): string[] {
    const { processes } = this.context.cluster;
    return namesOf(processes.filter((each) => role === null || each.role === role));
  }

  /** Tablets of which a replica waits for its first snapshot, one time for each. */
  awaiting(): TabletId[] {
    return this.all("tablet-server").flatMap((process) =>
      replicasOf(process).flatMap(({ machine, tabletId }) => (machine === null ? [tabletId] : [])),
    );
  }

  /** The nth tablet of those that the process leads, counting round. */
  ledTablet(process: SimulatedProcess, nth: number): TabletId | null {
    const led = replicasOf(process)
      .filter(({ raft, tabletId }) => raft.role === "leader" && tabletId !== CATALOG_GROUP)
      .map(({ tabletId }) => tabletId)
      .sort((a, b) => a - b);
    return led[nth % Math.max(1, led.length)] ?? null;
  }

  /** The nth of the other voters of a tablet that the process leads, counting round. */
  otherVoter(
    process: SimulatedProcess,
    tablet: TabletId,
    nth: number,
  ): { readonly process: ServerProcess; readonly replicaId: ReplicaId } | null {
    const voters = leaderOf([process], tablet)?.replica.raft.config.voters ?? [];
    const others = this.all("tablet-server").flatMap((other) => {
      const voter = voters.find(({ serverId }) => serverId === other.serverId);
      const isOther = voter !== undefined && other !== process && other.host !== null;
      return isOther ? [{ process: other, replicaId: voter.replicaId }] : [];
    });
    return others[nth % Math.max(1, others.length)] ?? null;
  }

  /** Asks the leader, until it has handed over or was asked so often. */
  transfer(tablet: TabletId, to: ReplicaId, asks = ASKS): void {
    const leader = leaderOf(this.context.cluster.processes, tablet);
    if (leader === null || leader.replica.replicaId === to || asks === 0) return;
    leader.replica.transferLeadership(to);
    this.context.timers.after(ASK_EVERY_MS, () => this.transfer(tablet, to, asks - 1));
  }
}

export function namesOf(processes: readonly SimulatedProcess[]): string[] {
  return processes.map(({ name }) => name);
}
