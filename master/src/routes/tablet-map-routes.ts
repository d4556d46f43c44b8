/**
 * The tablet map by key. Any master answers from its applied rows; that there is no such table, only the
 * leader may say. A table shows when all its tablets have had a leader, and until its drop begins.
 */
import type { LookUpReply, MapEntry } from "@stele/shared/wire/tablet-map.ts";
import { lookUpRoute } from "@stele/shared/wire/master-calls.ts";
import type { CatalogReader } from "../catalog/catalog.ts";
import { membersOf, type TableRow, type TabletRow } from "../catalog/rows.ts";
import type { CatalogReplica } from "../catalog-replica.ts";
import { wireSchema } from "../plan/steps.ts";
import { leaderAnswer, type CatalogAccess } from "./leader-answer.ts";
import type { RouteRegistrar } from "./route-registrar.ts";

interface LookUp {
  readonly table: string;
  readonly key: Buffer | null;
  readonly neighbours: number;
}

export function registerTabletMapRoutes(registrar: RouteRegistrar, access: CatalogAccess): void {
  registrar.route(lookUpRoute, async ({ leaderOnly, ...lookUp }): Promise<LookUpReply> => {
    if (!leaderOnly) {
      const found = lookUpApplied(access.replica, lookUp);
      if (found !== null) return found;
      if (access.replica.leader === null) return { kind: "no-table", authoritative: false };
    }
    const answer = await leaderAnswer(access, (): LookUpReply => {
      return lookUpApplied(access.replica, lookUp) ?? { kind: "no-table", authoritative: true };
    });
    return answer.kind === "answer" ? answer.result : answer;
  });
}

/** Null: the applied rows show no such table. */
function lookUpApplied(
  replica: CatalogReplica,
  { table: name, key, neighbours }: LookUp,
): LookUpReply | null {
  const catalog = replica.applied;
  const table = catalog?.tableNamed(name);
  if (catalog === null || table?.state !== "ready") return null;
  const order = catalog.tabletsInOrder(table.tableId);
  const position = order.positionOf(key);
  const tablets = order
    .slice(position, position + 1 + neighbours)
    .flatMap((id) => catalog.tablet(id) ?? []);
  const entries = tablets.map((tablet) => mapEntry(replica, catalog, tablet));
  return { kind: "found", schema: schemaOf(table), entries };
}

const schemaOf = (table: TableRow) => wireSchema(table);

function mapEntry(replica: CatalogReplica, catalog: CatalogReader, tablet: TabletRow): MapEntry {
  const { config, configIndex, generation, range, tabletId } = tablet;
  const votes = (list: TabletRow["config"]["voters"], id: number): boolean =>
    list.some((member) => member.replicaId === id);
  return {
    tabletId,
    generation,
    configIndex,
    range,
    replicas: membersOf(config).map(({ replicaId, serverId }) => {
      const server = catalog.server(serverId);
      const learns = votes(config.learners, replicaId);
      const role = votes(config.voters, replicaId) ? "voter" : learns ? "learner" : "leaving";
      return { replicaId, serverId, role, name: server?.name ?? "", url: server?.url ?? "" };
    }),
    leader: replica.leader?.state.leaderOf(tabletId)?.replicaId ?? null,
  };
}
