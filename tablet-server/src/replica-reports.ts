/**
 * What a heartbeat tells of each replica here, and which of it the master does not know yet.
 *
 * R1. A report is sent again until a heartbeat that carried it, or a newer one, was acknowledged by the same master
 *     in the same term.
 */
import type { TabletId } from "@stele/shared/ids.ts";
import type { GroupConfig, Member } from "@stele/shared/raft/group-config.ts";
import type { GroupStatus } from "@stele/shared/replication/group.ts";
import type { ReplicaHost } from "@stele/shared/replication/replica-host.ts";
import type { SuspectReplica } from "@stele/shared/replication/suspect.ts";
import type { HeartbeatRequest, ReplicaReport } from "@stele/shared/wire/heartbeat.ts";
import type { TabletSet } from "./tablet-set.ts";
import type { TabletSizes } from "./tablet-sizes.ts";

type Destroyed = HeartbeatRequest["destroyed"][number];

export interface ReportParts {
  readonly host: ReplicaHost;
  readonly tablets: TabletSet;
  readonly sizes: TabletSizes;
}

/** A heartbeat's part about replicas. */
export interface Delta {
  readonly full: boolean;
  readonly replicas: ReplicaReport[];
  readonly destroyed: Destroyed[];
}

/** Heartbeats that may be acknowledged still. */
const MAX_SENT = 4;

export class ReplicaReports {
  readonly #parts: ReportParts;
  /** As acknowledged, by tablet: the report's text. */
  #known = new Map<TabletId, string>();
  #knownDestroyed = new Map<TabletId, number>();
  /** Sent and not acknowledged, by the heartbeat's sequence. */
  #sent = new Map<number, { reports: Map<TabletId, string>; destroyed: Map<TabletId, number> }>();
  #full = true;

  constructor(parts: ReportParts) {
    this.#parts = parts;
  }

  /** The next heartbeat tells everything: another master, or one that asks for it. */
  forget(): void {
    this.#full = true;
    this.#known = new Map();
    this.#knownDestroyed = new Map();
    this.#sent = new Map();
  }

  take(sequence: number): Delta {
    const reports = new Map<TabletId, string>();
    const replicas: ReplicaReport[] = [];
    for (const report of this.#all()) {
      const tablet = report.tabletId as TabletId;
      const text = JSON.stringify(report);
      reports.set(tablet, text);
      if (this.#known.get(tablet) !== text) replicas.push(report);
    }
    const tombstones = new Map(this.#parts.host.tombstones());
    const destroyed: Destroyed[] = [];
    for (const [tabletId, replicaId] of tombstones) {
      if (this.#knownDestroyed.get(tabletId) !== replicaId) destroyed.push({ tabletId, replicaId });
    }
    this.#sent.set(sequence, { reports, destroyed: tombstones });
    // Without a master nothing is acknowledged: of what was sent only the newest is worth remembering.
    for (const older of this.#sent.keys())
      if (older <= sequence - MAX_SENT) this.#sent.delete(older);
    return { full: this.#full, replicas, destroyed };
  }

  acknowledged(sequence: number): void {
    const sent = this.#sent.get(sequence);
    if (sent === undefined) return;
    this.#known = sent.reports;
    this.#knownDestroyed = sent.destroyed;
    this.#full = false;
    for (const older of this.#sent.keys()) if (older <= sequence) this.#sent.delete(older);
  }

  *#all(): Generator<ReplicaReport> {
    const { host, tablets, sizes } = this.#parts;
    for (const status of host.statuses()) {
      // After the replica before was destroyed its machine may still be known.
      const state = status.awaitingSnapshot
        ? null
        : (tablets.tablet(status.tabletId)?.state ?? null);
      yield {
        ...runningReport(status),
        state: state === null ? "waiting" : state.dropped ? "dropped" : "running",
        generation: state?.generation ?? 0,
        rows: state?.rows ?? 0,
        sizeBytes: sizes.bytesOf(status.tabletId),
      };
    }
    for (const suspect of host.suspects()) yield suspectReport(suspect);
  }
}

function runningReport(
  status: GroupStatus,
): Omit<ReplicaReport, "state" | "generation" | "rows" | "sizeBytes"> {
  const { tabletId, replicaId, role, term, leader, configIndex, config } = status;
  const { commit, applied, lastIndex } = status;
  return {
    tabletId,
    replicaId,
    role: role === "leader" ? "leader" : "follower",
    term,
    leader: leader?.replicaId ?? null,
    configIndex,
    config: writable(config),
    commit,
    applied,
    lastIndex,
    followers: status.followers.map(({ member, match, state, recentlyActive }) => ({
      replicaId: member.replicaId,
      match,
      state,
      active: recentlyActive,
    })),
  };
}

function suspectReport({ tabletId, replicaId }: SuspectReplica): ReplicaReport {
  return {
    tabletId,
    replicaId,
    state: "suspect",
    role: "follower",
    term: 0,
    leader: null,
    generation: 0,
    configIndex: 0,
    config: { voters: [], outgoing: [], learners: [] },
    commit: 0,
    applied: 0,
    lastIndex: 0,
    rows: 0,
    sizeBytes: 0,
    followers: [],
  };
}

function writable(config: GroupConfig): ReplicaReport["config"] {
  const members = (list: readonly Member[]) => list.map((member) => ({ ...member }));
  return {
    voters: members(config.voters),
    outgoing: members(config.outgoing),
    learners: members(config.learners),
  };
}
