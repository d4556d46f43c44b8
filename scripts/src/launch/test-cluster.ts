// A real local cluster for end-to-end tests: own processes, free ports, a temporary directory.
//
//   await using cluster = await TestCluster.start({ tabletServers: 3 });
//   await cluster.kill("ts1");  ...  await cluster.restart("ts1");
//
// T1. A server that died stays dead until restart(): tests decide when.
// T2. Processes never outlive the test runner: each holds a pipe to it (see launcher-pipe). The
//     directory goes at dispose, at exit of the runner, or, if that was killed, at the next start.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { ServerRole } from "@stele/shared/server-role.ts";
import { ClusterDirectory } from "./cluster-directory.ts";
import type { RunningProcess } from "./cluster-directory.ts";
import type { ServerPlan } from "./cluster-layout.ts";
import { LaunchError } from "./launch-error.ts";
import { openCluster } from "./launcher.ts";
import type { LaunchRequest, LocalCluster } from "./launcher.ts";
import { lastLogLines } from "./process-log.ts";
import { isAlive, startTicks } from "./process-identity.ts";
import { probeReadiness } from "./readiness.ts";
import type { SupervisedProcess } from "./supervised-process.ts";

export interface TestClusterOptions {
  /** Default 1, 1, 1. */
  readonly masters?: number;
  readonly tabletServers?: number;
  readonly frontends?: number;
  /** Flags for every server of a role, as on its command line. */
  readonly flags?: Partial<Record<ServerRole, readonly string[]>>;
  /** As in a `LaunchRequest`: the way to a server may lead through a proxy. */
  readonly advertise?: (server: ServerPlan) => string;
  /** Default: this checkout's `stele`. */
  readonly stele?: readonly string[];
  /** Until the whole cluster is ready; default 30 s. */
  readonly readyWithinMs?: number;
  /** Ends a start that is under way. */
  readonly stop?: AbortSignal;
}

export interface Wait {
  /** Names the condition in the error. */
  readonly what: string;
  readonly withinMs?: number;
  readonly everyMs?: number;
}

const PREFIX = "stele-test-cluster-";
const main = fileURLToPath(new URL("../cli/main.ts", import.meta.url));

export class TestCluster {
  readonly directory: ClusterDirectory;
  readonly #options: TestClusterOptions;
  readonly #onExit = (): void => this.#removeNow();
  /** What the launcher told, oldest first. */
  readonly told: string[] = [];
  #stop = new AbortController();
  #cluster: LocalCluster | null = null;
  #over: Promise<void> = Promise.resolve();

  private constructor(options: TestClusterOptions, path: string) {
    this.#options = options;
    this.directory = new ClusterDirectory(path);
  }

