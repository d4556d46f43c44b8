/**
 * Commands about tables. A table is created with all its tablets in one command, and leaves in three: the
 * drop begins (the name is taken until every tablet has committed it), the tablets are forgotten in slices,
 * and with the last of them the table.
 */
import { must } from "@stele/shared/assert.ts";
import { replicaId, tableId, tabletId, type ServerId, type TableId } from "@stele/shared/ids.ts";
import { GROUP_START } from "@stele/shared/replication/replica-table.ts";
import type { Catalog } from "./catalog.ts";
import {
  DONE,
  outdated,
  refused,
  type CommandResult,
  type CreateTableCommand,
  type DropTableCommand,
  type ForgetTablets,
  type PlaceAnew,
  type Slices,
} from "./commands.ts";
import { addRemoved } from "./reduce-replacements.ts";
import {
  membersOf,
  type FirstReplicas,
  type OperationId,
  type RequestKey,
  type TableOperationRow,
} from "./rows.ts";

/** Finished calls are found by their key for so long (and so many). */
const KEEP_FINISHED_MICROS = 24 * 3600 * 1_000_000;
const KEEP_FINISHED = 10_000;
const FORGET_AT_ONCE = 16;
const TABLETS_A_SLICE = 500;

export function* createTable(
  catalog: Catalog,
  command: CreateTableCommand,
  atMicros: number,
): Slices<CommandResult> {
  const joined = joinedCall(catalog, "create-table", command.name, command.request);
  if (joined !== null) return joined;
  const holder = catalog.tableNamed(command.name);
  if (holder?.state === "dropping") {
    return refused("OPERATION_CONFLICT", `the table ${command.name} is being dropped`);
  }
  if (holder !== undefined) {
    return refused("TABLE_EXISTS", `a table named ${command.name} exists already`);
  }
  const dead = command.servers.find((server) => catalog.server(server)?.state !== "live");
  if (dead !== undefined) return refused("NOT_ENOUGH_SERVERS", `server ${dead} is not live`);
  const id = tableId(catalog.allocate("table"));
  catalog.put({
    kind: "table",
    row: {
      tableId: id,
      name: command.name,
      families: command.families.map((family, at) => ({ ...family, number: at + 1 })),
      schemaVersion: 1,
      replicas: command.replicas,
      deletionProtection: command.deletionProtection,
      createdAtMicros: atMicros,
      state: "creating",
      tablets: command.placements.length,
      pending: command.placements.length,
    },
  });
  yield* addTablets(catalog, id, command);
  return startCall(catalog, "create-table", id, command, atMicros);
}

function* addTablets(catalog: Catalog, table: TableId, command: CreateTableCommand): Slices<void> {
  const bounds = [null, ...command.splitKeys.map((key) => Buffer.from(key, "base64")), null];
  for (const [at, placement] of command.placements.entries()) {
    if (at > 0 && at % TABLETS_A_SLICE === 0) yield;
    const first = firstReplicas(catalog, placement, command.servers);
    catalog.put({
      kind: "tablet",
      row: {
        tabletId: tabletId(catalog.allocate("tablet")),
        tableId: table,
        range: { start: bounds[at] ?? null, end: bounds[at + 1] ?? null },
        generation: 1,
        config: first.config,
        configIndex: GROUP_START.index,
        first,
        state: "creating",
      },
    });
  }
}

function firstReplicas(
  catalog: Catalog,
  placement: readonly number[],
  servers: readonly ServerId[],
): FirstReplicas {
  const voters = placement.map((at) => ({
    replicaId: replicaId(catalog.allocate("replica")),
    serverId: must(servers[at], `placement on an unknown server ${at}`),
  }));
  return {
    config: { voters, outgoing: [], learners: [] },
    leader: must(voters[0], "a tablet without replicas").replicaId,
    unseen: voters.map((voter) => voter.replicaId),
  };
}

export function placeAnew(catalog: Catalog, command: PlaceAnew): CommandResult {
  const tablet = catalog.tablet(command.tabletId);
  if (tablet?.state !== "creating" || tablet.first === null) {
    return outdated(`tablet ${command.tabletId} has come to be`);
  }
  if (catalog.replacementOf(tablet.tabletId) !== undefined) {
    return outdated(`tablet ${command.tabletId} has a running replacement`);
  }
  for (const member of membersOf(tablet.config)) addRemoved(catalog, tablet.tabletId, member);
  const first = firstReplicas(
    catalog,
    command.servers.map((_server, at) => at),
    command.servers,
  );
  const { config } = first;
  const generation = tablet.generation + 1;
  const row = { ...tablet, generation, config, configIndex: GROUP_START.index, first };
  catalog.put({ kind: "tablet", row });
  return DONE;
}

