/**
 * How a simulated cluster is made up: sizes and limits, drawn from the seed. Limits are small, so that every run frees
 * log segments, reads entries back from disk, installs snapshots and finds servers gone.
 */
import { STORE_PACES } from "@stele/shared/checkpoint-store/testing/store-latency.ts";
import type { StorePace } from "@stele/shared/checkpoint-store/testing/store-latency.ts";
import type { ServerConfig } from "@stele/shared/config-knobs.ts";
import type { Random } from "@stele/shared/random.ts";
import type { ServerRole } from "@stele/shared/server-role.ts";
import { ROUTING_LIMITS } from "@stele/frontend/routing/routing-limits.ts";
import { TABLET_LIMITS } from "@stele/tablet-server/tablet/tablet-limits.ts";
import { Draws } from "@stele/shared/testing/draws.ts";

const KIB = 1024;
const HOUR_MS = 3_600_000;

export interface ClusterOptions {
  readonly masters: number;
  readonly tabletServers: number;
  /** Of each tablet. */
  readonly replicas: 3 | 5;
  readonly frontends: number;
  readonly segmentBytes: number;
  readonly retainedLogBytes: number;
  readonly checkpointBytes: number;
  readonly checkpointIntervalMs: number;
  readonly payloadCacheBytes: number;
  readonly maxUnappliedBytes: number;
  readonly writeBufferBytes: number;
  readonly serverSilentMs: number;
  readonly serverGoneMs: number;
  /** Wall clocks differ by up to so much either way. */
  readonly wallSkewMs: number;
  /** Of front-ends: see frontend/src/routing/routing-limits.ts. */
  readonly callWrites: number;
  readonly brokenAttempts: number;
  readonly leaderlessMs: number;
  /** So small that front-ends forget what they know of tablets, and begin numbers of writes anew. */
  readonly mapTablets: number;
  readonly mapNeighbours: number;
  readonly mapEntryMs: number;
  readonly retrySpan: number;
  readonly retryTablets: number;
  readonly parallelTablets: number;
  /** Of each tablet: so small that it tells front-ends to slow down. */
  readonly waitingWrites: number;
  /** How long a write is tried, and how long its result is kept: longer than an attempt may be under way besides. */
  readonly writeMs: number;
  readonly retryTtlMs: number;
  /** So small that entries travel apart, or probes without any. */
  readonly maxAppendBytes: number;
  readonly maxInflightAppends: number;
  /** How fast stores answer; mixed: each server its own way. */
  readonly storePaces: StorePace | "mixed";
}

export function drawClusterOptions(random: Random): ClusterOptions {
  const draws = new Draws(random);
  const tabletServers = draws.of([3, 4, 4, 5, 6]);
  return {
    masters: draws.of([1, 3, 3, 3, 3, 5]),
    tabletServers,
    replicas: tabletServers >= 5 ? draws.of([3, 5] as const) : 3,
    frontends: 2,
    segmentBytes: draws.of([8, 16, 32]) * KIB,
    retainedLogBytes: draws.of([1, 2, 8, 16]) * KIB,
    checkpointBytes: draws.of([4, 8, 16]) * KIB,
    checkpointIntervalMs: draws.of([1_000, 3_000, 10_000]),
    payloadCacheBytes: draws.of([0, 1, 4, 64]) * KIB,
    maxUnappliedBytes: draws.of([32, 1024]) * KIB,
    writeBufferBytes: draws.of([2, 8, 32]) * KIB,
    serverSilentMs: draws.of([1_600, 2_000, 3_000]),
    serverGoneMs: draws.of([4_000, 6_000, 10_000, 60_000]),
    wallSkewMs: draws.of([0, 100, 10_000, HOUR_MS]),
    maxAppendBytes: draws.of([32, 256, 4 * KIB, 1024 * KIB]),
    maxInflightAppends: draws.of([1, 2, 8, 256]),
    callWrites: draws.of([1, 2, 512]),
    brokenAttempts: draws.of([1, 3, 3]),
    leaderlessMs: draws.of([300, 3_000]),
    storePaces: draws.of([...STORE_PACES, "mixed" as const]),
    ...draws.of([
      { mapTablets: 4, mapNeighbours: 1 },
      { mapTablets: ROUTING_LIMITS.mapTablets, mapNeighbours: ROUTING_LIMITS.mapNeighbours },
    ]),
    mapEntryMs: draws.of([1_000, ROUTING_LIMITS.mapEntryMs]),
    retrySpan: draws.of([3, ROUTING_LIMITS.retrySpan]),
    retryTablets: draws.of([1, ROUTING_LIMITS.retryTablets]),
    parallelTablets: draws.of([1, ROUTING_LIMITS.parallelTablets]),
    waitingWrites: draws.of([2, 6, TABLET_LIMITS.waitingWrites]),
    ...draws.of([
      { writeMs: 3_000, retryTtlMs: 20_000 },
      { writeMs: ROUTING_LIMITS.writeMs, retryTtlMs: TABLET_LIMITS.retryTtlMs },
    ]),
  };
}

export interface ServerPlan {
  readonly name: string;
  readonly role: ServerRole;
  readonly config: ServerConfig;
}

/** In a fixed order: masters, tablet servers, front-ends. */
export function serverPlans(options: ClusterOptions): ServerPlan[] {
  const named = (prefix: string, role: ServerRole, count: number) =>
    Array.from({ length: count }, (_, at) => ({ name: `${prefix}${at + 1}`, role }));
  const masters = named("m", "master", options.masters);
  const masterUrls = masters.map(({ name }) => urlOf(name));
  const all = [
    ...masters,
    ...named("ts", "tablet-server", options.tabletServers),
    ...named("fe", "frontend", options.frontends),
  ];
  return all.map(({ name, role }) => ({ name, role, config: configOf(name, masterUrls, options) }));
}

function urlOf(name: string): string {
  return `http://${name}:7000`;
}

function configOf(name: string, masters: readonly string[], options: ClusterOptions): ServerConfig {
  return {
    dataDir: name,
    name,
    listen: { host: name, port: 7000 },
    advertise: urlOf(name),
    masters,
    clusterTokenFile: null,
    logLevel: "debug",
    timingScale: 1,
    segmentBytes: options.segmentBytes,
    retainedLogBytes: options.retainedLogBytes,
    checkpointBytes: options.checkpointBytes,
    checkpointIntervalMs: options.checkpointIntervalMs,
    maxUnappliedBytes: options.maxUnappliedBytes,
    payloadCacheBytes: options.payloadCacheBytes,
    writeBufferBytes: options.writeBufferBytes,
    storeCacheBytes: 0,
    rowCacheBytes: 0,
    // Longer than any run, and much shorter than wall clocks leap.
    idempotencyTtlMs: HOUR_MS / 12,
    serverSilentMs: options.serverSilentMs,
    serverGoneMs: options.serverGoneMs,
    expectTabletServers: options.tabletServers,
  };
}
