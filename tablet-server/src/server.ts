/**
 * Puts a tablet server together: tablets over the replica host, the row service on the batch channel, the heartbeat
 * to the masters.
 */
import type { ServerConfig } from "@stele/shared/config-knobs.ts";
import { delay } from "@stele/shared/clock.ts";
import { endProcess } from "@stele/shared/process/fatal.adapter.ts";
import { joinCluster } from "@stele/shared/process/join-cluster.ts";
import {
  MAX_BATCH_BODY_BYTES,
  openReplicatedProcess,
} from "@stele/shared/process/replicated-process.adapter.ts";
import { systemRandom } from "@stele/shared/random.ts";
import { BATCH_PATH } from "@stele/shared/rpc/batch-channel.ts";
import { BatchResponder } from "@stele/shared/rpc/batch-responder.ts";
import { exchangeListener } from "@stele/shared/rpc/exchange-listener.adapter.ts";
import { Heartbeat } from "./heartbeat.ts";
import { IdempotencyExpiry } from "./idempotency-expiry.ts";
import { ReplicaReports } from "./replica-reports.ts";
import { registerVerifyRoutes } from "./routes/verify-route.ts";
import { RowService } from "./row-service.ts";
import { tabletServerMetrics } from "./server-metrics.ts";
import { StepExecution } from "./step-execution.ts";
import { RowLoader } from "./tablet/row-loader.ts";
import { Verifications } from "./tablet/verifications.ts";
import { TabletSet } from "./tablet-set.ts";
import { TabletSizes } from "./tablet-sizes.ts";

const REFRESH_SIZES_MS = 10_000;
const EXPIRY_TICK_MS = 1_000;

export interface TabletServer {
  close(): Promise<void>;
}

export async function startTabletServer(config: ServerConfig): Promise<TabletServer> {
  // Set below, before the first tablet can change.
  let changed = (): void => undefined;
  const shell = await openReplicatedProcess({
    role: "tablet-server",
    config,
    machines: ({ clock, failed, name, store }) => {
      return new TabletSet({
        store,
        clock,
        verifications: new Verifications(store, failed),
        loader: new RowLoader(store, failed),
        idempotencyTtlMs: config.idempotencyTtlMs,
        serverName: name,
        changed: () => changed(),
        damaged: (tablet, error) => tablet.group.reportDamage(error.message),
      });
    },
  });
  const { addresses, clock, host, identity, log, machines: tablets, rpc, self, store } = shell;
  const failed = (error: unknown): void => endProcess("a tablet server's invariant broke", error);
  const sizes = new TabletSizes(store);
  const reports = new ReplicaReports({ host, tablets, sizes });
  const steps = new StepExecution({ host, tablets, log, changed: () => changed(), failed });
  const heartbeat = new Heartbeat({
    clock,
    log,
    rpc,
    self,
    bootId: systemRandom.uuid(),
    masters: shell.masterUrls,
    reports,
    steps,
    learnt: (servers) => void addresses.merge(servers).catch(failed),
    refused: (detail) => log.error({ detail }, "the masters refuse this server"),
  });
  changed = () => heartbeat.changed();
  const rows = new RowService({ tablets, store, clock, failed });
  const responder = new BatchResponder({ clock, handler: rows });
  const metrics = tabletServerMetrics({
    host,
    tablets,
    rows: rows.counters,
    masterSilenceMs: () => {
      const atMs = heartbeat.acknowledgedAtMs;
      return atMs === null ? null : clock.monotonicMs() - atMs;
    },
  });
  let joined = false;
  await shell.listen({
    listeners: new Map([
      [
        BATCH_PATH,
        exchangeListener({
          identity,
          maxBodyBytes: MAX_BATCH_BODY_BYTES,
          handler: responder.accept,
        }),
      ],
    ]),
    register: ({ app }, environment) => {
      registerVerifyRoutes(
        app,
        {
          clock,
          random: systemRandom,
          rpc,
          tablets,
          verifications: tablets.verifications,
          serverName: self.name,
          addressOf: (server) => addresses.book.get(server),
        },
        environment,
      );
    },
    // With its masters away a server serves all the same, so only its own beginning counts.
    unreadyReason: () => (joined ? null : "no master has told the cluster's id yet"),
    metrics,
  });
  host.start();
  let closing = false;
  const join = async (): Promise<void> => {
    await joinCluster({ directory: shell.directory, clock, rpc, masters: shell.masterUrls, log });
    joined = true;
    heartbeat.start();
  };
  const expiry = new IdempotencyExpiry({ store, clock, tablets: () => tablets.tablets(), failed });
  const every = async (periodMs: number, work: () => Promise<void>): Promise<void> => {
    for (;;) {
      await delay(clock, periodMs);
      if (closing) return;
      await work();
    }
  };
  void join().catch(failed);
  void every(REFRESH_SIZES_MS, () => sizes.refresh([...tablets.tablets()])).catch(failed);
  void every(EXPIRY_TICK_MS, () => expiry.tick()).catch(failed);
  return {
    close: async () => {
      closing = true;
      heartbeat.stop();
      await shell.close();
    },
  };
}
