/**
 * What users ask of tables. A call that changes something is an operation in the catalog: it goes on when the
 * caller leaves or this master dies, and a call sent again with the same key joins it.
 */
import { createHash } from "node:crypto";
import { unreachable } from "@stele/shared/assert.ts";
import { DatabaseError } from "@stele/shared/errors.ts";
import type { TableId } from "@stele/shared/ids.ts";
import type { CreateTable, TableView, TabletView } from "@stele/shared/wire/admin-views.ts";
import type { CatalogLeader } from "./catalog-leader.ts";
import type { CommandResult, Refusal } from "./catalog/commands.ts";
import type { OperationId, TableOperationRow, TableRow } from "./catalog/rows.ts";
import { placeNewTablets, type ServerLoad } from "./plan/place-new-tablets.ts";
import { fingerprintOf, tableDefinition, type TableDefinition } from "./table-definition.ts";
import { tableView, tabletView } from "./views.ts";

export interface OperationCall {
  /** On the monotonic clock. */
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
}

const DEFAULT_REPLICAS = 3;

/** One leadership's table calls; every one throws `LeadershipLost` when it ends. */
export class TableOperations {
  readonly #leader: CatalogLeader;

  constructor(leader: CatalogLeader) {
    this.#leader = leader;
  }

  /** Resolves when every tablet has had a leader. */
  async create(request: CreateTable, call: OperationCall): Promise<TableView> {
    const definition = tableDefinition(request);
    const fingerprint = fingerprintOf(definition);
    const key = request.idempotencyKey;
    const earlier = key === null ? undefined : this.#requested(definition.name, key);
    const started =
      earlier?.request?.fingerprint === fingerprint
        ? earlier
        : await this.#startCreate(definition, key === null ? null : { key, fingerprint }, call);
    const outcome = await this.#outcomeOf(started.operationId, call);
    const table = this.#catalog.table(started.tableId);
    if (outcome === null) throw this.#creationLate(definition.name, table);
    if (outcome === "cancelled" || table === undefined || table.state === "dropped") {
      const detail = `the table ${definition.name} was made by this request and dropped since`;
      throw new DatabaseError({ code: "TABLE_NOT_FOUND", detail });
    }
    return tableView(table);
  }

