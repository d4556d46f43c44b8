/**
 * Everything that one catalog leader keeps in memory for the time it leads: liveness, reports, wanted steps,
 * decisions. Synchronous and without a clock of its own; `catalog-leader.ts` drives it.
 *
 * S1. It begins empty with every leadership: what an earlier leader knew is learnt again from heartbeats.
 * S2. What must outlive it is in the catalog; everything here is derived from catalog and reports.
 */
import type { ServerId, TabletId } from "@stele/shared/ids.ts";
import type { HeartbeatRequest, Step } from "@stele/shared/wire/heartbeat.ts";
import type { CatalogChange, CatalogReader } from "./catalog/catalog.ts";
import type { Command } from "./catalog/commands.ts";
import {
  DEFAULT_LIVENESS_LIMITS,
  Liveness,
  type LivenessLimits,
  type ServerLiveness,
} from "./liveness.ts";
import { Decisions } from "./plan/decisions.ts";
import { leaderOf } from "./plan/plan-tablet.ts";
import type { TabletTrouble } from "./plan/tablet-health.ts";
import { DEFAULT_PLAN_LIMITS, type PlanLimits, type World } from "./plan/plan.ts";
import { Planner } from "./plan/planner.ts";
import { DEFAULT_OUTBOX_LIMITS, StepOutbox, type OutboxLimits } from "./plan/step-outbox.ts";
import { Reports, type ReportedReplica } from "./reports.ts";

export interface LeaderLimits {
  readonly liveness: LivenessLimits;
  readonly plan: PlanLimits;
  readonly outbox: OutboxLimits;
  /** Subjects planned at a time. */
  readonly planSlice: number;
  /** Steps in one reply. */
  readonly stepsPerReply: number;
}

export const DEFAULT_LEADER_LIMITS: LeaderLimits = {
  liveness: DEFAULT_LIVENESS_LIMITS,
  plan: DEFAULT_PLAN_LIMITS,
  outbox: DEFAULT_OUTBOX_LIMITS,
  planSlice: 256,
  stepsPerReply: 128,
};

/** What must happen before a server's heartbeat may be taken in. */
export type Admission =
  | { readonly kind: "admitted" }
  | { readonly kind: "refused"; readonly detail: string }
  /** The catalog must first hold this. */
  | { readonly kind: "propose"; readonly command: Command }
  /** Its name belongs to another server, which is not silent yet: ask again then, or when it is heard. */
  | { readonly kind: "name-taken"; readonly holder: ServerId; readonly retryInMs: number };

export class LeaderState {
  readonly #catalog: CatalogReader;
  readonly #limits: LeaderLimits;
  readonly #liveness: Liveness;
  readonly #reports: Reports;
  readonly #outbox: StepOutbox;
  readonly #planner: Planner;
  readonly #decisions = new Decisions();
  /** Servers whose row must follow their liveness. */
  readonly #toMarkGone = new Set<ServerId>();
  readonly world: World;

