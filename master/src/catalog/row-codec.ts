/**
 * Catalog rows as bytes. JSON, with tablets and configs as arrays because there are many. Stored on disk:
 * positions and names are never given another meaning; new ones are added at the end.
 *
 * A row that does not decode is a broken invariant: its bytes passed the checksum, so this program, or a
 * newer one, wrote something that it cannot read.
 */
import { assert, must, unreachable } from "@stele/shared/assert.ts";
import {
  logIndex,
  replicaId,
  serverId,
  tableId,
  tabletId,
  type ServerId,
} from "@stele/shared/ids.ts";
import type { GroupConfig, Member } from "@stele/shared/raft/group-config.ts";
import type { RowKind } from "./catalog-keys.ts";
import type {
  FirstReplicas,
  OperationId,
  OperationRow,
  RemovedRow,
  ServerRow,
  ServerState,
  TableRow,
  TableState,
  TabletRow,
  TabletState,
} from "./rows.ts";

/** A row with its kind. */
export type CatalogRow =
  | { readonly kind: "table"; readonly row: TableRow }
  | { readonly kind: "tablet"; readonly row: TabletRow }
  | { readonly kind: "server"; readonly row: ServerRow }
  | { readonly kind: "operation"; readonly row: OperationRow }
  | { readonly kind: "removed"; readonly row: RemovedRow };

export function encodeRow(entry: CatalogRow): Buffer {
  switch (entry.kind) {
    case "tablet":
      return encodeTablet(entry.row);
    case "operation":
      return encodeOperation(entry.row);
    case "removed":
      return json([entry.row.tabletId, entry.row.replicaId, entry.row.serverId]);
    case "table":
    case "server":
      return json(entry.row);
    default:
      return unreachable(entry);
  }
}

/** `servers` makes equal server ids one string: a large catalog names each many thousand times. */
export function decodeRow(
  kind: RowKind,
  bytes: Buffer,
  servers: Map<string, ServerId>,
): CatalogRow {
  const value: unknown = JSON.parse(bytes.toString());
  switch (kind) {
    case "table":
      return { kind, row: decodeTable(value) };
    case "tablet":
      return { kind, row: decodeTablet(value, servers) };
    case "server":
      return { kind, row: decodeServer(value) };
    case "operation":
      return { kind, row: decodeOperation(value, servers) };
    case "removed":
      return { kind, row: decodeRemoved(value, servers) };
    default:
      return unreachable(kind);
  }
}

type MemberTuple = [number, string];
type ConfigTuple = [MemberTuple[], MemberTuple[], MemberTuple[]];
type FirstTuple = [ConfigTuple, number, number[]];
type TabletTuple = [
  tabletId: number,
  tableId: number,
  start: string | null,
  end: string | null,
  generation: number,
  configIndex: number,
  config: ConfigTuple,
  first: FirstTuple | null,
  state: TabletState,
];

function encodeTablet(row: TabletRow): Buffer {
  const first: FirstTuple | null =
    row.first === null
      ? null
      : [configTuple(row.first.config), row.first.leader, [...row.first.unseen]];
  const tuple: TabletTuple = [
    row.tabletId,
    row.tableId,
    row.range.start?.toString("base64") ?? null,
    row.range.end?.toString("base64") ?? null,
    row.generation,
    row.configIndex,
    configTuple(row.config),
    first,
    row.state,
  ];
  return json(tuple);
}

function decodeTablet(value: unknown, servers: Map<string, ServerId>): TabletRow {
  assert(Array.isArray(value) && value.length >= 9, "a tablet row has nine parts");
  const [id, table, start, end, generation, configIndex, config, first, state] =
    value as TabletTuple;
  return {
    tabletId: tabletId(id),
    tableId: tableId(table),
    range: { start: bytesOrNull(start), end: bytesOrNull(end) },
    generation,
    configIndex: logIndex(configIndex),
    config: configOf(config, servers),
    first: first === null ? null : firstOf(first, servers),
    state: oneOf<TabletState>(state, ["creating", "ready", "dropped"]),
  };
}

function firstOf(
  [config, leader, unseen]: FirstTuple,
  servers: Map<string, ServerId>,
): FirstReplicas {
  return {
    config: configOf(config, servers),
    leader: replicaId(leader),
    unseen: unseen.map(replicaId),
  };
}

function configTuple(config: GroupConfig): ConfigTuple {
  const members = (list: readonly Member[]): MemberTuple[] =>
    list.map((member) => [member.replicaId, member.serverId]);
  return [members(config.voters), members(config.outgoing), members(config.learners)];
}

function configOf(tuple: ConfigTuple, servers: Map<string, ServerId>): GroupConfig {
  const members = (list: readonly MemberTuple[]): Member[] =>
    list.map(([id, server]) => ({ replicaId: replicaId(id), serverId: sharedId(server, servers) }));
  return { voters: members(tuple[0]), outgoing: members(tuple[1]), learners: members(tuple[2]) };
}

function decodeTable(value: unknown): TableRow {
  const row = value as TableRow;
  return {
    ...row,
    tableId: tableId(row.tableId),
    state: oneOf<TableState>(row.state, ["creating", "ready", "dropping", "dropped"]),
  };
}

function decodeServer(value: unknown): ServerRow {
  const row = value as ServerRow;
  return {
    ...row,
    serverId: serverId(row.serverId),
    state: oneOf<ServerState>(row.state, ["live", "gone", "replaced"]),
  };
}

function encodeOperation(row: OperationRow): Buffer {
  if (row.kind !== "replace-replica") return json(row);
  const { lost, newcomer, ...rest } = row;
  return json({
    ...rest,
    lost: [lost.replicaId, lost.serverId],
    newcomer: [newcomer.replicaId, newcomer.serverId],
  });
}

function decodeOperation(value: unknown, servers: Map<string, ServerId>): OperationRow {
  const row = value as OperationRow;
  const operationId = operationNumber(row.operationId);
  switch (row.kind) {
    case "create-table":
    case "drop-table":
      return { ...row, operationId, tableId: tableId(row.tableId) };
    case "replace-replica": {
      const pair = value as { readonly lost: MemberTuple; readonly newcomer: MemberTuple };
      const member = ([id, server]: MemberTuple): Member => ({
        replicaId: replicaId(id),
        serverId: sharedId(server, servers),
      });
      return {
        ...row,
        operationId,
        tabletId: tabletId(row.tabletId),
        lost: member(pair.lost),
        newcomer: member(pair.newcomer),
      };
    }
    default:
      return unreachable(row);
  }
}

function decodeRemoved(value: unknown, servers: Map<string, ServerId>): RemovedRow {
  assert(Array.isArray(value) && value.length >= 3, "a removed row has three parts");
  const [tablet, replica, server] = value as [number, number, string];
  return {
    tabletId: tabletId(tablet),
    replicaId: replicaId(replica),
    serverId: sharedId(server, servers),
  };
}

function operationNumber(value: number): OperationId {
  assert(Number.isSafeInteger(value) && value >= 1, () => `operation id out of range: ${value}`);
  return value as OperationId;
}

function sharedId(text: string, servers: Map<string, ServerId>): ServerId {
  let id = servers.get(text);
  if (id === undefined) servers.set(text, (id = serverId(text)));
  return id;
}

function oneOf<T extends string>(value: string, known: readonly T[]): T {
  return must(
    known.find((item) => item === value),
    `unknown state in a catalog row: ${value}`,
  );
}

function bytesOrNull(text: string | null): Buffer | null {
  return text === null ? null : Buffer.from(text, "base64");
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}
