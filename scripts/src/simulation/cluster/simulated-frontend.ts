/** One front-end of the simulation: the real routing over simulated clock and network. Clients call its operations. */
import type { ServerConfig } from "@stele/shared/config-knobs.ts";
import { Metrics } from "@stele/shared/metrics.ts";
import { ClusterMember } from "@stele/shared/process/cluster-member.ts";
import type { MemberWorld } from "@stele/shared/process/server-world.ts";
import type { Random } from "@stele/shared/random.ts";
import { startRouting, type RoutedMember } from "@stele/frontend/routed-member.ts";
import type { RoutingLimits } from "@stele/frontend/routing/routing-limits.ts";
import { routingMetrics } from "@stele/frontend/routing/routing-metrics.ts";
import type { ProcessClock } from "@stele/shared/testing/simulated-clock.ts";
import { errorText } from "../error-text.ts";
import { OpenOperations } from "./open-operations.ts";
import { ProcessLife, type Incarnation } from "./process-life.ts";
import { SimulatedDirectory } from "./simulated-directory.ts";
import type { FrontendProcess, ProcessState } from "./simulated-process.ts";
import type { ClusterParts } from "./simulated-server.ts";

export interface FrontendOptions {
  readonly name: string;
  readonly config: ServerConfig;
  readonly random: Random;
  readonly wallSkewMicros: number;
  readonly limits: Partial<RoutingLimits>;
}

/** A process of it, as clients reach it. */
export interface RunningFrontend {
  readonly clock: ProcessClock;
  readonly routing: RoutedMember;
  readonly open: OpenOperations;
  /** Resolves when the process ends. */
  readonly gone: Promise<void>;
}

export class SimulatedFrontend implements FrontendProcess {
  readonly name: string;
  readonly role = "frontend";
  readonly url: string;
  readonly #parts: ClusterParts;
  readonly #options: FrontendOptions;
  readonly #life: ProcessLife;
  readonly #directory: SimulatedDirectory;
  #running: RunningFrontend | null = null;
  #end: () => void = () => {};

  constructor(parts: ClusterParts, options: FrontendOptions) {
    const { name, config, random, wallSkewMicros } = options;
    this.#parts = parts;
    this.#options = options;
    this.name = name;
    this.url = config.advertise ?? name;
    this.#life = new ProcessLife(parts.line, parts.network, this.url, wallSkewMicros);
    this.#directory = new SimulatedDirectory({
      name,
      role: "frontend",
      random,
      clock: this.#life.diskClock,
      writeBufferBytes: config.writeBufferBytes,
      replaced: () => {},
    });
  }

  get state(): ProcessState {
    return this.#life.state;
  }

  get clock(): ProcessClock | null {
    return this.#life.clock;
  }

  /** Null: nobody answers at its address. */
  get running(): RunningFrontend | null {
    return this.#running;
  }

  start(): void {
    const incarnation = this.#life.begin();
    this.#parts.trace.note(this.name, "starts");
    const { promise: gone, resolve } = Promise.withResolvers<void>();
    this.#end = resolve;
    const world = this.#worldOf(incarnation);
    const { config } = this.#options;
    const routing = startRouting({
      world,
      member: new ClusterMember(world, config),
      config,
      metrics: routingMetrics(new Metrics()),
      limits: this.#options.limits,
    });
    const { clock } = incarnation;
    const open = new OpenOperations(clock);
    const { rows, tables, cluster } = routing.operations;
    const operations = {
      rows: open.watch("rows", rows),
      tables: open.watch("tables", tables),
      cluster: open.watch("cluster", cluster),
    };
    this.#running = { clock, routing: { ...routing, operations }, open, gone };
    this.#life.started();
  }

  crash(): void {
    this.#parts.trace.note(this.name, "is killed");
    this.#life.end();
    this.#running = null;
    this.#end();
  }

  pause(): void {
    this.#parts.trace.note(this.name, "is stopped");
    this.#life.pause();
  }

  resume(): void {
    this.#parts.trace.note(this.name, "goes on");
    this.#life.resume();
  }

  #worldOf(incarnation: Incarnation): MemberWorld {
    const { clock, net } = incarnation;
    return {
      clock,
      random: this.#options.random,
      log: this.#parts.trace.logOf(this.name),
      directory: this.#directory.open(),
      addresses: this.#directory.openAddressBook(),
      exchange: net,
      failed: (reason, error) => {
        const text = `${this.name}: ${reason}: ${errorText(error)}`;
        this.#parts.violations.add("process failed", text);
      },
    };
  }
}