  constructor(catalog: CatalogReader, limits: LeaderLimits, nowMs: number) {
    this.#catalog = catalog;
    this.#limits = limits;
    const present = [...catalog.servers()].filter((server) => server.state !== "replaced");
    const ids = present.map((server) => server.serverId);
    this.#liveness = new Liveness(limits.liveness, ids, nowMs);
    this.#reports = new Reports((tablet, generation, configIndex) => {
      const row = catalog.tablet(tablet);
      const same = row?.generation === generation && row.configIndex === configIndex;
      return same ? row.config : null;
    });
    this.#outbox = new StepOutbox(limits.outbox);
    this.world = {
      catalog,
      reports: this.#reports,
      isLive: (server) => this.#liveness.isLive(server),
      isUnheard: (server) => this.#liveness.isUnheard(server),
      limits: limits.plan,
    };
    this.#planner = new Planner(this.world, this.#outbox);
  }

  get decisions(): Decisions {
    return this.#decisions;
  }

  /** What is wrong with tablets, as last planned. */
  get troubles(): ReadonlyMap<TabletId, TabletTrouble> {
    return this.#planner.health.troubles();
  }

  get hasWork(): boolean {
    return this.#planner.hasWork || this.#toMarkGone.size > 0;
  }

  livenessOf(server: ServerId): ServerLiveness {
    return this.#liveness.of(server);
  }

  silenceMs(server: ServerId, nowMs: number): number | null {
    return this.#liveness.silenceMs(server, nowMs);
  }

  /** The leader of a tablet, if a live server reported it. */
  leaderOf(tablet: TabletId): ReportedReplica | null {
    return leaderOf(this.world, this.#reports.of(tablet).values());
  }

  /** Whether the server may take part under this name and address. */
  admit(heartbeat: HeartbeatRequest, nowMs: number): Admission {
    const id = heartbeat.serverId;
    const { name, url, announcedAtMicros } = heartbeat;
    const address = { serverId: id, name, url, announcedAtMicros };
    const row = this.#catalog.server(id);
    if (row?.state === "replaced") {
      const detail =
        `server ${id} named ${row.name} was replaced by another process of that name; ` +
        "its data directory cannot be used again: start it with an empty one";
      return { kind: "refused", detail };
    }
    if (row?.state === "live" && row.name === name && row.url === url) return { kind: "admitted" };
    const holder = this.#catalog.serverNamed(name);
    if (holder === undefined || holder.serverId === id) {
      return { kind: "propose", command: { kind: "register-server", ...address } };
    }
    const retryInMs = this.#liveness.silentInMs(holder.serverId, nowMs);
    if (retryInMs > 0) return { kind: "name-taken", holder: holder.serverId, retryInMs };
    const old = holder.serverId;
    return { kind: "propose", command: { kind: "replace-server", old, ...address } };
  }

  /** Takes in an admitted heartbeat. True: the server must send everything. */
  takeIn(heartbeat: HeartbeatRequest, nowMs: number): boolean {
    const id = heartbeat.serverId;
    const revived = this.#liveness.heard(id, nowMs);
    this.#toMarkGone.delete(id);
    const taken = this.#reports.takeIn(id, heartbeat);
    this.#planner.tabletsChanged(taken.tablets);
    this.#planner.replicasDestroyed(id, taken.destroyed);
    if (revived || taken.becameKnown) this.#planner.serverChanged(id);
    return taken.resend;
  }

  /** Time passed: call it a few times a second. */
  tick(nowMs: number): void {
    for (const { serverId: id, now } of this.#liveness.tick(nowMs)) {
      if (now === "gone") {
        this.#planner.tabletsChanged(this.#reports.drop(id));
        this.#toMarkGone.add(id);
      }
      this.#planner.serverChanged(id);
    }
    this.#planner.reconsiderWaiting();
  }

  catalogChanged(changes: readonly CatalogChange[], nowMs: number): void {
    for (const { kind, row } of changes) {
      if (kind === "server" && row?.kind === "server") this.#serverRowChanged(row.row, nowMs);
    }
    this.#planner.catalogChanged(changes);
  }

  /** Plans one slice. The commands must be proposed and applied before the next call. */
  plan(atMicros: number): readonly Command[] {
    const { commands, decisions } = this.#planner.plan(this.#limits.planSlice);
    for (const decision of decisions) this.#decisions.add(decision, atMicros);
    const gone = [...this.#toMarkGone].filter((id) => this.#catalog.server(id)?.state === "live");
    this.#toMarkGone.clear();
    for (const id of gone) {
      const subject = `server ${this.#catalog.server(id)?.name ?? id}`;
      const reason = `silent for ${this.#limits.liveness.serverGoneMs} ms: its replicas are replaced`;
      this.#decisions.add({ rule: "mark-gone", subject, outcome: "acts", reason }, atMicros);
    }
    const marks = gone.map((id): Command => ({ kind: "mark-gone", serverId: id }));
    return [...marks, ...commands];
  }

  takeSteps(server: ServerId, nowMs: number): Step[] {
    const due = this.#outbox.takeDue(server, nowMs, this.#limits.stepsPerReply);
    for (const { subject } of due) this.#planner.stepDelivered(subject);
    return due.map(({ step }) => step);
  }

  /** When `takeSteps` will next have something; null: not as things stand. */
  nextStepMs(server: ServerId): number | null {
    return this.#outbox.nextDueMs(server);
  }

  #serverRowChanged(row: { serverId: ServerId; state: string }, nowMs: number): void {
    if (row.state !== "replaced") return this.#liveness.watch(row.serverId, nowMs);
    this.#liveness.forget(row.serverId);
    this.#planner.tabletsChanged(this.#reports.drop(row.serverId));
  }
}
