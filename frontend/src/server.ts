/**
 * Puts a front-end together: the REST API over the routing of rows and the calls to the masters.
 *
 * Nothing of it is durable but its identity, its cluster's id and the addresses of the masters.
 */
import { ConfigError } from "@stele/shared/config.ts";
import type { ServerConfig } from "@stele/shared/config-knobs.ts";
import { systemClock } from "@stele/shared/clock.ts";
import { Metrics } from "@stele/shared/metrics.ts";
import { openClusterMember } from "@stele/shared/process/cluster-member.adapter.ts";
import { endProcess } from "@stele/shared/process/fatal.adapter.ts";
import { joinCluster } from "@stele/shared/process/join-cluster.ts";
import { systemRandom } from "@stele/shared/random.ts";
import { VERSION } from "@stele/shared/version.ts";
import type { Readiness } from "./rest/process.ts";
import { DEFAULT_REST_CONFIG } from "./rest/rest-config.ts";
import { createRestServer } from "./rest/rest-server.ts";
import { openRouting } from "./routing/routing.ts";
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
  const clock = systemClock;
  const random = systemRandom;
  const member = await openClusterMember("frontend", config);
  const { addresses, directory, exchange, log, masters, masterUrls, rpc } = member;
  if (masterUrls().length === 0) {
    await member.close();
    throw new ConfigError("frontend", ["--masters is required: no master is known yet"]);
  }
  const metrics = new Metrics();
  const failed = (error: unknown): void => endProcess("a front-end's invariant broke", error);
  const routing = openRouting({
    clock,
    random,
    exchange,
    rpc,
    metrics: routingMetrics(metrics),
    masterUrls,
    masterAddresses: masters,
    learntMasters: (entries) => void addresses.merge(entries).catch(failed),
    expectTabletServers: config.expectTabletServers,
  });
  let closing = false;
  const readiness = (): Readiness => {
    const reason = closing ? "the front-end stops" : routing.watch.unreadyReason;
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
    await member.close();
    throw error;
  });
  log.info({ url }, "listening");
  const join = async (): Promise<void> => {
    await joinCluster({ directory, clock, rpc, masters: masterUrls, log });
    if (!closing) routing.watch.start();
  };
  void join().catch(failed);
  return {
    port: Number(new URL(url).port),
    close: async () => {
      closing = true;
      const cut = clock.after(CLOSE_GRACE_MS, () => server.server.closeAllConnections());
      await server.close();
      cut();
      routing.close();
      await member.close();
    },
  };
}
