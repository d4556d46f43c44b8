/**
 * Keeps track of what must be planned again and plans it in bounded slices: nothing here walks over all
 * tablets, however many there are, except once when a leader begins.
 *
 * G1. Whatever a rule looks at marks its subjects when it changes: rows, reports, liveness, room on servers.
 * G2. One batch of commands is under way at a time; planning goes on when it is applied, so no rule sees a
 *     catalog in which its own command is missing.
 */
import type { ReplicaId, ServerId, TableId, TabletId } from "@stele/shared/ids.ts";
import type { Tombstone } from "../reports.ts";
import type { CatalogChange } from "../catalog/catalog.ts";
import type { Command } from "../catalog/commands.ts";
import { forgetDropped } from "./drop-table.ts";
import type { Decision, World } from "./plan.ts";
import { TabletHealth } from "./tablet-health.ts";
import { planTablet } from "./plan-tablet.ts";
import { destroyRemoved } from "./remove-orphans.ts";
import type { StepOutbox } from "./step-outbox.ts";

/** Sent so often without effect, a destroy step for a replica that its server does not report is done. */
const DELIVERIES_BEFORE_ABSENT = 2;
const WAITING_AT_ONCE = 64;

export interface PlanRound {
  readonly commands: readonly Command[];
  readonly decisions: readonly Decision[];
}

export class Planner {
  readonly #world: World;
  readonly #outbox: StepOutbox;
  readonly #tablets = new Set<TabletId>();
  readonly #removed = new Set<ReplicaId>();
  readonly #tables = new Set<TableId>();
  readonly #destroyed = new Set<ReplicaId>();
  /** Tablets that wait for room on some server. */
  readonly #waiting = new Set<TabletId>();
  readonly health = new TabletHealth();

  /** A new leader plans everything once. */
  constructor(world: World, outbox: StepOutbox) {
    this.#world = world;
    this.#outbox = outbox;
    for (const { tabletId: id } of world.catalog.tablets()) this.#tablets.add(id);
    for (const { replicaId } of world.catalog.removed.all()) this.#removed.add(replicaId);
    for (const { tableId } of world.catalog.tables()) this.#tables.add(tableId);
  }

  get hasWork(): boolean {
    return this.#tablets.size + this.#removed.size + this.#tables.size + this.#destroyed.size > 0;
  }

  tabletsChanged(tablets: Iterable<TabletId>): void {
    for (const id of tablets) this.#tablets.add(id);
  }

