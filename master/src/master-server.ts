/**
 * Puts a master together over its world: the catalog over the replica host, and its routes. The same master runs in
 * a real process (server.ts) and in the simulator.
 */
import { must } from "@stele/shared/assert.ts";
import type { ServerConfig } from "@stele/shared/config-knobs.ts";
import type { ServerWorld } from "@stele/shared/process/server-world.ts";
import { openReplicatedProcess } from "@stele/shared/process/replicated-process.ts";
import { HEARTBEAT_HOLD_MS } from "@stele/shared/wire/heartbeat.ts";
import { catalogMachines } from "./catalog/catalog-machine.ts";
import { CatalogReplica } from "./catalog-replica.ts";
import { formingDocument } from "./forming/forming-document.ts";
import { DEFAULT_LEADER_LIMITS } from "./leader-state.ts";
import { Master } from "./master.ts";
import { masterMetrics } from "./master-metrics.ts";

export interface MasterServer {
  readonly replica: CatalogReplica;
  /** Rejects when the master cannot go on: `FormingRefusedError`. */
  readonly running: Promise<void>;
  close(): Promise<void>;
}

/** Throws `FormingRefusedError`, and what opening the disks throws. */
export async function startMaster(
  world: ServerWorld,
  config: ServerConfig,
  { bootstrap }: { readonly bootstrap: boolean },
): Promise<MasterServer> {
  const { addresses, clock, directory, log, random } = world;
  const failed = (error: unknown): void => world.failed("the catalog's replica failed", error);
  const { serverSilentMs, serverGoneMs } = config;
  const liveness = { ...DEFAULT_LEADER_LIMITS.liveness, serverSilentMs, serverGoneMs };
  // Made anew when the disks had to be opened a second time; the last one counts.
  const made: { replica: CatalogReplica | null } = { replica: null };
  const shell = await openReplicatedProcess(world, {
    role: "master",
    config,
    machines: (store) => {
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
    const { host, member, self } = shell;
    const master = await Master.open({
      self,
      masterUrls: config.masters,
      bootstrap,
      cluster: {
        clusterId: () => member.clusterId(),
        setClusterId: (id) => directory.setClusterId(id),
      },
      formingFile: world.document("forming.json", formingDocument),
      addresses,
      replica,
      host,
      rpc: member.rpc,
      clock,
      random,
      log,
    });
    await shell.listen({
      register: (routes) => master.register(routes),
      unreadyReason: () => master.unreadyReason(),
      metrics: masterMetrics(replica, host.counters),
    });
    return {
      replica,
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
