/**
 * Puts a front-end together: the REST API over the routing of rows and the calls to the masters.
 *
 * Nothing of it is durable but its identity, its cluster's id and the addresses of the masters.
 */
import { ConfigError } from "@stele/shared/config.ts";
import type { ServerConfig } from "@stele/shared/config-knobs.ts";
import { Metrics } from "@stele/shared/metrics.ts";
import { openMemberWorld } from "@stele/shared/process/system-world.adapter.ts";
import { ClusterMember } from "@stele/shared/process/cluster-member.ts";
import { VERSION } from "@stele/shared/version.ts";
import type { Readiness } from "./rest/process.ts";
import { DEFAULT_REST_CONFIG } from "./rest/rest-config.ts";
import { createRestServer } from "./rest/rest-server.ts";
import { startRouting } from "./routed-member.ts";
import { routingMetrics } from "./routing/routing-metrics.ts";

/** What is under way may finish within it; then connections are cut. */
const CLOSE_GRACE_MS = 5_000;

export interface Frontend {
  /** The port that it listens on. */
  readonly port: number;
  close(): Promise<void>;
}

/** Throws `ConfigError`, `DataDirectoryError`, and what `listen` throws. */
export async function startFrontend(config: ServerConfig): Promise<Frontend> {
  const world = await openMemberWorld("frontend", config);
  const { clock, directory, log, random } = world;
  const member = new ClusterMember(world, config);
  if (member.masterUrls().length === 0) {
    await world.close();
    throw new ConfigError("frontend", ["--masters is required: no master is known yet"]);
  }
  const metrics = new Metrics();
  const routing = startRouting({ world, member, config, metrics: routingMetrics(metrics) });
  let closing = false;
  const readiness = (): Readiness => {
    const reason = closing ? "the front-end stops" : routing.unreadyReason();
    return reason === null ? { kind: "ready" } : { kind: "not-ready", reason };
  };
  const server = createRestServer({
    ...routing.operations,
    clock,
    random,
    log,
    metrics,
    config: { ...DEFAULT_REST_CONFIG, boundHost: config.listen.host },
    version: { version: VERSION, id: directory.identity.name },
    readiness,
  });
  const url = await server.listen(config.listen).catch(async (error: unknown) => {
    routing.close();
    await world.close();
    throw error;
  });
  log.info({ url }, "listening");
  return {
    port: Number(new URL(url).port),
    close: async () => {
      closing = true;
      const cut = clock.after(CLOSE_GRACE_MS, () => server.server.closeAllConnections());
      await server.close();
      cut();
      routing.close();
      await world.close();
    },
  };
}
