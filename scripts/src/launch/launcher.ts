// Runs a local cluster: every server its own process, until it is told to stop.
//
// C1. Nothing is started unless the data directory is ours alone and its shape fits.
// C2. Servers are stopped front-ends first, then tablet servers, then masters, so that each finds
//     what it needs to finish; whoever does not end in time is killed.
// C3. run() returns only when every process it started has ended.
import { setTimeout as sleep } from "node:timers/promises";
import type { ProcessLock } from "@stele/shared/process/process-lock.adapter.ts";
import type { ServerRole } from "@stele/shared/server-role.ts";
import { planServers, startArguments } from "./cluster-layout.ts";
import type { ServerPlan } from "./cluster-layout.ts";
import { resolveShape } from "./cluster-shape.ts";
import type { RequestedShape } from "./cluster-shape.ts";
import type { ClusterDirectory, RememberedCluster } from "./cluster-directory.ts";
import { LaunchError } from "./launch-error.ts";
import { endLeftovers } from "./leftover-processes.ts";
import { chooseBase } from "./port-choice.ts";
import { probeReadiness } from "./readiness.ts";
import { SupervisedProcess } from "./supervised-process.ts";

export interface LaunchRequest extends RequestedShape {
  readonly directory: ClusterDirectory;
  /** Absent: as before, or 7070. 0: any free block. */
  readonly port?: number | undefined;
  /** "by-caller": a dead server waits for `restart()`, even if it was the last one. */
  readonly restart: "always" | "never" | "by-caller";
  /** What runs `stele`: program and leading arguments. */
  readonly stele: readonly string[];
  /** Flags handed on to every server of a role. */
  readonly flags: Readonly<Record<ServerRole, readonly string[]>>;
  /** The URL under which the other servers reach a server. Absent: where it listens. */
  readonly advertise?: ((server: ServerPlan) => string) | undefined;
}

export interface LauncherConsole {
  /** The line that says the cluster is ready. */
  readonly announce: (line: string) => void;
  /** Progress and trouble. */
  readonly tell: (line: string) => void;
  /** Fires when the cluster is to stop. */
  readonly stop: AbortSignal;
  /** Fires when it is to stop at once. */
  readonly kill: AbortSignal;
}

const READY_POLL_MS = 50;
const PROGRESS_FIRST_MS = 3000;
const PROGRESS_EVERY_MS = 5000;
/** A cluster that serves is announced although a server is still missing. */
const STRAGGLER_MS = 20_000;
/** For the processes of one role. */
const STOP_MS = 8000;
/** How a server ends that cannot do what its flags and its directory ask for. */
const USAGE = 2;
const stopOrder: readonly ServerRole[] = ["frontend", "tablet-server", "master"];

/** Runs until stopped; returns the exit code. Throws `LaunchError` for a start that cannot be. */
export async function runCluster(
  request: LaunchRequest,
  console: LauncherConsole,
): Promise<number> {
  const cluster = await openCluster(request, console);
  await cluster.run();
  return 0;
}

/** Claims the data directory and settles what runs; starts nothing. The caller must call `run()`. */
export async function openCluster(
  request: LaunchRequest,
  console: LauncherConsole,
): Promise<LocalCluster> {
  const { directory } = request;
  directory.create();
  const lock = await directory.lock();
  try {
    const before = directory.readCluster();
    const shape = resolveShape(request, before);
    const leftovers = directory.readProcesses();
    await endLeftovers({ processes: leftovers, tell: console.tell, stop: console.stop });
    directory.removeProcesses();
    const wished = request.port ?? before?.base;
    const base = await chooseBase(wished, shape, console.tell);
    const cluster: RememberedCluster = { ...shape, base, formed: before?.formed ?? false };
    directory.rememberCluster(cluster);
    return new LocalCluster({ request, console, cluster, lock });
  } catch (error) {
    await lock.release();
    throw error;
  }
}

export class LocalCluster {
  readonly #request: LaunchRequest;
  readonly #console: LauncherConsole;
  #cluster: RememberedCluster;
  readonly #lock: ProcessLock;
  readonly #processes: readonly SupervisedProcess[];
  readonly #over = new AbortController();
  #failure: LaunchError | null = null;
  #isReady = false;
  /** Those that ended because of what they were asked. */
  readonly #refused = new Set<ServerPlan>();
  #allStarted = false;

  constructor({
    request,
    console,
    cluster,
    lock,
  }: {
    readonly request: LaunchRequest;
    readonly console: LauncherConsole;
    readonly cluster: RememberedCluster;
    readonly lock: ProcessLock;
  }) {
    this.#request = request;
    this.#console = console;
    this.#cluster = cluster;
    this.#lock = lock;
    const plans = planServers(cluster, cluster.base, request.directory.path);
    const masters = plans.filter(({ role }) => role === "master");
    const masterUrls = masters.map((plan) => this.#advertised(plan));
    this.#processes = plans.map(
      (plan) =>
        new SupervisedProcess({
          plan,
          logPath: request.directory.logPath(plan.id),
          restart: request.restart === "always",
          command: () => this.#command(plan, masterUrls),
          onStarted: () => this.#recordProcesses(),
          onEnded: (exitCode) => this.#onEnded(plan, exitCode),
          tell: console.tell,
        }),
    );
  }

