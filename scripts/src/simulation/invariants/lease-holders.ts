/**
 * At most one replica of a group holds a lease at any moment, paused processes included: what they hold by their own
 * clock, they would serve by.
 *
 * Only groups with two replicas that believe to lead need to be looked at, and those are rare.
 */
import type { TabletId } from "@stele/shared/ids.ts";
import type { Group } from "@stele/shared/replication/group.ts";

type Leading = Pick<Group, "tabletId" | "replicaId" | "holdsLease">;

export class LeaseHolders {
  readonly #report: (tablet: TabletId, detail: string) => void;
  readonly #leading = new Map<TabletId, Set<Leading>>();
  readonly #contested = new Set<Set<Leading>>();

  constructor(report: (tablet: TabletId, detail: string) => void) {
    this.#report = report;
  }

  /** Told by its machine. */
  leads(group: Leading): void {
    let leading = this.#leading.get(group.tabletId);
    if (leading === undefined) this.#leading.set(group.tabletId, (leading = new Set()));
    leading.add(group);
    if (leading.size > 1) this.#contested.add(leading);
  }

  /** Told by its machine, or its process is gone. */
  follows(group: Leading): void {
    const leading = this.#leading.get(group.tabletId);
    if (leading === undefined || !leading.delete(group)) return;
    if (leading.size < 2) this.#contested.delete(leading);
  }

  /** The replica won an election: whoever of the group holds a lease now must not. */
  elected(group: Pick<Group, "tabletId" | "replicaId">): void {
    for (const other of this.#leading.get(group.tabletId) ?? []) {
      if (other.replicaId === group.replicaId || !other.holdsLease()) continue;
      const detail = `replica ${group.replicaId} is elected while ${other.replicaId} holds a lease`;
      this.#report(group.tabletId, detail);
    }
  }

  /** To be called after every event: a lease may end by time alone. */
  check(): void {
    if (this.#contested.size === 0) return;
    for (const leading of this.#contested) this.#checkGroup(leading);
  }

  #checkGroup(leading: ReadonlySet<Leading>): void {
    const holders = [...leading].filter((group) => group.holdsLease());
    const [first] = holders;
    if (first === undefined || holders.length < 2) return;
    const ids = holders.map(({ replicaId }) => replicaId).join(" and ");
    this.#report(first.tabletId, `replicas ${ids} hold a lease at the same time`);
  }
}
