/** Puts a master's process together: the catalog over the replica host, routes on the internal HTTP server. */
import { join } from "node:path";
import { must } from "@stele/shared/assert.ts";
import type { ServerConfig } from "@stele/shared/config-knobs.ts";
import { DurableJsonFile } from "@stele/shared/process/durable-json-file.adapter.ts";
import { endProcess } from "@stele/shared/process/fatal.adapter.ts";
import { openReplicatedProcess } from "@stele/shared/process/replicated-process.adapter.ts";
import { systemRandom } from "@stele/shared/random.ts";
import { registerRoute } from "@stele/shared/rpc/register-route.ts";
import { HEARTBEAT_HOLD_MS } from "@stele/shared/wire/heartbeat.ts";
import { catalogMachines } from "./catalog/catalog-machine.ts";
import { CatalogReplica } from "./catalog-replica.ts";
import { formingDocument } from "./forming/forming-document.ts";
import { DEFAULT_LEADER_LIMITS } from "./leader-state.ts";
import { Master } from "./master.ts";
import { masterMetrics } from "./master-metrics.ts";

export interface MasterServer {
  /** Rejects when the master cannot go on: `FormingRefusedError`. */
  readonly running: Promise<void>;
  close(): Promise<void>;
}

/** Throws `ConfigError`, `DataDirectoryError` and `FormingRefusedError`. */
export async function startMaster(
  config: ServerConfig,
  { bootstrap }: { readonly bootstrap: boolean },
): Promise<MasterServer> {
  const failed = (error: unknown): void => endProcess("the catalog's replica failed", error);
  const { serverSilentMs, serverGoneMs } = config;
  const liveness = { ...DEFAULT_LEADER_LIMITS.liveness, serverSilentMs, serverGoneMs };
  // Made anew when the disks had to be opened a second time; the last one counts.
  const made: { replica: CatalogReplica | null } = { replica: null };
  const shell = await openReplicatedProcess({
    role: "master",
    config,
    machines: ({ clock, log, store }) => {
      const replica = new CatalogReplica({
        clock,
        log,
        limits: { ...DEFAULT_LEADER_LIMITS, liveness },
        holdMs: Math.min(HEARTBEAT_HOLD_MS, serverSilentMs / 3),
        failed,
      });
      made.replica = replica;
      return catalogMachines({ store, clock }, replica.watch);
    },
  });
  const replica = must(made.replica, "the host's machines are made by now");
  try {
    const { addresses, clock, directory, host, identity, log, rpc, self } = shell;
    const master = await Master.open({
      self,
      masterUrls: config.masters,
      bootstrap,
      cluster: {
        clusterId: identity.clusterId,
        setClusterId: (id) => directory.setClusterId(id),
      },
      formingFile: new DurableJsonFile(join(directory.path, "forming.json"), formingDocument),
      addresses,
      replica,
      host,
      rpc,
      clock,
      random: systemRandom,
      log,
    });
    await shell.listen({
      listeners: new Map(),
      register: ({ app }, environment) => {
        master.register({
          route: (route, handler) => registerRoute(app, route, handler, environment),
        });
      },
      unreadyReason: () => master.unreadyReason(),
      metrics: masterMetrics(replica, host.counters),
    });
    return {
      running: master.run(),
      close: async () => {
        master.close();
        await shell.close();
      },
    };
  } catch (error) {
    await shell.close();
    throw error;
  }
}
