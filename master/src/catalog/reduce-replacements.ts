/** Commands about replicas that give way to others, and about replicas that are gone. */
import { replicaId as toReplicaId, type TabletId } from "@stele/shared/ids.ts";
import type { Member } from "@stele/shared/raft/group-config.ts";
import type { Catalog } from "./catalog.ts";
import {
  DONE,
  outdated,
  type AbortReplacement,
  type CommandResult,
  type ConfirmDestroyed,
  type FinishReplacement,
  type StartReplacement,
} from "./commands.ts";
import { membersOf, type OperationId, type ReplacementRow } from "./rows.ts";

export function startReplacement(
  catalog: Catalog,
  command: StartReplacement,
  atMicros: number,
): CommandResult {
  const tablet = catalog.tablet(command.tabletId);
  const lost = tablet?.config.voters.find((voter) => voter.replicaId === command.lost);
  if (tablet === undefined || lost === undefined) {
    return outdated(`replica ${command.lost} is no voter of tablet ${command.tabletId}`);
  }
  if (catalog.replacementOf(tablet.tabletId) !== undefined) {
    return outdated(`tablet ${tablet.tabletId} has a running replacement`);
  }
  if (catalog.server(command.onServer)?.state !== "live") {
    return outdated(`server ${command.onServer} is not live`);
  }
  const newcomer = {
    replicaId: toReplicaId(catalog.allocate("replica")),
    serverId: command.onServer,
  };
  catalog.put({
    kind: "operation",
    row: {
      kind: "replace-replica",
      operationId: catalog.allocate("operation") as OperationId,
      startedAtMicros: atMicros,
      tabletId: tablet.tabletId,
      lost,
      newcomer,
      newcomerSeen: false,
      aborting: null,
      reason: command.reason,
    },
  });
  return DONE;
}

export function abortReplacement(catalog: Catalog, command: AbortReplacement): CommandResult {
  const row = runningReplacement(catalog, command.operationId);
  if (row === undefined) return outdated(`operation ${command.operationId} is not running`);
  if (row.aborting !== null) return outdated(`operation ${command.operationId} is being undone`);
  catalog.put({ kind: "operation", row: { ...row, aborting: command.reason } });
  return DONE;
}

/** Ends a replacement whose config shows one of the two outcomes; the replica that is out is removed. */
export function finishReplacement(catalog: Catalog, command: FinishReplacement): CommandResult {
  const row = runningReplacement(catalog, command.operationId);
  if (row === undefined) return outdated(`operation ${command.operationId} is not running`);
  const tablet = catalog.tablet(row.tabletId);
  if (tablet === undefined) return outdated(`there is no tablet ${row.tabletId}`);
  const has = (list: readonly Member[], { replicaId }: Member): boolean =>
    list.some((member) => member.replicaId === replicaId);
  const members = membersOf(tablet.config);
  const isIn = has(members, row.newcomer);
  const lostIsIn = has(members, row.lost);
  const succeeded = has(tablet.config.voters, row.newcomer) && !lostIsIn;
  const undone = !isIn && (row.aborting !== null || !lostIsIn);
  if (!succeeded && !undone) return outdated(`operation ${command.operationId} is not finished`);
  catalog.removeOperation(row.operationId);
  if (!isIn) addRemoved(catalog, row.tabletId, row.newcomer);
  return DONE;
}

export function confirmDestroyed(catalog: Catalog, command: ConfirmDestroyed): CommandResult {
  for (const replica of command.replicas) {
    if (catalog.removed.get(replica) !== undefined) catalog.removeRemoved(replica);
  }
  return DONE;
}

/** The replica is no member any more: its server must destroy it. A replaced server never will. */
export function addRemoved(catalog: Catalog, tablet: TabletId, member: Member): void {
  if (catalog.server(member.serverId)?.state === "replaced") return;
  catalog.put({
    kind: "removed",
    row: { tabletId: tablet, replicaId: member.replicaId, serverId: member.serverId },
  });
}

function runningReplacement(catalog: Catalog, id: OperationId): ReplacementRow | undefined {
  const row = catalog.operations.get(id);
  return row?.kind === "replace-replica" ? row : undefined;
}
