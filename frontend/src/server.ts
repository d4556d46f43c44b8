/**
 * Puts a front-end together: the REST API over the routing of rows and the calls to the masters.
 *
 * Nothing of it is durable but its identity, its cluster's id and the addresses of the masters.
 */
import { ConfigError } from "@stele/shared/config.ts";
import type { ServerConfig } from "@stele/shared/config-knobs.ts";
import { systemClock } from "@stele/shared/clock.ts";
import { Metrics } from "@stele/shared/metrics.ts";
import { pinoLog } from "@stele/shared/pino-log.adapter.ts";
import { openAddressBook } from "@stele/shared/process/address-book-file.adapter.ts";
import { readClusterToken } from "@stele/shared/process/cluster-token.adapter.ts";
import { openDataDirectory } from "@stele/shared/process/data-directory.adapter.ts";
import { endProcess } from "@stele/shared/process/fatal.adapter.ts";
import { joinCluster } from "@stele/shared/process/join-cluster.ts";
import { systemRandom } from "@stele/shared/random.ts";
import { HttpExchange } from "@stele/shared/rpc/http-exchange.adapter.ts";
import type { ClusterIdentity } from "@stele/shared/rpc/internal-auth.ts";
import { RpcClient } from "@stele/shared/rpc/rpc-client.ts";
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
  const { dataDir: path, name, listen } = config;
  const directory = await openDataDirectory({ path, role: "frontend", name, random });
  const { name: ownName, serverId } = directory.identity;
  const log = pinoLog({
    level: config.logLevel,
    fields: { role: "frontend", name: ownName, serverId },
  });
  const identity: ClusterIdentity = {
    token: await readClusterToken(config.clusterTokenFile),
    clusterId: () => directory.identity.clusterId,
  };
  const addresses = await openAddressBook(directory.pathOf("addresses.json"), log);
  const knownMasters = () => addresses.book.entries().filter(({ role }) => role === "master");
  const urls = (): string[] => [
    ...new Set([...config.masters, ...knownMasters().map(({ url }) => url)]),
  ];
  if (urls().length === 0) {
    await directory.close();
    throw new ConfigError("frontend", ["--masters is required: no master is known yet"]);
  }
  const exchange = new HttpExchange(identity);
  const rpc = new RpcClient(clock, exchange);
  const metrics = new Metrics();
  const failed = (error: unknown): void => endProcess("a front-end's invariant broke", error);
  const routing = openRouting({
    clock,
    random,
    exchange,
    rpc,
    metrics: routingMetrics(metrics),
    masterUrls: urls,
    masterAddresses: knownMasters,
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
    config: { ...DEFAULT_REST_CONFIG, boundHost: listen.host },
    version: { version: VERSION, id: ownName },
    readiness,
  });
  const url = await server.listen(listen).catch(async (error: unknown) => {
    await directory.close();
    throw error;
  });
  log.info({ url }, "listening");
  const join = async (): Promise<void> => {
    await joinCluster({ directory, clock, rpc, masters: urls, log });
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
      await exchange.close();
      await directory.close();
    },
  };
}