  /** The server's liveness, row or knownness changed. */
  serverChanged(server: ServerId): void {
    this.tabletsChanged(this.#world.catalog.replicas.on(server).values());
    for (const replica of this.#world.catalog.removed.on(server).keys()) this.#removed.add(replica);
    this.reconsiderWaiting();
  }

  /** The server says that it destroyed them. */
  replicasDestroyed(server: ServerId, tombstones: Iterable<Tombstone>): void {
    for (const { tabletId, replicaId: upTo } of tombstones) {
      for (const row of this.#world.catalog.removed.of(tabletId).values()) {
        if (row.serverId === server && row.replicaId <= upTo) this.#destroyed.add(row.replicaId);
      }
    }
  }

  /** Looks again at some of the tablets that wait for room, in turn; call it now and then. */
  reconsiderWaiting(): void {
    this.tabletsChanged(take(this.#waiting, WAITING_AT_ONCE));
  }

  /** A step of this subject was handed out. */
  stepDelivered(subject: string): void {
    const replica = replicaOfSubject(subject);
    if (replica !== null && this.#outbox.deliveries(subject) >= DELIVERIES_BEFORE_ABSENT) {
      this.#removed.add(replica);
    }
  }

  catalogChanged(changes: readonly CatalogChange[]): void {
    for (const { kind, id, row, tablet } of changes) {
      if (tablet !== null) this.#tablets.add(tablet);
      if (kind === "removed") this.#removed.add(id as ReplicaId);
      else if (kind === "table") this.#tableChanged(id as TableId);
      else if (kind === "server") this.serverChanged(id as ServerId);
      if (row === null) this.reconsiderWaiting();
    }
  }

  /** Plans up to `limit` subjects; their steps go to the outbox. */
  plan(limit: number): PlanRound {
    const commands: Command[] = [];
    const decisions: Decision[] = [];
    this.#confirmDestroyed(commands);
    for (const id of take(this.#tables, limit)) {
      const table = this.#world.catalog.table(id);
      const command = table === undefined ? null : forgetDropped(table);
      if (command !== null) commands.push(command);
    }
    for (const id of take(this.#removed, limit)) this.#planRemoved(id, commands, decisions);
    for (const id of take(this.#tablets, limit)) {
      const plan = planTablet(this.#world, id);
      this.#outbox.replace(`tablet ${id}`, plan.steps);
      for (const replica of this.#world.catalog.removed.of(id).keys()) this.#removed.add(replica);
      commands.push(...plan.commands);
      decisions.push(...plan.decisions);
      if (plan.waitsForRoom) this.#waiting.add(id);
      this.health.judge(this.#world, id);
    }
    return { commands: this.#withinRoom(commands), decisions };
  }

  #planRemoved(id: ReplicaId, commands: Command[], decisions: Decision[]): void {
    const subject = subjectOfReplica(id);
    const row = this.#world.catalog.removed.get(id);
    if (row === undefined) return this.#outbox.replace(subject, []);
    const { reports } = this.#world;
    const { step, decision } = destroyRemoved(this.#world, row);
    const isAbsent = reports.knows(row.serverId) && !reports.on(row.serverId).has(id);
    const enough = this.#outbox.deliveries(subject) >= DELIVERIES_BEFORE_ABSENT;
    if (isAbsent && (step === null || enough)) {
      commands.push({ kind: "confirm-destroyed", replicas: [id] });
      return;
    }
    this.#outbox.replace(subject, step === null ? [] : [step]);
    if (decision !== null) decisions.push(decision);
  }

  #confirmDestroyed(commands: Command[]): void {
    if (this.#destroyed.size === 0) return;
    commands.push({ kind: "confirm-destroyed", replicas: [...this.#destroyed] });
    this.#destroyed.clear();
  }

  /**
   * Each rule saw the same room on the servers: of the replacements that one round wants to start, those
   * that would pass the limit wait.
   */
  #withinRoom(commands: readonly Command[]): Command[] {
    const { catalog, limits } = this.#world;
    const starting = new Map<ServerId, number>();
    return commands.filter((command) => {
      if (command.kind !== "start-replacement") return true;
      const begun = starting.get(command.onServer) ?? 0;
      if (catalog.replicas.arrivingOn(command.onServer) + begun >= limits.arrivalsPerServer) {
        this.#waiting.add(command.tabletId);
        return false;
      }
      starting.set(command.onServer, begun + 1);
      return true;
    });
  }

  /** Every slice of a dropped table changes its row, which asks for the next slice. */
  #tableChanged(id: TableId): void {
    const table = this.#world.catalog.table(id);
    if (table === undefined) return;
    this.#tables.add(id);
    if (table.state !== "dropping" || table.pending !== table.tablets) return;
    const order = this.#world.catalog.tabletsInOrder(id);
    this.tabletsChanged(order.slice(0, order.size));
  }
}

const REPLICA_SUBJECT = "replica ";
const subjectOfReplica = (id: ReplicaId): string => `${REPLICA_SUBJECT}${id}`;

function replicaOfSubject(subject: string): ReplicaId | null {
  if (!subject.startsWith(REPLICA_SUBJECT)) return null;
  return Number(subject.slice(REPLICA_SUBJECT.length)) as ReplicaId;
}

function take<T>(set: Set<T>, limit: number): T[] {
  const taken: T[] = [];
  for (const item of set) {
    if (taken.length === limit) break;
    taken.push(item);
    set.delete(item);
  }
  return taken;
}
