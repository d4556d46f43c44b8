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
  tabletId,
  type LogIndex,
  type ReplicaId,
  type ServerId,
  type TabletId,
} from "@stele/shared/ids.ts";
import type { GroupConfig } from "@stele/shared/raft/group-config.ts";
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
  loadOf(server: ServerId): ServerLoadReport;
}

/** Gives the config that the catalog holds under this position, so that equal ones are one object. */
export type KnownConfig = (
  tablet: TabletId,
  generation: number,
  configIndex: number,
) => GroupConfig | null;

/** Sums over a server's replicas. */
export interface ServerLoadReport {
  leaders: number;
  sizeBytes: number;
}

interface ServerReports extends ServerLoadReport {
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

  loadOf(server: ServerId): ServerLoadReport {
    const { leaders = 0, sizeBytes = 0 } = this.#servers.get(server) ?? {};
    return { leaders, sizeBytes };
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
    const entry = this.#entry(server, heartbeat);
    for (const tombstone of destroyed) this.#bury(server, entry, tombstone, touched);
    for (const report of heartbeat.replicas) {
      this.#remember(entry, this.#reported(server, report), touched);
    }
    return { resend: false, tablets: touched, destroyed, becameKnown: !sameBoot };
  }

  /** The server is gone or replaced: what it said last counts no more. Gives its tablets. */
  drop(server: ServerId): ReadonlySet<TabletId> {
    const tablets = new Set<TabletId>();
    const entry = this.#servers.get(server);
    if (entry === undefined) return tablets;
    for (const report of entry.replicas.values()) this.#forget(entry, report, tablets);
    this.#servers.delete(server);
    return tablets;
  }

  #entry(server: ServerId, { bootId, sequence }: HeartbeatRequest): ServerReports {
    let entry = this.#servers.get(server);
    if (entry === undefined) {
      entry = { bootId, sequence, replicas: new Map(), leaders: 0, sizeBytes: 0 };
      this.#servers.set(server, entry);
    }
    entry.bootId = bootId;
    entry.sequence = sequence;
    return entry;
  }

  #bury(
    server: ServerId,
    entry: ServerReports,
    { tabletId: tablet, replicaId: upTo }: Tombstone,
    touched: Set<TabletId>,
  ): void {
    for (const report of this.of(tablet).values()) {
      if (report.serverId !== server || report.replicaId > upTo) continue;
      this.#forget(entry, report, touched);
    }
  }

  #remember(entry: ServerReports, report: ReportedReplica, touched: Set<TabletId>): void {
    const before = entry.replicas.get(report.replicaId);
    if (before !== undefined) this.#forget(entry, before, touched);
    entry.replicas.set(report.replicaId, report);
    entry.leaders += report.role === "leader" ? 1 : 0;
    entry.sizeBytes += report.sizeBytes;
    let ofTablet = this.#tablets.get(report.tabletId);
    if (ofTablet === undefined) this.#tablets.set(report.tabletId, (ofTablet = new Map()));
    ofTablet.set(report.replicaId, report);
    touched.add(report.tabletId);
  }

  #forgetMissing(server: ServerId, full: HeartbeatRequest, touched: Set<TabletId>): void {
    const present = new Set<number>(full.replicas.map((report) => report.replicaId));
    const entry = this.#servers.get(server);
    if (entry === undefined) return;
    for (const [replica, report] of entry.replicas) {
      if (!present.has(replica)) this.#forget(entry, report, touched);
    }
  }

  #forget(entry: ServerReports, report: ReportedReplica, touched: Set<TabletId>): void {
    entry.replicas.delete(report.replicaId);
    entry.leaders -= report.role === "leader" ? 1 : 0;
    entry.sizeBytes -= report.sizeBytes;
    const ofTablet = this.#tablets.get(report.tabletId);
    ofTablet?.delete(report.replicaId);
    if (ofTablet?.size === 0) this.#tablets.delete(report.tabletId);
    touched.add(report.tabletId);
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
      config: known ?? report.config,
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

function nothing(resend: boolean, destroyed: readonly Tombstone[]): TakenIn {
  return { resend, tablets: new Set(), destroyed, becameKnown: false };
}
