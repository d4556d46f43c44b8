/** The cluster's own state, for the front-ends. */
import type { Clock } from "@stele/shared/clock.ts";
import { DatabaseError } from "@stele/shared/errors.ts";
import { tabletId } from "@stele/shared/ids.ts";
import type { TabletView } from "@stele/shared/wire/admin-views.ts";
import {
  clusterDecisionsRoute,
  clusterMastersRoute,
  clusterServersRoute,
  clusterStatusRoute,
  clusterTabletRoute,
  clusterTabletsRoute,
} from "@stele/shared/wire/admin-calls.ts";
import { clusterStatus } from "../cluster-status.ts";
import type { LeaderState } from "../leader-state.ts";
import { presentServers, serverView, tabletView } from "../views.ts";
import { leaderAnswer, type CatalogAccess } from "./leader-answer.ts";
import type { RouteRegistrar } from "./route-registrar.ts";

export function registerClusterRoutes(
  registrar: RouteRegistrar,
  access: CatalogAccess,
  clock: Clock,
): void {
  registrar.route(clusterStatusRoute, () =>
    leaderAnswer(access, ({ state }) => clusterStatus(state, access.masters.views())),
  );
  registrar.route(clusterServersRoute, () =>
    leaderAnswer(access, ({ state }) =>
      presentServers(state.world.catalog).map((server) =>
        serverView(state, server, clock.monotonicMs()),
      ),
    ),
  );
  registrar.route(clusterMastersRoute, () => leaderAnswer(access, () => access.masters.views()));
  registrar.route(clusterTabletsRoute, (page) =>
    leaderAnswer(access, ({ state }) => tabletPage(state, page)),
  );
  registrar.route(clusterTabletRoute, ({ id }) =>
    leaderAnswer(access, ({ state }) => {
      const number = idNumber(id);
      const row = number === null ? undefined : state.world.catalog.tablet(tabletId(number));
      if (row === undefined) {
        const detail = `there is no tablet ${id}`;
        throw new DatabaseError({ code: "TABLET_NOT_FOUND", detail });
      }
      return tabletView(state, row);
    }),
  );
  registrar.route(clusterDecisionsRoute, () =>
    leaderAnswer(access, ({ state }) => state.decisions.list()),
  );
}

/** Ids grow, so the page is found by counting up; ids of dropped tablets cost one look-up each. */
function tabletPage(
  state: LeaderState,
  { after, limit }: { readonly after: string | null; readonly limit: number },
): { items: TabletView[]; next: string | null } {
  const { catalog } = state.world;
  const last = after === null ? 0 : idNumber(after);
  if (last === null) {
    const errors = [{ pointer: "/after", detail: "must be a tablet id" }];
    const detail = "the page does not begin behind a tablet";
    throw new DatabaseError({ code: "INVALID_REQUEST", detail, errors });
  }
  const items: TabletView[] = [];
  for (let id = last + 1; id < catalog.counters.tablet; id++) {
    const row = catalog.tablet(tabletId(id));
    if (row === undefined) continue;
    if (items.length === limit) return { items, next: items.at(-1)?.id ?? null };
    items.push(tabletView(state, row));
  }
  return { items, next: null };
}

function idNumber(text: string): number | null {
  const number = Number(text);
  return /^[1-9]\d{0,15}$/.test(text) && Number.isSafeInteger(number) ? number : null;
}
