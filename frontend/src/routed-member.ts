/**
 * The routing of a front-end over its world: joins the cluster and watches its masters. The same routing runs in a
 * real process (server.ts) and in the simulator.
 */
import type { ServerConfig } from "@stele/shared/config-knobs.ts";
import type { ClusterMember } from "@stele/shared/process/cluster-member.ts";
import type { MemberWorld } from "@stele/shared/process/server-world.ts";
import { openRouting, type Routing } from "./routing/routing.ts";
import type { RoutingLimits } from "./routing/routing-limits.ts";
import type { RoutingMetrics } from "./routing/routing-metrics.ts";

export interface RoutedMember extends Pick<Routing, "operations" | "channelLoads"> {
  /** Null: it can serve; else what it waits for. */
  unreadyReason(): string | null;
  close(): void;
}

export interface RoutingParts {
  readonly world: MemberWorld;
  readonly member: ClusterMember;
  readonly config: ServerConfig;
  readonly metrics: RoutingMetrics;
  /** Instead of the defaults. */
  readonly limits?: Partial<RoutingLimits>;
}

export function startRouting({
  world,
  member,
  config,
  metrics,
  limits = {},
}: RoutingParts): RoutedMember {
  const { addresses, clock, exchange, random } = world;
  const failed = (error: unknown): void => world.failed("a front-end's invariant broke", error);
  const routing = openRouting({
    clock,
    random,
    exchange,
    rpc: member.rpc,
    metrics,
    limits,
    masterUrls: () => member.masterUrls(),
    masterAddresses: () => member.masters(),
    learntMasters: (entries) => void addresses.merge(entries).catch(failed),
    expectTabletServers: config.expectTabletServers,
  });
  let closing = false;
  const join = async (): Promise<void> => {
    await member.join();
    if (!closing) routing.watch.start();
  };
  void join().catch(failed);
  return {
    operations: routing.operations,
    channelLoads: routing.channelLoads,
    unreadyReason: () => routing.watch.unreadyReason,
    close: () => {
      closing = true;
      routing.close();
    },
  };
}
