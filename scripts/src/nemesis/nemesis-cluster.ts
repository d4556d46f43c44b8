/**
 * A cluster of real processes whose internal traffic runs through proxies, as faults see it.
 *
 * C1. A process that ends without a fault that may end it is a violation.
 * C2. Small segments, buffers and retained logs: checkpoints, freed segments and snapshots come within seconds.
 */
import { cpSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { must } from "@stele/shared/assert.ts";
import { lastLogLines } from "../launch/process-log.ts";
import { TestCluster } from "../launch/test-cluster.ts";
import { ClusterHealth } from "./cluster-health.ts";
import { everyone } from "./faults/fault.ts";
import type { Roster, Victims } from "./faults/fault.ts";
import { ProxiedNetwork } from "./network/proxied-network.ts";
import { RunViolation } from "./run-violation.ts";

export interface ClusterSizes {
  readonly masters: number;
  readonly tabletServers: number;
  readonly frontends: number;
}

/** C2. */
const TABLET_SERVER_FLAGS = flags({
  "segment-bytes": 1024 * 1024,
  "checkpoint-bytes": 1024 * 1024,
  "write-buffer-bytes": 256 * 1024,
  "retained-log-bytes": 128 * 1024,
  "checkpoint-interval-ms": 2_000,
});
/** Replicas are replaced after pauses and kills of the longer kind. */
const MASTER_FLAGS = flags({ "server-gone-ms": 8_000 });
const READY_MS = 60_000;
const WATCH_MS = 200;
const LINES_SHOWN = 8;

export class NemesisCluster implements Victims, AsyncDisposable {
  readonly roster: Roster;
  readonly network: ProxiedNetwork;
  readonly health: ClusterHealth;
  readonly #cluster: TestCluster;
  /** C1: those whose death is no news. */
  readonly #mayBeDead = new Set<string>();
  readonly #disposed = new AbortController();
  /** Never fulfilled; rejects at C1. */
  readonly failed: Promise<never>;

  private constructor(cluster: TestCluster, roster: Roster, network: ProxiedNetwork) {
    this.#cluster = cluster;
    this.roster = roster;
    this.network = network;
    this.health = new ClusterHealth(this.frontendUrls);
    this.failed = this.#watch();
    this.failed.catch(() => {});
  }

  /** Rejects when `stop` is aborted before it is ready; what was started has ended then. */
  static async start(sizes: ClusterSizes, stop: AbortSignal): Promise<NemesisCluster> {
    const roster: Roster = {
      masters: names("m", sizes.masters),
      tabletServers: names("ts", sizes.tabletServers),
      frontends: names("fe", sizes.frontends),
    };
    const ports = new Map<string, number>();
    const started: { cluster: TestCluster | null } = { cluster: null };
    const network = await ProxiedNetwork.open([...roster.masters, ...roster.tabletServers], {
      portOf: (id) => must(ports.get(id), "a server is connected to under its proxy's address"),
      processes: () => started.cluster?.processes ?? [],
    });
    try {
      const cluster = await TestCluster.start({
        ...sizes,
        flags: { "tablet-server": TABLET_SERVER_FLAGS, master: MASTER_FLAGS },
        advertise: ({ role, id, port, url }) => {
          ports.set(id, port);
          return role === "frontend" ? url : network.url(id);
        },
        readyWithinMs: READY_MS,
        stop,
      });
      started.cluster = cluster;
      return new NemesisCluster(cluster, roster, network);
    } catch (error) {
      await network[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Of the REST API, straight to the front-ends. */
  get frontendUrls(): readonly string[] {
    return this.roster.frontends.map((id) => this.#cluster.process(id).url);
  }

  kill(id: string): Promise<void> {
    this.#mayBeDead.add(id);
    return this.#cluster.kill(id);
  }

  async signal(id: string, signal: "SIGSTOP" | "SIGCONT"): Promise<void> {
    if (this.isRunning(id)) await this.#cluster.kill(id, signal);
  }

  async relaunch(id: string): Promise<void> {
    this.#mayBeDead.add(id);
    await this.#cluster.relaunch(id);
    this.#mayBeDead.delete(id);
  }

  async wipe(id: string): Promise<void> {
    this.#mayBeDead.add(id);
    await this.#cluster.wipe(id);
  }

  isRunning(id: string): boolean {
    return this.#cluster.isRunning(id);
  }

  pidOf(id: string): number {
    return this.#cluster.process(id).pid;
  }

  dataDirOf(id: string): string {
    return this.#cluster.process(id).dataDir;
  }

  expectDeath(id: string): void {
    this.#mayBeDead.add(id);
  }

  expectLife(id: string): void {
    this.#mayBeDead.delete(id);
  }

  leadingMaster(): Promise<string | null> {
    return this.health.leadingMaster();
  }

  /** Copies what the servers wrote. */
  keepLogs(folder: string): void {
    cpSync(this.#cluster.directory.logsPath, folder, { recursive: true });
  }

  /** The last lines of a server's log, for people. */
  lastWords(id: string): readonly string[] {
    return lastLogLines(this.#cluster.directory.logPath(id), LINES_SHOWN);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed.abort();
    for (const id of everyone(this.roster)) await this.signal(id, "SIGCONT");
    this.network.healAll();
    await this.health[Symbol.asyncDispose]();
    await this.#cluster[Symbol.asyncDispose]();
    await this.network[Symbol.asyncDispose]();
  }

  /** C1. */
  async #watch(): Promise<never> {
    for (;;) {
      await sleep(WATCH_MS, undefined, { signal: this.#disposed.signal });
      const dead = everyone(this.roster).find(
        (id) => !this.isRunning(id) && !this.#mayBeDead.has(id),
      );
      if (dead === undefined) continue;
      const words = this.lastWords(dead).join("\n  ");
      throw new RunViolation({
        checker: "process failed",
        detail: `${dead} ended by itself; its last words:\n  ${words}`,
      });
    }
  }
}

function flags(values: Readonly<Record<string, number>>): string[] {
  return Object.entries(values).flatMap(([name, value]) => [`--${name}`, String(value)]);
}

function names(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}${index + 1}`);
}
