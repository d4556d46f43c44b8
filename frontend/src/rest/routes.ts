/** All calls of the REST API, in the order of the documentation. */
import { clusterRoutes } from "./admin.ts";
import { batchRoutes } from "./batch.ts";
import { cellRoutes } from "./cells.ts";
import { openApiDocument } from "./openapi.ts";
import { processRoutes } from "./process.ts";
import type { ProcessState } from "./process.ts";
import type { RestContext } from "./rest-context.ts";
import type { Route } from "./route.ts";
import { rowRoutes } from "./rows.ts";
import { rowsGetRoutes } from "./rows-get.ts";
import { scanRoutes } from "./scan.ts";
import { tableRoutes } from "./tables.ts";

export function restRoutes(
  context: RestContext,
  process: Omit<ProcessState, "openApi">,
): readonly Route[] {
  let openApi: string | null = null;
  const routes: readonly Route[] = [
    ...tableRoutes(context),
    ...rowRoutes(context),
    ...cellRoutes(context),
    ...scanRoutes(context),
    ...rowsGetRoutes(context),
    ...batchRoutes(context),
    ...clusterRoutes(context),
    ...processRoutes(context, {
      ...process,
      openApi: () => (openApi ??= JSON.stringify(openApiDocument(routes, process.version.version))),
    }),
  ];
  return routes;
}
