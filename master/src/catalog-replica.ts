/**
 * This master's replica of the catalog, as its routes see it: the applied rows on every master, and the
 * leadership while this one leads.
 *
 * C1. Look-ups may read the applied rows of any master; every other answer comes from the leader, after it
 *     made sure that it still is (lease, or a round of ReadIndex).
 */
import type { Clock } from "@stele/shared/clock.ts";
import type { Log } from "@stele/shared/log.ts";
import type { Group } from "@stele/shared/replication/group.ts";
import type { Leadership } from "@stele/shared/replication/state-machine.ts";
import type { Catalog, CatalogChange } from "./catalog/catalog.ts";
import type { CatalogMachine, CatalogWatcher } from "./catalog/catalog-machine.ts";
import { CatalogLeader, LeadershipLost } from "./catalog-leader.ts";
import type { LeaderLimits } from "./leader-state.ts";

export interface CatalogReplicaParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly limits: LeaderLimits;
  readonly holdMs: number;
  readonly failed: (error: unknown) => void;
}

export class CatalogReplica implements CatalogWatcher {
  readonly #parts: CatalogReplicaParts;
  #group: Group | null = null;
  #machine: CatalogMachine | null = null;
  #leader: CatalogLeader | null = null;
  #closed = false;

  constructor(parts: CatalogReplicaParts) {
    this.#parts = parts;
  }

  /** The group is there, or there again: for the machine factory. */
  readonly watch = (group: Group): CatalogWatcher => {
    this.#group = group;
    return this;
  };

  /** Null: this master has no replica of the catalog yet. */
  get group(): Group | null {
    return this.#group;
  }

  /** The rows applied here; null: not loaded yet. */
  get applied(): Catalog | null {
    return this.#machine?.catalog ?? null;
  }

  /** Null: this master does not lead, or does not know yet. */
  get leader(): CatalogLeader | null {
    return this.#leader;
  }

  /** The leadership, whose rows are as new as any acknowledged change. Throws `LeadershipLost`. */
  async confirmedLeader(): Promise<CatalogLeader> {
    const leader = this.#leader;
    if (leader === null || this.#group === null) throw new LeadershipLost("not the leader");
    if (this.#group.holdsLease()) return leader;
    const confirmed = await this.#group.readBarrier();
    if (confirmed !== "ready" || this.#leader !== leader) throw new LeadershipLost("not confirmed");
    return leader;
  }

  close(): void {
    this.#closed = true;
    this.#endLeadership();
  }

  catalogLoaded(machine: CatalogMachine): void {
    this.#endLeadership();
    this.#machine = machine;
  }

  catalogChanged(changes: readonly CatalogChange[]): void {
    this.#leader?.catalogChanged(changes);
  }

  leadershipChanged(leadership: Leadership): void {
    this.#endLeadership();
    const { term } = leadership;
    if (leadership.kind === "follower" || this.#closed) return;
    if (this.#machine === null || this.#group === null) return;
    const { clock, failed, holdMs, limits, log } = this.#parts;
    log.info({ term }, "leads the catalog");
    this.#leader = new CatalogLeader({
      clock,
      machine: this.#machine,
      group: this.#group,
      term,
      limits,
      holdMs,
      failed,
    });
  }

  failed(error: unknown): void {
    this.#parts.failed(error);
  }

  #endLeadership(): void {
    if (this.#leader === null) return;
    this.#parts.log.info({ term: this.#leader.term }, "leads the catalog no more");
    this.#leader.close();
    this.#leader = null;
  }
}
