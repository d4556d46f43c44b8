/**
 * What tablet servers reported to one catalog leader: replicas by server and by tablet. In memory only,
 * rebuilt from full heartbeats after a change of leader.
 *
 * P1. A server's replicas are known only once it has sent a full report of its present boot to this leader;
 *     until then their absence means nothing.
 * P2. Heartbeats of one boot are taken in the order of their sequence; late ones are ignored.
 */
import {
  logIndex,
  replicaId,
  serverId,
  tabletId,
  type LogIndex,
  type ReplicaId,
  type ServerId,
  type TabletId,
} from "@stele/shared/ids.ts";
import type { GroupConfig, Member } from "@stele/shared/raft/group-config.ts";
import type { HeartbeatRequest, ReplicaReport } from "@stele/shared/wire/heartbeat.ts";

export interface ReportedFollower {
  readonly replicaId: ReplicaId;
  readonly match: number;
  readonly state: "probe" | "replicate" | "snapshot";
  readonly active: boolean;
}

/** One replica as its server last described it; see `replicaReportSchema` for the fields. */
export interface ReportedReplica {
  readonly tabletId: TabletId;
  readonly replicaId: ReplicaId;
  readonly serverId: ServerId;
  readonly state: ReplicaReport["state"];
  readonly role: ReplicaReport["role"];
  readonly term: number;
  readonly leader: ReplicaId | null;
  readonly generation: number;
  readonly configIndex: LogIndex;
  readonly config: GroupConfig;
  readonly commit: number;
  readonly lastIndex: number;
  readonly rows: number;
  readonly sizeBytes: number;
  readonly followers: readonly ReportedFollower[];
}

export interface Tombstone {
  readonly tabletId: TabletId;
  readonly replicaId: ReplicaId;
}

export interface TakenIn {
  /** The master does not know the base of this delta: the server must send everything. */
  readonly resend: boolean;
  /** Tablets whose reports changed. */
  readonly tablets: ReadonlySet<TabletId>;
  /** Tombstones: the server will never again have a replica of the tablet up to that id. */
  readonly destroyed: readonly Tombstone[];
  /** The first full report of this boot: absences of this server's replicas begin to count. */
  readonly becameKnown: boolean;
}

/** The reading half, for planning and for answers. */
export interface ReportsReader {
  /** P1: whether what this server does not report is not there. */
  knows(server: ServerId): boolean;
  of(tablet: TabletId): ReadonlyMap<ReplicaId, ReportedReplica>;
  on(server: ServerId): ReadonlyMap<ReplicaId, ReportedReplica>;
}

/** Gives the config that the catalog holds under this position, so that equal ones are one object. */
export type KnownConfig = (
  tablet: TabletId,
  generation: number,
  configIndex: number,
) => GroupConfig | null;

interface ServerReports {
  bootId: string;
  sequence: number;
  readonly replicas: Map<ReplicaId, ReportedReplica>;
}

const NONE: ReadonlyMap<ReplicaId, ReportedReplica> = new Map();

export class Reports implements ReportsReader {
  readonly #knownConfig: KnownConfig;
  readonly #servers = new Map<ServerId, ServerReports>();
  readonly #tablets = new Map<TabletId, Map<ReplicaId, ReportedReplica>>();

  constructor(knownConfig: KnownConfig) {
    this.#knownConfig = knownConfig;
  }

  knows(server: ServerId): boolean {
    return this.#servers.has(server);
  }

  of(tablet: TabletId): ReadonlyMap<ReplicaId, ReportedReplica> {
    return this.#tablets.get(tablet) ?? NONE;
  }

  on(server: ServerId): ReadonlyMap<ReplicaId, ReportedReplica> {
    return this.#servers.get(server)?.replicas ?? NONE;
  }

