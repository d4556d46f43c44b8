/**
 * What a rule sees and what it may answer. Rules are pure: the same catalog, reports and liveness give the
 * same plan, on whichever master.
 *
 * N1. A rule proposes commands or asks for steps; it never assumes that either took effect, but reads it off
 *     the catalog and the reports the next time.
 * N2. Every step names what it expects, so one that arrives late or twice does no harm.
 */
import type { ServerId } from "@stele/shared/ids.ts";
import type { Step } from "@stele/shared/wire/heartbeat.ts";
import type { CatalogReader } from "../catalog/catalog.ts";
import type { Command } from "../catalog/commands.ts";
import type { ReplacementRow, TableRow, TabletRow } from "../catalog/rows.ts";
import type { ReportedReplica, ReportsReader } from "../reports.ts";

export interface PlanLimits {
  /** Replicas that one server may be copying in at a time. */
  readonly arrivalsPerServer: number;
  /** A newcomer this close behind the leader's commit index is promoted, in log entries. */
  readonly caughtUpEntries: number;
}

export const DEFAULT_PLAN_LIMITS: PlanLimits = { arrivalsPerServer: 4, caughtUpEntries: 100 };

/** Everything that planning looks at. */
export interface World {
  readonly catalog: CatalogReader;
  readonly reports: ReportsReader;
  /** Heard of within the silence limit, by this leader. */
  isLive(server: ServerId): boolean;
  /** Not heard of by this leader, which does not lead long enough to call the server silent. */
  isUnheard(server: ServerId): boolean;
  readonly limits: PlanLimits;
}

/** One tablet with all that concerns it. */
export interface Situation {
  readonly world: World;
  readonly tablet: TabletRow;
  readonly table: TableRow;
  readonly replacement: ReplacementRow | undefined;
  readonly reported: ReadonlyMap<number, ReportedReplica>;
  /** The report of the leader, if a live server has it; the highest term wins. */
  readonly leader: ReportedReplica | null;
}

export interface PlannedStep {
  readonly serverId: ServerId;
  readonly step: Step;
}

/** What the planner did, or why it did not; shown to operators. */
export interface Decision {
  readonly rule: string;
  readonly subject: string;
  readonly outcome: "acts" | "waits" | "refuses";
  readonly reason: string;
}

export interface Plan {
  readonly steps: PlannedStep[];
  readonly commands: Command[];
  readonly decisions: Decision[];
  /** The tablet waits for room on some server: look again when a replacement ends. */
  waitsForRoom: boolean;
}

export const emptyPlan = (): Plan => ({
  steps: [],
  commands: [],
  decisions: [],
  waitsForRoom: false,
});