  /** Throws `LaunchError` when the cluster ends by itself. */
  async run(): Promise<void> {
    const { stop } = this.#console;
    const end = (): void => this.#over.abort();
    stop.addEventListener("abort", end, { once: true });
    try {
      if (stop.aborted) return;
      for (const process of this.#processes) process.start();
      this.#allStarted = true;
      this.#recordProcesses();
      await this.#becomeReady();
      await aborted(this.#over.signal);
    } finally {
      stop.removeEventListener("abort", end);
      await this.#stopAll();
      await this.#lock.release();
    }
    if (this.#failure !== null) throw this.#failure;
  }

  /** The processes, for a caller that restarts them itself. */
  get processes(): readonly SupervisedProcess[] {
    return this.#processes;
  }

  #command(plan: ServerPlan, masterUrls: readonly string[]): readonly string[] {
    const { stele, flags } = this.#request;
    const forms = plan.role === "master" && !this.#cluster.formed;
    const expected = String(this.#cluster.tabletServers);
    const extra = [
      ...(forms ? ["--bootstrap"] : []),
      ...(plan.role === "frontend" ? ["--expect-tablet-servers", expected] : []),
      ...flags[plan.role],
    ];
    const advertise = this.#advertised(plan);
    return [...stele, ...startArguments(plan, { advertise, masterUrls, extra })];
  }

  #advertised(plan: ServerPlan): string {
    return this.#request.advertise?.(plan) ?? plan.url;
  }

  #recordProcesses(): void {
    if (!this.#allStarted) return;
    this.#request.directory.writeProcesses(
      this.#processes.map(({ pid, plan: { role, id, url, dataDir } }) => {
        return { role, id, pid, url, dataDir };
      }),
    );
  }

  #onEnded(plan: ServerPlan, exitCode: number | null): void {
    if (exitCode === USAGE && !this.#isReady) {
      this.#refused.add(plan);
      if (this.#isHopeless(plan)) this.#fail(this.#refusal(plan));
    } else if (
      this.#request.restart === "never" &&
      this.#processes.every((process) => !process.isRunning)
    ) {
      this.#fail(
        new LaunchError(`every server has ended; see ${this.#request.directory.logsPath}`),
      );
    }
  }

  /** A formed cluster serves without some servers, but not without any of a role. */
  #isHopeless({ role }: ServerPlan): boolean {
    const plans = this.#processes.map(({ plan }) => plan);
    const ofRole = plans.filter((plan) => plan.role === role);
    return !this.#cluster.formed || ofRole.every((plan) => this.#refused.has(plan));
  }

  #refusal(plan: ServerPlan): LaunchError {
    const words = this.#processes.find((process) => process.plan === plan)?.lastWords() ?? [];
    const text = words.map((line) => `\n  ${line}`).join("");
    const log = this.#request.directory.logPath(plan.id);
    return new LaunchError(`${plan.id} refused to start:${text}\n  more in ${log}`, USAGE);
  }

  #fail(error: LaunchError): void {
    this.#failure ??= error;
    this.#over.abort();
  }

  async #becomeReady(): Promise<void> {
    const startedMs = performance.now();
    let tellAtMs = PROGRESS_FIRST_MS;
    const waiting = new Map(this.#processes.map((process) => [process, "starting"]));
    while (!this.#over.signal.aborted) {
      await this.#probe(waiting);
      const waitedMs = performance.now() - startedMs;
      const missing = [...waiting].map(([{ plan }, detail]) => `${plan.id} (${detail})`).join(", ");
      const serves = [...waiting.keys()].every(({ plan }) => plan.role !== "frontend");
      if (waiting.size === 0 || (serves && waitedMs > STRAGGLER_MS)) {
        this.#announce(waitedMs, missing);
        return;
      }
      if (waitedMs > tellAtMs) {
        tellAtMs += PROGRESS_EVERY_MS;
        this.#console.tell(`waiting (${Math.round(waitedMs / 1000)} s) for ${missing}`);
      }
      await sleep(READY_POLL_MS, undefined, { signal: this.#over.signal }).catch(() => {});
    }
  }

  async #probe(waiting: Map<SupervisedProcess, string>): Promise<void> {
    await Promise.all(
      [...waiting.keys()].map(async (process) => {
        const readiness = await probeReadiness(process.plan.url);
        // Whoever answers on the port of a process that is not running is not ours.
        if (!process.isRunning) waiting.set(process, "not running");
        else if (readiness.kind === "ready") waiting.delete(process);
        else waiting.set(process, readiness.detail);
      }),
    );
  }

  #announce(waitedMs: number, missing: string): void {
    if (this.#over.signal.aborted) return;
    this.#isReady = true;
    const { directory } = this.#request;
    if (!this.#cluster.formed && missing === "") {
      this.#cluster = { ...this.#cluster, formed: true };
      directory.rememberCluster(this.#cluster);
    }
    const urls = this.#processes.flatMap(({ plan }) =>
      plan.role === "frontend" ? [plan.url] : [],
    );
    const seconds = (waitedMs / 1000).toFixed(1);
    this.#console.announce(
      `Stele is ready at ${urls.join(" ")} after ${seconds} s; data is kept in ${directory.path}; ` +
        "Ctrl-C stops it",
    );
    if (missing !== "") this.#console.tell(`still missing: ${missing}`);
  }

  async #stopAll(): Promise<void> {
    const { kill: killNow, tell } = this.#console;
    if (this.#processes.some((process) => process.isRunning)) {
      tell("stopping ... (interrupt again to kill what still runs)");
    }
    for (const process of this.#processes) process.retire();
    for (const role of stopOrder) {
      const kill = AbortSignal.any([AbortSignal.timeout(STOP_MS), killNow]);
      const group = this.#processes.filter(({ plan }) => plan.role === role);
      await Promise.all(
        group.map(async (process) => {
          if ((await process.stop(kill)) === "by itself") return;
          const why = killNow.aborted ? "at the second interrupt" : `after ${STOP_MS / 1000} s`;
          tell(`${process.plan.id} had not stopped and was killed ${why}`);
        }),
      );
    }
    this.#request.directory.removeProcesses();
    tell(`stopped; the data stays in ${this.#request.directory.path}`);
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
