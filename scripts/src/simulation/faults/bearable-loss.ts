/**
 * Which server may lose what it acknowledged: a group of three or more bears one lost replica, and only while all
 * others are whole. The rule is stricter than need be; what it must never do is to allow a loss that no code can survive.
 *
 * L1. One server at a time, and none while another's damage is not found yet.
 * L2. Each of its groups has a leader whose config is committed, not joint, has at least three voters and no learners, and is
 *     the newest that anybody knows.
 * L3. Each other voter of those groups is there, on a host that runs, in no later term than the leader, neither
 *     suspect nor waiting for a snapshot.
 */
import { isJoint } from "@stele/shared/raft/group-config.ts";
import type { Member } from "@stele/shared/raft/group-config.ts";
import type { Replica } from "@stele/shared/replication/replica.ts";
import { serversOf } from "../cluster/simulated-process.ts";
import type { ServerProcess, SimulatedProcess } from "../cluster/simulated-process.ts";
import { leaderOf, replicasOf } from "./replicas.ts";

const VOTERS_MIN = 3;

export class BearableLoss {
  readonly #servers: readonly ServerProcess[];

  constructor(processes: readonly SimulatedProcess[]) {
    this.#servers = serversOf(processes);
  }

  /** Whether every group keeps all that it acknowledged even if `process` loses everything. */
  canLose(process: ServerProcess): boolean {
    if (process.role !== "tablet-server" || process.state !== "running") return false;
    if (this.#servers.some(({ tainted }) => tainted)) return false;
    return replicasOf(process).every((replica) => this.#groupBears(replica, process));
  }

  #groupBears({ tabletId }: Replica, lost: ServerProcess): boolean {
    const leader = leaderOf(this.#servers, tabletId);
    if (leader === null) return false;
    const { config, configIndex, commit, term } = leader.replica.raft;
    if (isJoint(config) || configIndex > commit) return false;
    if (config.voters.length < VOTERS_MIN || config.learners.length > 0) return false;
    const knowsMore = this.#servers.some(({ host }) => {
      const replica = (host?.group(tabletId) ?? null) as Replica | null;
      return replica !== null && replica.raft.configIndex > configIndex;
    });
    if (knowsMore) return false;
    return config.voters.every(
      (voter) => voter.serverId === lost.serverId || this.#isWhole(voter, tabletId, term),
    );
  }

  #isWhole(voter: Member, tablet: Replica["tabletId"], term: number): boolean {
    const server = this.#servers.find(({ serverId }) => serverId === voter.serverId);
    const host = server?.host ?? null;
    if (host === null) return false;
    for (const { replicaId } of host.suspects()) if (replicaId === voter.replicaId) return false;
    const replica = host.group(tablet) as Replica | null;
    return (
      replica !== null &&
      replica.replicaId === voter.replicaId &&
      !replica.closed &&
      replica.machine !== null &&
      replica.raft.term <= term
    );
  }
}