export function dropTable(
  catalog: Catalog,
  command: DropTableCommand,
  atMicros: number,
): CommandResult {
  const joined = joinedCall(catalog, "drop-table", command.name, command.request);
  if (joined !== null) return joined;
  const table = catalog.tableNamed(command.name);
  if (table === undefined) {
    return refused("TABLE_NOT_FOUND", `there is no table named ${command.name}`);
  }
  if (table.state === "dropping") {
    const running = runningDrop(catalog, table.tableId);
    return { kind: "operation", operationId: running, tableId: table.tableId };
  }
  if (table.deletionProtection) {
    return refused("DELETION_PROTECTED", `the table ${command.name} is protected from deletion`);
  }
  catalog.put({ kind: "table", row: { ...table, state: "dropping", pending: table.tablets } });
  endCall(catalog, "create-table", table.tableId, "cancelled");
  return startCall(catalog, "drop-table", table.tableId, command, atMicros);
}

export function forgetTablets(catalog: Catalog, command: ForgetTablets): CommandResult {
  const table = catalog.table(command.tableId);
  if (table?.state !== "dropped") return outdated(`table ${command.tableId} is not dropped`);
  const order = catalog.tabletsInOrder(table.tableId);
  const ids = order.slice(Math.max(0, order.size - command.limit), order.size).reverse();
  for (const id of ids) {
    const tablet = must(catalog.tablet(id), `tablet ${id} of a dropped table`);
    const replacement = catalog.replacementOf(id);
    if (replacement !== undefined) catalog.removeOperation(replacement.operationId);
    const members = [...membersOf(tablet.config)];
    if (replacement !== undefined) members.push(replacement.newcomer);
    for (const member of members) addRemoved(catalog, id, member);
    catalog.removeTablet(id);
  }
  if (order.size === 0) catalog.removeTable(table.tableId);
  else catalog.put({ kind: "table", row: { ...table, tablets: order.size } });
  return DONE;
}

/** Ends the running call about a table, if there is one. */
export function endCall(
  catalog: Catalog,
  kind: TableOperationRow["kind"],
  table: TableId,
  outcome: "done" | "cancelled",
): void {
  const row = catalog.operations.runningCall(kind, table);
  if (row !== undefined) catalog.put({ kind: "operation", row: { ...row, outcome } });
}

function runningDrop(catalog: Catalog, table: TableId): OperationId {
  const row = catalog.operations.runningCall("drop-table", table);
  return must(row, `table ${table} is dropping without an operation`).operationId;
}

function startCall(
  catalog: Catalog,
  kind: TableOperationRow["kind"],
  table: TableId,
  command: { readonly name: string; readonly request: RequestKey | null },
  atMicros: number,
): CommandResult {
  const forgettable = catalog.operations.forgettable(
    atMicros - KEEP_FINISHED_MICROS,
    KEEP_FINISHED,
    FORGET_AT_ONCE,
  );
  for (const id of forgettable) catalog.removeOperation(id);
  const operationId = catalog.allocate("operation") as OperationId;
  catalog.put({
    kind: "operation",
    row: {
      kind,
      operationId,
      startedAtMicros: atMicros,
      tableId: table,
      tableName: command.name,
      request: command.request,
      outcome: "running",
    },
  });
  return { kind: "operation", operationId, tableId: table };
}

/** The earlier call with the same key, if its request was the same and it was not cancelled. */
function joinedCall(
  catalog: Catalog,
  kind: TableOperationRow["kind"],
  name: string,
  request: RequestKey | null,
): CommandResult | null {
  if (request === null) return null;
  const earlier = catalog.operations.requested(kind, name, request.key);
  if (earlier === undefined) return null;
  if (earlier.request?.fingerprint !== request.fingerprint) {
    return refused(
      "IDEMPOTENCY_MISMATCH",
      `the Idempotency-Key was used for another request about the table ${name}`,
    );
  }
  return { kind: "operation", operationId: earlier.operationId, tableId: earlier.tableId };
}
