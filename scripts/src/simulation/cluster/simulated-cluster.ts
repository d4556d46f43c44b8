/**
 * The whole cluster in one process on one time line: masters, tablet servers and front-ends, the real objects over a
 * simulated clock, network and disks. One seed gives one run.
 */
import { startMaster } from "@stele/master/master-server.ts";
import type { CatalogReplica } from "@stele/master/catalog-replica.ts";
import type { RoutingLimits } from "@stele/frontend/routing/routing-limits.ts";
import type { Tablet } from "@stele/tablet-server/tablet/tablet.ts";
import type { TabletSet } from "@stele/tablet-server/tablet-set.ts";
import { TABLET_LIMITS } from "@stele/tablet-server/tablet/tablet-limits.ts";
import { startTabletServer } from "@stele/tablet-server/tablet-server.ts";
import { drawnLatency, STORE_PACES } from "@stele/shared/checkpoint-store/testing/store-latency.ts";
import type { MemoryNetwork } from "@stele/shared/rpc/testing/memory-network.ts";
import { Draws } from "@stele/shared/testing/draws.ts";
import type { RandomStreams } from "@stele/shared/testing/random-streams.ts";
import type { SimulatedClock } from "@stele/shared/testing/simulated-clock.ts";
import { OperationsClient } from "../../workloads/operations-client.ts";
import type { StoreClient } from "../../workloads/store-client.ts";
import { errorText } from "../error-text.ts";
import { TabletSessions } from "../invariants/tablet-sessions.ts";
import { serverPlans, type ClusterOptions, type ServerPlan } from "./cluster-options.ts";
import { SimulatedFrontend } from "./simulated-frontend.ts";
import type { ClusterUnderTest, SimulatedProcess } from "./simulated-process.ts";
import { SimulatedServer, type ClusterParts, type StartServer } from "./simulated-server.ts";

const FORM_WITHIN_MS = 60_000;
const MICROS = 1000;

export class SimulatedCluster implements ClusterUnderTest {
  readonly line: SimulatedClock;
  readonly network: MemoryNetwork;
  readonly processes: readonly SimulatedProcess[];
  readonly masters: readonly SimulatedServer[];
  readonly tabletServers: readonly SimulatedServer[];
  readonly frontends: readonly SimulatedFrontend[];
  readonly #parts: ClusterParts;
  readonly #streams: RandomStreams;
  readonly #options: ClusterOptions;
  readonly #sessions: TabletSessions;
  /** By name, of the master processes that run. */
  readonly #catalogs = new Map<string, CatalogReplica>();
  /** By name, of the tablet server processes that run. */
  readonly #tablets = new Map<string, TabletSet>();
  /** From then on no master makes up a cluster of its own. */
  #isFormed = false;

  constructor(options: ClusterOptions, parts: ClusterParts, streams: RandomStreams) {
    this.line = parts.line;
    this.network = parts.network;
    this.#parts = parts;
    this.#streams = streams;
    this.#options = options;
    this.#sessions = new TabletSessions((detail) => {
      parts.violations.add("linearizability", detail);
    });
    const plans = serverPlans(options);
    const { maxAppendBytes, maxInflightAppends } = options;
    const limits = { maxAppendBytes, maxInflightAppends };
    const of = (plan: ServerPlan) => {
      const random = streams.of(plan.name);
      const skewMs = random.below(2 * options.wallSkewMs + 1) - options.wallSkewMs;
      const storeRandom = streams.of(`store of ${plan.name}`);
      const pace =
        options.storePaces === "mixed"
          ? new Draws(storeRandom).of(STORE_PACES)
          : options.storePaces;
      const storeLatency = drawnLatency(pace, storeRandom);
      return { ...plan, random, wallSkewMicros: skewMs * MICROS, limits, storeLatency };
    };
    this.masters = plans
      .filter(({ role }) => role === "master")
      .map((plan) => {
        const start = this.#startMaster(plan);
        return new SimulatedServer(parts, { ...of(plan), role: "master", start });
      });
    this.tabletServers = plans
      .filter(({ role }) => role === "tablet-server")
      .map((plan) => {
        const start = this.#startTabletServer(plan);
        return new SimulatedServer(parts, { ...of(plan), role: "tablet-server", start });
      });
    this.frontends = plans
      .filter(({ role }) => role === "frontend")
      .map((plan) => {
        return new SimulatedFrontend(parts, { ...of(plan), limits: routingLimits(options) });
      });
    this.processes = [...this.masters, ...this.tabletServers, ...this.frontends];
  }

  /** Starts every process; false: they did not become a cluster in time. */
  async form(): Promise<boolean> {
    for (const process of this.processes) process.start();
    this.#isFormed = await this.line.runUntil(() => this.isReady(), FORM_WITHIN_MS);
    return this.#isFormed;
  }

  /** Every front-end could serve a client. */
  isReady(): boolean {
    if (this.#parts.violations.first !== null) return true;
    return this.frontends.every(({ running }) => running?.routing.unreadyReason() === null);
  }

  /** Of the master that leads the catalog, on a process that runs. */
  leadingCatalog(): CatalogReplica | null {
    for (const { name, state } of this.masters) {
      const catalog = this.#catalogs.get(name);
      if (state === "running" && catalog !== undefined && catalog.leader !== null) return catalog;
    }
    return null;
  }

  /** With their server's name, of the servers that run. */
  *tablets(): Iterable<readonly [string, Tablet]> {
    for (const { name, state } of this.tabletServers) {
      if (state !== "running") continue;
      for (const tablet of this.#tablets.get(name)?.tablets() ?? []) yield [name, tablet];
    }
  }

  /** A client of the nth front-end, on a machine of its own that never fails. */
  clientOf(nth: number): StoreClient {
    const frontend = this.frontends[nth % this.frontends.length] as SimulatedFrontend;
    return new OperationsClient({
      clock: this.line.process(),
      frontEnd: () => {
        const { running } = frontend;
        if (running === null) return null;
        const { rows, tables } = running.routing.operations;
        return { clock: running.clock, rows: this.#sessions.watch(rows), tables };
      },
      replicas: this.#options.replicas,
      chunkRows: 1 + this.#streams.of(`chunks ${nth}`).below(30),
      unexpected: (error) => {
        const text = `${frontend.name}: ${errorText(error)}`;
        this.#parts.violations.add("process failed", text);
      },
    });
  }

  #startMaster({ name }: ServerPlan): StartServer {
    return async (world, config, refused) => {
      this.#catalogs.delete(name);
      const bootstrap = !this.#isFormed;
      const { replica, running } = await startMaster(world, config, { bootstrap });
      this.#catalogs.set(name, replica);
      running.catch(refused);
    };
  }

  #startTabletServer({ name }: ServerPlan): StartServer {
    return async (world, config) => {
      this.#tablets.delete(name);
      const { retryTtlMs, waitingWrites } = this.#options;
      const { tablets } = await startTabletServer(world, config, {
        ...TABLET_LIMITS,
        retryTtlMs,
        waitingWrites,
      });
      this.#tablets.set(name, tablets);
    };
  }
}

function routingLimits(options: ClusterOptions): Partial<RoutingLimits> {
  const { brokenAttempts, callWrites, leaderlessMs, parallelTablets } = options;
  const { mapTablets, mapNeighbours, mapEntryMs, retrySpan, retryTablets, writeMs } = options;
  const map = { mapTablets, mapNeighbours, mapEntryMs };
  const retries = { brokenAttempts, retrySpan, retryTablets, writeMs };
  return { ...map, ...retries, callWrites, leaderlessMs, parallelTablets };
}
