/** What a master shows under /metrics: of itself and of the cluster, never per tablet. */
import { countedMetrics } from "@stele/shared/counted-metrics.ts";
import { Metrics } from "@stele/shared/metrics.ts";
import type { HostCounters } from "@stele/shared/replication/host-counters.ts";
import { HOST_METRICS } from "@stele/shared/replication/host-metrics.ts";
import type { CatalogReplica } from "./catalog-replica.ts";
import type { TabletTrouble } from "./plan/tablet-health.ts";
import { presentServers, stateOf } from "./views.ts";

const SERVER_STATES = ["live", "silent", "gone"] as const;

/** Renders the metrics of now. */
export function masterMetrics(replica: CatalogReplica, host: HostCounters): () => Promise<string> {
  const metrics = new Metrics();
  const countHost = countedMetrics(metrics, HOST_METRICS, host);
  const gauge = (name: string, help: string) => metrics.gauge({ name, help, labels: [] }).with({});
  const leads = gauge("stele_catalog_leader", "1 while this master leads the catalog, else 0.");
  const term = gauge("stele_catalog_term", "Raft term of the catalog's group.");
  const applied = gauge("stele_catalog_applied_index", "Last catalog entry applied here.");
  const tablets = gauge("stele_catalog_tablets", "Tablets in the catalog, as applied here.");
  const leaderless = gauge(
    "stele_tablets_without_leader",
    "Tablets that nobody leads; known to the catalog's leader only.",
  );
  const weak = gauge(
    "stele_tablets_under_replicated",
    "Tablets with fewer live replicas than wanted; known to the catalog's leader only.",
  );
  const servers = metrics.gauge({
    name: "stele_tablet_servers",
    help: "Tablet servers by state; known to the catalog's leader only.",
    labels: ["state"],
  });
  return () => {
    countHost();
    const status = replica.group?.status();
    const state = replica.leader?.state ?? null;
    leads.set(state === null ? 0 : 1);
    term.set(status?.term ?? 0);
    applied.set(status?.applied ?? 0);
    tablets.set(replica.applied?.tabletCount ?? 0);
    const troubles = [...(state?.troubles.values() ?? [])];
    const count = (is: (trouble: TabletTrouble) => boolean): number => troubles.filter(is).length;
    leaderless.set(count((trouble) => trouble.leaderless));
    weak.set(count((trouble) => trouble.running < trouble.wanted));
    const present = state === null ? [] : presentServers(state.world.catalog);
    for (const shown of SERVER_STATES) {
      const found = present.filter((each) => state !== null && stateOf(state, each) === shown);
      servers.with({ state: shown }).set(found.length);
    }
    return metrics.render();
  };
}
