/** Commands that record what tablet servers reported. Older reports change nothing (C3). */
import { must } from "@stele/shared/assert.ts";
import type { Catalog } from "./catalog.ts";
import {
  DONE,
  outdated,
  type CommandResult,
  type ObserveConfig,
  type ObserveDropped,
  type ObserveLeader,
  type ObserveReplicas,
} from "./commands.ts";
import { addRemoved } from "./reduce-replacements.ts";
import { endCall } from "./reduce-tables.ts";
import { isNewer, membersOf, type TableRow, type TabletRow } from "./rows.ts";

export function observeConfig(catalog: Catalog, command: ObserveConfig): CommandResult {
  const tablet = catalog.tablet(command.tabletId);
  if (tablet === undefined) return outdated(`there is no tablet ${command.tabletId}`);
  if (!isNewer(command, tablet)) return outdated(`tablet ${command.tabletId} is newer`);
  const { generation, configIndex, config } = command;
  const members = new Set(membersOf(config).map((member) => member.replicaId));
  for (const member of membersOf(tablet.config)) {
    if (!members.has(member.replicaId)) addRemoved(catalog, tablet.tabletId, member);
  }
  const unseen = tablet.first?.unseen.filter((id) => members.has(id)) ?? [];
  const first = tablet.first === null || unseen.length === 0 ? null : { ...tablet.first, unseen };
  catalog.put({ kind: "tablet", row: { ...tablet, generation, configIndex, config, first } });
  return DONE;
}

export function observeReplicas(catalog: Catalog, command: ObserveReplicas): CommandResult {
  const seen = new Set(command.replicas);
  const replacement = catalog.replacementOf(command.tabletId);
  if (replacement !== undefined && seen.has(replacement.newcomer.replicaId)) {
    catalog.put({ kind: "operation", row: { ...replacement, newcomerSeen: true } });
  }
  const tablet = catalog.tablet(command.tabletId);
  if (tablet === undefined || tablet.first === null) return DONE;
  const unseen = tablet.first.unseen.filter((id) => !seen.has(id));
  if (unseen.length === tablet.first.unseen.length) return DONE;
  const first = unseen.length === 0 ? null : { ...tablet.first, unseen };
  catalog.put({ kind: "tablet", row: { ...tablet, first } });
  return DONE;
}

export function observeLeader(catalog: Catalog, command: ObserveLeader): CommandResult {
  const tablet = catalog.tablet(command.tabletId);
  if (tablet?.state !== "creating") return outdated(`tablet ${command.tabletId} is not creating`);
  catalog.put({ kind: "tablet", row: { ...tablet, state: "ready" } });
  const table = tableOf(catalog, tablet);
  if (table.state !== "creating") return DONE;
  const pending = table.pending - 1;
  const state = pending === 0 ? "ready" : "creating";
  catalog.put({ kind: "table", row: { ...table, pending, state } });
  if (pending === 0) endCall(catalog, "create-table", table.tableId, "done");
  return DONE;
}

export function observeDropped(catalog: Catalog, command: ObserveDropped): CommandResult {
  const tablet = catalog.tablet(command.tabletId);
  if (tablet === undefined || tablet.state === "dropped") {
    return outdated(`tablet ${command.tabletId} is dropped already`);
  }
  const table = tableOf(catalog, tablet);
  if (table.state !== "dropping") return outdated(`table ${table.tableId} is not being dropped`);
  catalog.put({ kind: "tablet", row: { ...tablet, state: "dropped" } });
  const pending = table.pending - 1;
  const state = pending === 0 ? "dropped" : "dropping";
  catalog.put({ kind: "table", row: { ...table, pending, state } });
  if (pending === 0) endCall(catalog, "drop-table", table.tableId, "done");
  return DONE;
}

function tableOf(catalog: Catalog, tablet: TabletRow): TableRow {
  return must(catalog.table(tablet.tableId), `tablet ${tablet.tabletId} has no table`);
}