  /** Resolves when every server is ready. Rejects, cleaned up, with the servers' last log lines. */
  static async start(options: TestClusterOptions = {}): Promise<TestCluster> {
    const { stop } = options;
    stop?.throwIfAborted();
    removeAbandoned();
    const owner = `${process.pid}-${startTicks(process.pid) ?? "0"}-`;
    const cluster = new TestCluster(options, mkdtempSync(join(tmpdir(), PREFIX + owner)));
    process.on("exit", cluster.#onExit);
    const end = (): void => cluster.#stop.abort();
    stop?.addEventListener("abort", end);
    try {
      await cluster.startAll();
      return cluster;
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    } finally {
      stop?.removeEventListener("abort", end);
    }
  }

  /** Starts what stopAll() stopped, on the same data and ports. */
  async startAll(): Promise<void> {
    const { masters = 1, tabletServers = 1, frontends = 1, flags = {} } = this.#options;
    this.#stop = new AbortController();
    const request: LaunchRequest = {
      directory: this.directory,
      masters,
      tabletServers,
      frontends,
      port: this.#cluster === null ? 0 : undefined,
      restart: "by-caller",
      stele: this.#options.stele ?? [process.execPath, main],
      flags: { master: [], "tablet-server": [], frontend: [], ...flags },
      advertise: this.#options.advertise,
    };
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#cluster = await openCluster(request, {
      announce: () => resolve(),
      tell: (line) => void this.told.push(line),
      stop: this.#stop.signal,
      kill: new AbortController().signal,
    });
    this.#over = this.#cluster.run();
    const over = this.#over.then(() => {
      throw new LaunchError("stopped before it was ready");
    });
    over.catch(reject);
    const patience = AbortSignal.timeout(this.#options.readyWithinMs ?? 30_000);
    patience.addEventListener("abort", () => reject(this.#notReady()), { once: true });
    await promise;
    // A launcher announces a cluster that serves, be it with a server missing.
    for (const { plan } of this.#cluster.processes) {
      await Promise.race([this.waitUntilReady(plan.id), over]);
    }
  }

  /** Stops every server in order. */
  async stopAll(): Promise<void> {
    this.#stop.abort();
    await this.#over.catch(() => {});
  }

  /** Base of the REST API of the first front-end, without `/v1`. */
  get url(): string {
    return this.process("fe1").url;
  }

  get processes(): readonly RunningProcess[] {
    return this.directory.readProcesses();
  }

  process(id: string): RunningProcess {
    const found = this.processes.find((process) => process.id === id);
    if (found === undefined) throw new Error(`no process ${id} in cluster.json`);
    return found;
  }

  /** Sends the signal; if it ends a process, resolves when it has ended. SIGSTOP, SIGCONT: at once. */
  async kill(id: string, signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    const supervised = this.#supervised(id);
    if (!supervised.isRunning) return;
    process.kill(supervised.pid, signal);
    if (signal === "SIGKILL" || signal === "SIGTERM") await supervised.ended;
  }

  /** Starts the server again, after ending it if it runs; resolves when it is ready. */
  async restart(id: string): Promise<void> {
    await this.relaunch(id);
    await this.waitUntilReady(id);
  }

  /** As restart(), without waiting for what may never come. */
  async relaunch(id: string): Promise<void> {
    const supervised = this.#supervised(id);
    await this.kill(id);
    supervised.start();
  }

  /** Whether its process lives, be it stopped by a signal. */
  isRunning(id: string): boolean {
    return this.#supervised(id).isRunning;
  }

  /** Ends the server and removes its data: a lost disk. */
  async wipe(id: string): Promise<void> {
    await this.kill(id);
    rmSync(this.#supervised(id).plan.dataDir, { recursive: true, force: true });
  }

  async waitUntilReady(id: string, withinMs = 30_000): Promise<void> {
    const { plan } = this.#supervised(id);
    const isReady = async (): Promise<boolean> => {
      return (await probeReadiness(plan.url)).kind === "ready";
    };
    await this.waitFor(isReady, { what: `${id} is ready`, withinMs });
  }

  /** The first result that is neither false nor undefined. Errors of the condition are tried again. */
  async waitFor<T>(
    condition: () => Promise<T | false | undefined>,
    { what, withinMs = 30_000, everyMs = 50 }: Wait,
  ): Promise<T> {
    const endMs = performance.now() + withinMs;
    for (;;) {
      let cause: unknown;
      try {
        const result = await condition();
        if (result !== false && result !== undefined) return result;
      } catch (error) {
        cause = error;
      }
      if (performance.now() > endMs) {
        throw new Error(`not within ${withinMs} ms: ${what}${this.#lastWords()}`, { cause });
      }
      await sleep(everyMs);
    }
  }

  log(id: string): string {
    return readFileSync(this.directory.logPath(id), "utf8");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stopAll();
    process.off("exit", this.#onExit);
    this.#removeNow();
  }

  #supervised(id: string): SupervisedProcess {
    const found = this.#cluster?.processes.find(({ plan }) => plan.id === id);
    if (found === undefined) throw new Error(`the cluster has no ${id}`);
    return found;
  }

  #notReady(): LaunchError {
    return new LaunchError(`the cluster did not become ready in time${this.#lastWords()}`);
  }

  #lastWords(): string {
    const told = this.told.slice(-5).map((line) => `\n  launcher: ${line}`);
    const logs = this.#cluster?.processes.flatMap(({ plan }) =>
      lastLogLines(this.directory.logPath(plan.id), 3).map((line) => `\n  ${plan.id}: ${line}`),
    );
    return [...told, ...(logs ?? [])].join("");
  }

  #removeNow(): void {
    for (const supervised of this.#cluster?.processes ?? []) {
      if (supervised.isRunning) process.kill(supervised.pid, "SIGKILL");
    }
    rmSync(this.directory.path, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Directories whose test runner was killed before it could remove them. */
function removeAbandoned(): void {
  for (const name of readdirSync(tmpdir())) {
    const [, pid, ticks] = /^stele-test-cluster-(\d+)-(\d+)-/.exec(name) ?? [];
    if (pid === undefined) continue;
    const now = isAlive(Number(pid)) ? (startTicks(Number(pid)) ?? ticks) : null;
    if (now !== ticks) rmSync(join(tmpdir(), name), { recursive: true, force: true });
  }
}
