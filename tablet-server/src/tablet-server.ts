/**
 * Puts a tablet server together over its world: tablets over the replica host, the row service on the batch
 * channel, the heartbeat to the masters. The same server runs in a real process (server.ts) and in the simulator.
 */
import type { ServerConfig } from "@stele/shared/config-knobs.ts";
import type { InternalService, ServerWorld } from "@stele/shared/process/server-world.ts";
import { openReplicatedProcess } from "@stele/shared/process/replicated-process.ts";
import type { ReplicatedProcess } from "@stele/shared/process/replicated-process.ts";
import { BATCH_PATH } from "@stele/shared/rpc/batch-channel.ts";
import { BatchResponder } from "@stele/shared/rpc/batch-responder.ts";
import { Heartbeat } from "./heartbeat.ts";
import { ReplicaReports } from "./replica-reports.ts";
import { registerVerifyRoutes } from "./routes/verify-route.ts";
import { RowService } from "./row-service.ts";
import { tabletServerMetrics } from "./server-metrics.ts";
import { StepExecution } from "./step-execution.ts";
import { RowLoader } from "./tablet/row-loader.ts";
import { TABLET_LIMITS, type TabletLimits } from "./tablet/tablet-limits.ts";
import { Verifications } from "./tablet/verifications.ts";
import { TabletSet } from "./tablet-set.ts";
import { TabletSizes } from "./tablet-sizes.ts";
import { Upkeep } from "./upkeep.ts";

export interface TabletServer {
  readonly tablets: TabletSet;
  close(): Promise<void>;
}

/** `limits`: of each tablet. Resolves when it listens; joining the cluster goes on behind it. Rejects with what opening the disks rejects with. */
export async function startTabletServer(
  world: ServerWorld,
  config: ServerConfig,
  limits: TabletLimits = TABLET_LIMITS,
): Promise<TabletServer> {
  const { addresses, clock, log, random } = world;
  const failed = (error: unknown): void => world.failed("a tablet server's invariant broke", error);
  // Set below, before the first tablet can change.
  let changed = (): void => undefined;
  const shell = await openReplicatedProcess(world, {
    role: "tablet-server",
    config,
    machines: (store) =>
      new TabletSet({
        store,
        clock,
        verifications: new Verifications(store, failed),
        loader: new RowLoader(store, failed),
        limits,
        idempotencyTtlMs: config.idempotencyTtlMs,
        serverName: world.directory.identity.name,
        changed: () => changed(),
        damaged: (tablet, error) => tablet.group.reportDamage(error.message),
      }),
  });
  const { host, machines: tablets, member, self, store } = shell;
  const sizes = new TabletSizes(store);
  const heartbeat = new Heartbeat({
    clock,
    log,
    rpc: member.rpc,
    self,
    bootId: random.uuid(),
    masters: () => member.masterUrls(),
    reports: new ReplicaReports({ host, tablets, sizes }),
    steps: new StepExecution({ host, tablets, log, changed: () => changed(), failed }),
    learnt: (servers) => void addresses.merge(servers).catch(failed),
    refused: (detail) => log.error({ detail }, "the masters refuse this server"),
  });
  changed = () => heartbeat.changed();
  let joined = false;
  // With its masters away a server serves all the same, so only its own beginning counts.
  const unreadyReason = (): string | null =>
    joined ? null : "no master has told the cluster's id yet";
  const service = tabletService({ world, shell, heartbeat, unreadyReason, failed });
  await shell.listen(service).catch(async (error: unknown) => {
    await shell.close();
    throw error;
  });
  host.start();
  let closing = false;
  const join = async (): Promise<void> => {
    await member.join();
    joined = true;
    if (!closing) heartbeat.start();
  };
  void join().catch(failed);
  const upkeep = new Upkeep({ clock, store, tablets, sizes, failed });
  upkeep.start();
  return {
    tablets,
    close: async () => {
      closing = true;
      upkeep.stop();
      heartbeat.stop();
      await shell.close();
    },
  };
}

interface TabletServiceParts {
  readonly world: ServerWorld;
  readonly shell: ReplicatedProcess<TabletSet>;
  readonly heartbeat: Heartbeat;
  readonly unreadyReason: () => string | null;
  readonly failed: (error: unknown) => void;
}

/** What it answers on the internal network: row calls, and comparisons of replicas. */
function tabletService(parts: TabletServiceParts): InternalService {
  const { heartbeat, unreadyReason, failed } = parts;
  const { addresses, clock, random } = parts.world;
  const { host, machines: tablets, member, self, store } = parts.shell;
  const rows = new RowService({ tablets, store, clock, failed });
  const responder = new BatchResponder({ clock, handler: rows });
  return {
    register: (routes) => {
      routes.exchange(BATCH_PATH, responder.accept);
      registerVerifyRoutes(routes, {
        clock,
        random,
        rpc: member.rpc,
        tablets,
        verifications: tablets.verifications,
        serverName: self.name,
        addressOf: (server) => addresses.book.get(server),
      });
    },
    unreadyReason,
    metrics: tabletServerMetrics({
      host,
      tablets,
      rows: rows.counters,
      masterSilenceMs: () => {
        const atMs = heartbeat.acknowledgedAtMs;
        return atMs === null ? null : clock.monotonicMs() - atMs;
      },
    }),
  };
}