  takeIn(server: ServerId, heartbeat: HeartbeatRequest): TakenIn {
    const known = this.#servers.get(server);
    const sameBoot = known?.bootId === heartbeat.bootId;
    const destroyed = heartbeat.destroyed.map((item) => {
      return { tabletId: tabletId(item.tabletId), replicaId: replicaId(item.replicaId) };
    });
    if (sameBoot && heartbeat.sequence <= known.sequence) return nothing(false, []);
    if (!heartbeat.full && !sameBoot) return nothing(true, destroyed);
    const touched = new Set<TabletId>();
    if (heartbeat.full) this.#forgetMissing(server, heartbeat, touched);
    const { replicas } = this.#entry(server, heartbeat);
    for (const tombstone of destroyed) this.#bury(server, replicas, tombstone, touched);
    for (const report of heartbeat.replicas) {
      const reported = this.#reported(server, report);
      replicas.set(reported.replicaId, reported);
      this.#remember(reported, touched);
    }
    return { resend: false, tablets: touched, destroyed, becameKnown: !sameBoot };
  }

  /** The server is gone or replaced: what it said last counts no more. Gives its tablets. */
  drop(server: ServerId): ReadonlySet<TabletId> {
    const tablets = new Set<TabletId>();
    for (const [replica, report] of this.on(server)) {
      this.#forget(report.tabletId, replica, tablets);
    }
    this.#servers.delete(server);
    return tablets;
  }

  #bury(
    server: ServerId,
    replicas: Map<ReplicaId, ReportedReplica>,
    { tabletId: tablet, replicaId: upTo }: Tombstone,
    touched: Set<TabletId>,
  ): void {
    for (const [replica, report] of this.of(tablet)) {
      if (report.serverId !== server || replica > upTo) continue;
      replicas.delete(replica);
      this.#forget(tablet, replica, touched);
    }
  }

  #entry(server: ServerId, { bootId, sequence }: HeartbeatRequest): ServerReports {
    let entry = this.#servers.get(server);
    if (entry === undefined) {
      this.#servers.set(server, (entry = { bootId, sequence, replicas: new Map() }));
    }
    entry.bootId = bootId;
    entry.sequence = sequence;
    return entry;
  }

  #remember(reported: ReportedReplica, touched: Set<TabletId>): void {
    let ofTablet = this.#tablets.get(reported.tabletId);
    if (ofTablet === undefined) this.#tablets.set(reported.tabletId, (ofTablet = new Map()));
    ofTablet.set(reported.replicaId, reported);
    touched.add(reported.tabletId);
  }

  #forgetMissing(server: ServerId, full: HeartbeatRequest, touched: Set<TabletId>): void {
    const present = new Set(full.replicas.map((report) => replicaId(report.replicaId)));
    const replicas = this.#servers.get(server)?.replicas;
    for (const [replica, report] of replicas ?? []) {
      if (present.has(replica)) continue;
      replicas?.delete(replica);
      this.#forget(report.tabletId, replica, touched);
    }
  }

  #forget(tablet: TabletId, replica: ReplicaId, touched: Set<TabletId>): void {
    const reported = this.#tablets.get(tablet);
    reported?.delete(replica);
    if (reported?.size === 0) this.#tablets.delete(tablet);
    touched.add(tablet);
  }

  #reported(server: ServerId, report: ReplicaReport): ReportedReplica {
    const tablet = tabletId(report.tabletId);
    const known = this.#knownConfig(tablet, report.generation, report.configIndex);
    return {
      tabletId: tablet,
      replicaId: replicaId(report.replicaId),
      serverId: server,
      state: report.state,
      role: report.role,
      term: report.term,
      leader: report.leader === null ? null : replicaId(report.leader),
      generation: report.generation,
      configIndex: logIndex(report.configIndex),
      config: known ?? configOf(report.config),
      commit: report.commit,
      lastIndex: report.lastIndex,
      rows: report.rows,
      sizeBytes: report.sizeBytes,
      followers: report.followers.map((follower) => ({
        ...follower,
        replicaId: replicaId(follower.replicaId),
      })),
    };
  }
}

function configOf(config: ReplicaReport["config"]): GroupConfig {
  const members = (list: ReplicaReport["config"]["voters"]): Member[] =>
    list.map((item) => ({
      replicaId: replicaId(item.replicaId),
      serverId: serverId(item.serverId),
    }));
  return {
    voters: members(config.voters),
    outgoing: members(config.outgoing),
    learners: members(config.learners),
  };
}

function nothing(resend: boolean, destroyed: readonly Tombstone[]): TakenIn {
  return { resend, tablets: new Set(), destroyed, becameKnown: false };
}
