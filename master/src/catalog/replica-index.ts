/**
 * Which replicas each server has, or is about to have: members of configs and newcomers of replacements.
 * Derived from the rows, never stored.
 */
import type { ReplicaId, ServerId, TabletId } from "@stele/shared/ids.ts";
import type { Member } from "@stele/shared/raft/group-config.ts";
import { membersOf, type ReplacementRow, type TabletRow } from "./rows.ts";

const NONE: ReadonlyMap<ReplicaId, TabletId> = new Map();

export class ReplicaIndex {
  readonly #byServer = new Map<ServerId, Map<ReplicaId, TabletId>>();
  readonly #arriving = new Map<ServerId, number>();

  on(server: ServerId): ReadonlyMap<ReplicaId, TabletId> {
    return this.#byServer.get(server) ?? NONE;
  }

  /** Newcomers of running replacements on the server. */
  arrivingOn(server: ServerId): number {
    return this.#arriving.get(server) ?? 0;
  }

  /** The tablet changed from `before` to `after`; `replacement` is its running one. */
  tabletChanged(
    before: TabletRow | undefined,
    after: TabletRow | undefined,
    replacement: ReplacementRow | undefined,
  ): void {
    if (before?.config === after?.config) return;
    this.#change(placesOf(before, replacement), placesOf(after, replacement));
  }

  replacementChanged(
    tablet: TabletRow | undefined,
    before: ReplacementRow | undefined,
    after: ReplacementRow | undefined,
  ): void {
    if (before?.newcomer === after?.newcomer) return;
    this.#change(placesOf(tablet, before), placesOf(tablet, after));
    if (before !== undefined) this.#count(before.newcomer.serverId, -1);
    if (after !== undefined) this.#count(after.newcomer.serverId, +1);
  }

  #change(before: readonly Place[], after: readonly Place[]): void {
    for (const place of before) {
      const replicas = this.#byServer.get(place.serverId);
      replicas?.delete(place.replicaId);
      if (replicas?.size === 0) this.#byServer.delete(place.serverId);
    }
    for (const place of after) {
      let replicas = this.#byServer.get(place.serverId);
      if (replicas === undefined) this.#byServer.set(place.serverId, (replicas = new Map()));
      replicas.set(place.replicaId, place.tabletId);
    }
  }

  #count(server: ServerId, change: number): void {
    const count = this.arrivingOn(server) + change;
    if (count === 0) this.#arriving.delete(server);
    else this.#arriving.set(server, count);
  }
}

interface Place extends Member {
  readonly tabletId: TabletId;
}

function placesOf(tablet: TabletRow | undefined, replacement: ReplacementRow | undefined): Place[] {
  const tabletId = tablet?.tabletId ?? replacement?.tabletId;
  if (tabletId === undefined) return [];
  const members = tablet === undefined ? [] : [...membersOf(tablet.config)];
  if (replacement !== undefined) members.push(replacement.newcomer);
  return members.map((member) => ({ ...member, tabletId }));
}
