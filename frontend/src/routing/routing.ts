/**
 * The routing layer of one front-end: the operations of `operations.ts` over a real cluster. The files in
 * the order in which they explain each other:
 *
 *   what is known    mapped-tablet.ts        one tablet: range, generation, replicas, leader
 *                    tablet-map-cache.ts     table name -> tablets in key order, those used last (recency-list.ts)
 *                    server-directory.ts     server -> address
 *                    tablet-locator.ts       key -> tablet, from the cache or from a master
 *   one call         tablet-channels.ts      a channel to each tablet server
 *                    leader-attempts.ts      a call to the leader, and the watch over silent leaders
 *                    leader-search.ts        the search when there is none, in rounds (replica-round.ts)
 *                    tablet-calls.ts         a call until it is served, cannot be, or is late
 *                    call-track.ts           how long it may take, and what is known of its effect
 *   rows             row-routing.ts          key -> outcome, however often the key moves on the way
 *                    read-rows.ts, scan-tablets.ts (key-before.ts), write-row.ts, write-rows.ts
 *                    retry-numbers.ts        the names of writes, under which they take effect once
 *                    routed-write.ts         a write with its number, and calls that carry such writes
 *                    row-operations.ts       all of them as `RowOperations`
 *   the control      master-client.ts        calls to whichever master can answer
 *   plane            master-watch.ts         which masters there are, and whether the cluster is complete
 *                    table-operations.ts, cluster-operations.ts, verify-tablet.ts
 *   throughout       routing-limits.ts, routing-metrics.ts, pauses.ts, before-deadline.ts, in-parallel.ts
 */
import type { Clock } from "@stele/shared/clock.ts";
import type { AddressEntry } from "@stele/shared/wire/address-entry.ts";
import type { Random } from "@stele/shared/random.ts";
import { BatchChannel } from "@stele/shared/rpc/batch-channel.ts";
import type { ChannelLoad } from "@stele/shared/rpc/channel-contract.ts";
import type { Exchange } from "@stele/shared/rpc/exchange.ts";
import type { ClusterOperations, RowOperations, TableOperations } from "../operations.ts";
import { routedCluster } from "./cluster-operations.ts";
import { MasterClient } from "./master-client.ts";
import type { RpcCalls } from "./master-client.ts";
import { MasterWatch } from "./master-watch.ts";
import { RetryNumbers } from "./retry-numbers.ts";
import { routedRows } from "./row-operations.ts";
import { ROUTING_LIMITS } from "./routing-limits.ts";
import type { RoutingLimits } from "./routing-limits.ts";
import type { RoutingMetrics } from "./routing-metrics.ts";
import { ServerDirectory } from "./server-directory.ts";
import { TabletCalls } from "./tablet-calls.ts";
import { TabletChannels } from "./tablet-channels.ts";
import { TabletLocator } from "./tablet-locator.ts";
import { TabletMapCache } from "./tablet-map-cache.ts";
import { routedTables } from "./table-operations.ts";

export interface RoutingOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly exchange: Exchange;
  readonly rpc: RpcCalls;
  readonly metrics: RoutingMetrics;
  /** As configured and as learnt. */
  readonly masterUrls: () => readonly string[];
  readonly masterAddresses: () => readonly AddressEntry[];
  readonly learntMasters: (masters: readonly AddressEntry[]) => void;
  readonly expectTabletServers: number;
  readonly limits?: Partial<RoutingLimits>;
}

export interface Routing {
  readonly operations: {
    readonly rows: RowOperations;
    readonly tables: TableOperations;
    readonly cluster: ClusterOperations;
  };
  /** Of the channels to tablet servers. */
  readonly channelLoads: () => readonly ChannelLoad[];
  /** To be started once the cluster is joined. */
  readonly watch: MasterWatch;
  /** What is under way fails. */
  close(): void;
}

export function openRouting(options: RoutingOptions): Routing {
  const { clock, exchange, metrics, random, rpc } = options;
  const limits = { ...ROUTING_LIMITS, ...options.limits };
  const cache = new TabletMapCache(limits);
  const servers = new ServerDirectory();
  const { mastersAwayMs } = limits;
  const urls = options.masterUrls;
  const masters = new MasterClient({ clock, random, rpc, urls, mastersAwayMs });
  const lookUpMs = mastersAwayMs + 2 * limits.masterAttemptMs;
  const locator = new TabletLocator({ clock, cache, servers, masters, ...limits, lookUpMs });
  const channels = new TabletChannels({
    clock,
    servers,
    open: (url) => new BatchChannel({ clock, exchange, url, channelId: random.uuid() }),
    idleMs: limits.channelIdleMs,
  });
  const calls = new TabletCalls({
    clock,
    random,
    calls: channels,
    cache,
    servers,
    locator,
    limits,
    metrics,
  });
  const watch = new MasterWatch({
    clock,
    rpc,
    urls,
    addresses: options.masterAddresses,
    masters,
    expectTabletServers: options.expectTabletServers,
    learnt: options.learntMasters,
  });
  const { leaderlessMs } = limits;
  return {
    operations: {
      rows: routedRows({
        clock,
        locator,
        calls,
        limits,
        numbers: new RetryNumbers(random, limits),
      }),
      tables: routedTables({ masters, random }),
      cluster: routedCluster({ clock, random, rpc, masters, watch, leaderlessMs }),
    },
    channelLoads: () => channels.loads,
    watch,
    close: () => {
      watch.stop();
      calls.stop();
      channels.close();
    },
  };
}