  /** Resolves when every tablet has committed the drop: the name is free then. */
  async drop(table: string, key: string | null, call: OperationCall): Promise<void> {
    const request = key === null ? null : { key, fingerprint: dropFingerprint(table) };
    const command = { kind: "drop-table", name: table, request } as const;
    const [result] = await this.#leader.propose([command]);
    const { operationId } = this.#operation(result);
    if ((await this.#outcomeOf(operationId, call)) !== null) return;
    const detail = `not every tablet of ${table} has committed the drop yet; the drop goes on`;
    throw new DatabaseError({ code: "DEADLINE", detail });
  }

  /** By name. */
  list(): TableView[] {
    return [...this.#catalog.tables()]
      .filter(({ state }) => state === "creating" || state === "ready")
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map(tableView);
  }

  describe(name: string): TableView {
    return tableView(this.#existing(name));
  }

  /** In key order, from the tablet that holds `from`; null: the first. */
  tablets(
    name: string,
    page: { readonly from: Buffer | null; readonly limit: number },
  ): { tableId: TableId; tablets: TabletView[]; nextStart: Buffer | null } {
    const { tableId } = this.#existing(name);
    const order = this.#catalog.tabletsInOrder(tableId);
    const first = order.positionOf(page.from);
    const rows = order
      .slice(first, first + page.limit)
      .flatMap((id) => this.#catalog.tablet(id) ?? []);
    const tablets = rows.map((row) => tabletView(this.#leader.state, row));
    return { tableId, tablets, nextStart: rows.at(-1)?.range.end ?? null };
  }

  get #catalog() {
    return this.#leader.state.world.catalog;
  }

  #existing(name: string): TableRow {
    const table = this.#catalog.tableNamed(name);
    if (table?.state === "creating" || table?.state === "ready") return table;
    const detail = `there is no table named ${name}`;
    throw new DatabaseError({ code: "TABLE_NOT_FOUND", detail });
  }

  #requested(name: string, key: string): TableOperationRow | undefined {
    return this.#catalog.operations.requested("create-table", name, key);
  }

  async #startCreate(
    definition: TableDefinition,
    request: { readonly key: string; readonly fingerprint: string } | null,
    call: OperationCall,
  ): Promise<{ readonly operationId: OperationId; readonly tableId: TableId }> {
    const loads = await this.#liveServers(definition.replicas, call);
    const replicas =
      definition.replicas ?? (loads.length < DEFAULT_REPLICAS ? 1 : DEFAULT_REPLICAS);
    if (replicas > loads.length) {
      throw notEnoughServers(replicas, loads);
    }
    const tablets = definition.splitKeys.length + 1;
    const [result] = await this.#leader.propose([
      {
        kind: "create-table",
        name: definition.name,
        families: definition.families,
        splitKeys: definition.splitKeys.map((splitKey) => splitKey.toString("base64")),
        replicas,
        deletionProtection: definition.deletionProtection,
        ...placeNewTablets(loads, tablets, replicas),
        request,
      },
    ]);
    return this.#operation(result);
  }

  /**
   * A new leader has not heard of everybody yet: it waits for word of each server that it has no reason to
   * think silent, unless enough are there.
   */
  async #liveServers(wanted: number | null, call: OperationCall): Promise<ServerLoad[]> {
    const { state } = this.#leader;
    const enough = wanted ?? DEFAULT_REPLICAS;
    const settled = await this.#leader.waitFor(() => {
      const servers = [...this.#catalog.servers()].filter((server) => server.state === "live");
      const isOpen = servers.some(({ serverId }) => state.livenessOf(serverId) === "unknown");
      const live = servers.filter(({ serverId }) => state.world.isLive(serverId));
      return isOpen && live.length < enough ? null : live;
    }, call);
    return (settled ?? []).map(({ serverId, name }) => ({
      serverId,
      name,
      replicas: this.#catalog.replicas.on(serverId).size,
      leaders: state.world.reports.loadOf(serverId).leaders,
    }));
  }

  /** Null: the deadline passed, and the operation goes on. */
  #outcomeOf(id: OperationId, call: OperationCall): Promise<"done" | "cancelled" | null> {
    return this.#leader.waitFor(() => {
      const row = this.#catalog.operations.get(id);
      // Finished operations are forgotten in the end; running ones never are.
      if (row === undefined || row.kind === "replace-replica") return "done";
      return row.outcome === "running" ? null : row.outcome;
    }, call);
  }

  #creationLate(name: string, table: TableRow | undefined): DatabaseError {
    const late = table === undefined ? "" : ` (${table.pending} of ${table.tablets} to come)`;
    const detail = `not every tablet of ${name} has a leader yet${late}; the creation goes on`;
    const hint = "send the request again with the same Idempotency-Key to wait for it";
    return new DatabaseError({ code: "DEADLINE", detail, hint });
  }

  #operation(result: CommandResult | undefined): {
    readonly operationId: OperationId;
    readonly tableId: TableId;
  } {
    if (result?.kind === "operation") return result;
    const refusal = result?.kind === "refused" ? result : null;
    throw new DatabaseError({
      code: errorCodeOf(refusal?.refusal ?? "OUTDATED"),
      detail: refusal?.detail ?? "the change was not taken",
    });
  }
}

function notEnoughServers(replicas: number, loads: readonly ServerLoad[]): DatabaseError {
  const are = loads.length === 1 ? "1 is" : `${loads.length} are`;
  const wanted =
    replicas === 1
      ? "a live tablet server is needed"
      : `${replicas} live tablet servers are needed`;
  const detail = `${wanted}, one for each replica; ${are} live`;
  const hint = "start more tablet servers, or ask for fewer replicas";
  return new DatabaseError({ code: "NOT_ENOUGH_SERVERS", detail, hint });
}

function dropFingerprint(table: string): string {
  return createHash("sha256").update(table).digest("base64");
}

function errorCodeOf(refusal: Refusal): DatabaseError["code"] {
  switch (refusal) {
    case "TABLE_EXISTS":
    case "TABLE_NOT_FOUND":
    case "DELETION_PROTECTED":
    case "OPERATION_CONFLICT":
    case "IDEMPOTENCY_MISMATCH":
    case "NOT_ENOUGH_SERVERS":
      return refusal;
    case "NAME_TAKEN":
    case "SERVER_REPLACED":
    case "OUTDATED":
      return "OPERATION_CONFLICT";
    default:
      return unreachable(refusal);
  }
}
