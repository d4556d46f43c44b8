/**
 * One master or tablet server of the simulation: the real server over simulated clock, network and disks.
 *
 * V1. It ends by itself, and fails a request for a reason that it does not know, only by a fault of its disks
 *     (excused-error.ts); by whatever else is a violation.
 */
import { assert } from "@stele/shared/assert.ts";
import type { StoreLatency } from "@stele/shared/checkpoint-store/testing/store-latency.ts";
import type { ServerConfig } from "@stele/shared/config-knobs.ts";
import type { ServerId } from "@stele/shared/ids.ts";
import type {
  InternalService,
  Listening,
  ServerWorld,
  ServiceRoutes,
} from "@stele/shared/process/server-world.ts";
import type { Random } from "@stele/shared/random.ts";
import type { HostLimits } from "@stele/shared/replication/host-parts.ts";
import { ReplicaHost } from "@stele/shared/replication/replica-host.ts";
import { isExcused } from "@stele/shared/replication/testing/excused-error.ts";
import type { MemoryHost, MemoryNetwork } from "@stele/shared/rpc/testing/memory-network.ts";
import { routeEndpoint } from "@stele/shared/rpc/rpc-route.ts";
import type { ProcessClock, SimulatedClock } from "@stele/shared/testing/simulated-clock.ts";
import { CorruptRecordError } from "@stele/tablet-server/storage/corrupt-record-error.ts";
import { errorText } from "../error-text.ts";
import type { Trace } from "../trace.ts";
import type { Violations } from "../violation.ts";
import { ProcessLife, type Incarnation } from "./process-life.ts";
import type { ProcessWatcher } from "./process-watcher.ts";
import { SimulatedDirectory } from "./simulated-directory.ts";
import type { ProcessState, ServerDisks, ServerProcess } from "./simulated-process.ts";

/** What every process of a simulated cluster is made with. */
export interface ClusterParts {
  readonly line: SimulatedClock;
  readonly network: MemoryNetwork;
  readonly watcher: ProcessWatcher;
  readonly violations: Violations;
  readonly trace: Trace;
  /** A process ended by itself. */
  readonly ended: (process: ServerProcess) => void;
}

/** Starts the role's server. `refused`: it found that it cannot go on, later. */
export type StartServer = (
  world: ServerWorld,
  config: ServerConfig,
  refused: (error: unknown) => void,
) => Promise<void>;

export interface ServerOptions {
  readonly name: string;
  readonly role: ServerProcess["role"];
  readonly config: ServerConfig;
  readonly random: Random;
  readonly wallSkewMicros: number;
  /** What no setting of the product says. */
  readonly limits: Partial<HostLimits>;
  readonly storeLatency: StoreLatency;
  readonly start: StartServer;
}

export class SimulatedServer implements ServerProcess {
  readonly name: string;
  readonly role: ServerProcess["role"];
  readonly url: string;
  readonly #parts: ClusterParts;
  readonly #options: ServerOptions;
  readonly #life: ProcessLife;
  readonly #directory: SimulatedDirectory;
  #host: ReplicaHost | null = null;
  #isTainted = false;

