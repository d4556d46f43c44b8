/**
 * Dropping: every tablet's leader is asked to commit a drop entry until a leader shows it applied (others may have
 * applied it while one still serves reads under its lease, and whoever leads later applies it first); when
 * the last tablet has, the command that records it frees the table's name. Then the catalog forgets the
 * tablets in slices, which puts their replicas on the removed list.
 */
import type { TableRow } from "../catalog/rows.ts";
import type { Command } from "../catalog/commands.ts";
import { createMissingReplicas } from "./create-missing-replicas.ts";
import type { Plan, Situation } from "./plan.ts";

const FORGET_AT_ONCE = 200;

export function dropTablet(situation: Situation, plan: Plan): void {
  const { tablet, leader } = situation;
  if (tablet.state === "dropped") return;
  if (neverBegan(situation)) {
    plan.commands.push({ kind: "observe-dropped", tabletId: tablet.tabletId });
    return;
  }
  if (leader === null) {
    createMissingReplicas(situation, plan);
    plan.decisions.push({
      rule: "drop-table",
      subject: `tablet ${tablet.tabletId}`,
      outcome: "waits",
      reason: "it has no leader to commit the drop",
    });
    return;
  }
  const step = { kind: "drop-tablet", tabletId: tablet.tabletId } as const;
  plan.steps.push({ serverId: leader.serverId, step });
}

/**
 * Whether the tablet never had a leader and cannot get one: no majority of its first replicas was ever
 * created, and dropping creates none. Nothing can have been written to it.
 */
function neverBegan({ world, tablet, reported }: Situation): boolean {
  const first = tablet.first;
  if (tablet.state !== "creating" || first === null) return false;
  const absent = first.config.voters.filter(
    ({ replicaId, serverId }) =>
      first.unseen.includes(replicaId) &&
      !reported.has(replicaId) &&
      (world.reports.knows(serverId) || world.catalog.server(serverId)?.state !== "live"),
  );
  return absent.length * 2 >= first.config.voters.length;
}

export function forgetDropped(table: TableRow): Command | null {
  if (table.state !== "dropped") return null;
  return { kind: "forget-tablets", tableId: table.tableId, limit: FORGET_AT_ONCE };
}
