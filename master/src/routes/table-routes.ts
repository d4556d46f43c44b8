/** Tables, for the front-ends. */
import {
  createTableRoute,
  describeTableRoute,
  dropTableRoute,
  listTablesRoute,
  tableTabletsRoute,
} from "@stele/shared/wire/admin-calls.ts";
import { TableOperations } from "../table-operations.ts";
import { leaderAnswer, type CatalogAccess } from "./leader-answer.ts";
import type { RouteRegistrar } from "./route-registrar.ts";

export function registerTableRoutes(registrar: RouteRegistrar, access: CatalogAccess): void {
  registrar.route(createTableRoute, (request, call) =>
    leaderAnswer(access, (leader) => new TableOperations(leader).create(request, call)),
  );
  registrar.route(listTablesRoute, () =>
    leaderAnswer(access, (leader) => new TableOperations(leader).list()),
  );
  registrar.route(describeTableRoute, ({ table }) =>
    leaderAnswer(access, (leader) => new TableOperations(leader).describe(table)),
  );
  registrar.route(dropTableRoute, ({ table, idempotencyKey }, call) =>
    leaderAnswer(access, async (leader) => {
      await new TableOperations(leader).drop(table, idempotencyKey, call);
      return {};
    }),
  );
  registrar.route(tableTabletsRoute, ({ table, ...page }) =>
    leaderAnswer(access, (leader) => new TableOperations(leader).tablets(table, page)),
  );
}