  constructor(parts: ClusterParts, options: ServerOptions) {
    const { name, role, config, random, wallSkewMicros, storeLatency } = options;
    this.#parts = parts;
    this.#options = options;
    this.name = name;
    this.role = role;
    this.url = config.advertise ?? name;
    this.#life = new ProcessLife(parts.line, parts.network, this.url, wallSkewMicros);
    this.#directory = new SimulatedDirectory({
      name,
      role,
      random,
      clock: this.#life.diskClock,
      writeBufferBytes: config.writeBufferBytes,
      storeLatency,
      replaced: () => {
        this.#isTainted = false;
        parts.watcher.diskReplaced(this);
      },
    });
  }

  get state(): ProcessState {
    return this.#life.state;
  }

  get clock(): ProcessClock | null {
    return this.#life.clock;
  }

  get disks(): ServerDisks {
    return this.#directory.disks;
  }

  get diskEpoch(): number {
    return this.#directory.epoch;
  }

  get serverId(): ServerId {
    return this.#directory.identity.serverId;
  }

  get host(): ReplicaHost | null {
    return this.#host;
  }

  /** A start finds damage of the log and of the host's own records; rows are found when they are read. */
  get tainted(): boolean {
    return this.#isTainted || this.disks.store.isRotten;
  }

  set tainted(isTainted: boolean) {
    this.#isTainted = isTainted;
  }

  start(): void {
    const incarnation = this.#life.begin();
    this.#parts.trace.note(this.name, `starts as server ${this.serverId}`);
    const failed = (error: unknown): void => this.#failed(incarnation, "it did not start", error);
    const refused = (error: unknown): void => this.#failed(incarnation, "it cannot go on", error);
    this.#options.start(this.#worldOf(incarnation), this.#options.config, refused).then(() => {
      if (!this.#life.isNow(incarnation)) return;
      this.#parts.trace.note(this.name, "serves");
      this.#isTainted = false;
      this.#life.started();
    }, failed);
  }

  crash(what: "process" | "power"): void {
    this.#parts.trace.note(this.name, what === "power" ? "loses power" : "is killed");
    this.#life.end();
    this.#parts.watcher.stopped(this);
    this.#host = null;
    const { log, store } = this.disks;
    if (what === "power") log.losePower();
    else log.endProcess();
    store.crash();
  }

  pause(): void {
    this.#parts.trace.note(this.name, "is stopped");
    this.#life.pause();
  }

  resume(): void {
    this.#parts.trace.note(this.name, "goes on");
    this.#life.resume();
  }

  wipe(): void {
    assert(this.state === "down", () => `${this.name} is ${this.state}`);
    this.#parts.trace.note(this.name, "finds its disk empty");
    this.#directory.wipe();
  }

  #worldOf(incarnation: Incarnation): ServerWorld {
    const { clock, net } = incarnation;
    const { trace, watcher } = this.#parts;
    const directory = this.#directory;
    return {
      clock,
      random: this.#options.random,
      log: trace.logOf(this.name),
      directory: directory.open(),
      addresses: directory.openAddressBook(),
      exchange: net,
      streams: net,
      failed: (reason, error) => this.#failed(incarnation, reason, error),
      openLogDirectory: () => directory.disks.log.openDirectory(),
      openStore: () => directory.disks.store.open(),
      openReplicas: async (parts) => {
        const limits = { ...parts.limits, ...this.#options.limits };
        const host = await ReplicaHost.open(watcher.watchHost(this, { ...parts, limits }));
        if (this.#life.isNow(incarnation)) {
          this.#host = host;
          watcher.opened(this);
        }
        return host;
      },
      document: (name, schema) => directory.document(name, schema),
      listen: (service) => this.#listen(incarnation, service),
      close: () => Promise.resolve(),
    };
  }

  async #listen({ clock, net }: Incarnation, service: InternalService): Promise<Listening> {
    const unexpected = (error: unknown, path: string): void => this.#judge(path, error);
    service.register(routesOn(net, { clock, unexpected }));
    return { close: () => Promise.resolve() };
  }

  #failed(incarnation: Incarnation, reason: string, error: unknown): void {
    if (!this.#life.isNow(incarnation)) return;
    this.#parts.trace.note(this.name, `ends: ${reason}: ${errorText(error)}`);
    this.#judge(reason, error);
    this.crash("process");
    this.#parts.ended(this);
  }

  /** V1. */
  #judge(where: string, error: unknown): void {
    if (isExcused(error, { tainted: this.tainted, isMachineDamage: isCorrupt })) return;
    this.#parts.violations.add("process failed", `${this.name}: ${where}: ${errorText(error)}`);
  }
}

function isCorrupt(error: unknown): boolean {
  return error instanceof CorruptRecordError;
}

function routesOn(
  net: MemoryHost,
  environment: Parameters<typeof routeEndpoint>[2],
): ServiceRoutes {
  return {
    exchange: (path, handler) => net.serve(path, handler),
    stream: (path, handler) => net.serveStream(path, handler, environment),
    route: (route, handler) => net.serve(route.path, routeEndpoint(route, handler, environment)),
  };
}
