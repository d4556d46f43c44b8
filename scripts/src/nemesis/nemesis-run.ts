/**
 * One run against real processes: a cluster, clients with their workloads, faults; then everything is healed, every
 * replica compared, everything read back and judged.
 *
 * R1. A run ends with its report, whatever happens to the cluster; what it started has ended, too.
 * R2. Histories, faults and logs are kept when something is found wrong, or the run breaks off, be it by an error of
 *     its own: a client that cannot go on ends the run at once.
 * R3. A run that is stopped ends its cluster and judges nothing; its process must end then, too.
 */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { systemClock } from "@stele/shared/clock.ts";
import { Draws } from "@stele/shared/testing/draws.ts";
import { Marks } from "@stele/shared/testing/marks.ts";
import { RandomStreams } from "@stele/shared/testing/random-streams.ts";
import type { Caller } from "../workloads/workload.ts";
import { Workloads } from "../workloads/workloads.ts";
import { FaultLanes } from "./fault-lanes.ts";
import { FaultLog } from "./fault-log.ts";
import { NEMESES } from "./faults/all-nemeses.ts";
import type { FaultKind, Scene } from "./faults/fault.ts";
import { keepHistories } from "./kept-evidence.ts";
import { NemesisCluster } from "./nemesis-cluster.ts";
import type { ClusterSizes } from "./nemesis-cluster.ts";
import { countOperations } from "./operation-counts.ts";
import type { OperationCounts } from "./operation-counts.ts";
import { RestStoreClient } from "./rest/rest-client.ts";
import { RunViolation } from "./run-violation.ts";
import type { FoundProblem } from "./run-violation.ts";

export interface NemesisRequest {
  readonly sizes: ClusterSizes;
  readonly durationMs: number;
  readonly seed: number;
  readonly kinds: readonly FaultKind[];
  readonly clients: number;
  /** The run's own: made if it is missing, removed if nothing is found wrong. */
  readonly directory: string;
  /** Progress, line by line. */
  readonly tell: (line: string) => void;
  /** Fires when the run is to end at once: it rejects with the signal's reason. */
  readonly stop: AbortSignal;
}

export interface NemesisReport {
  readonly problems: readonly FoundProblem[];
  readonly faults: ReadonlyMap<FaultKind, number>;
  /** "This happened" in the workloads, by name. */
  readonly marks: ReadonlyMap<string, number>;
  /** Of all histories. */
  readonly operations: OperationCounts;
  readonly steps: number;
  readonly tabletsCompared: number;
  readonly tookMs: number;
}

/** A second lane of processes where three servers are left of five: less would mostly show that nothing goes on. */
const LANES = ["links", "processes", "processes"] as const;
const SECOND_LANE_SERVERS = 5;
const PATIENCE_MS = 2_000;
/** Between two operations of a client. */
const THINK_MAX_MS = 20;
const WHOLE_WITHIN_MS = 90_000;
const FINISH_WITHIN_MS = 60_000;
const PROGRESS_MS = 10_000;

export async function runNemesis(request: NemesisRequest): Promise<NemesisReport> {
  mkdirSync(request.directory, { recursive: true });
  const run = new NemesisRun(request);
  const report = await run.run();
  if (report.problems.length === 0) rmSync(request.directory, { recursive: true, force: true });
  return report;
}

class NemesisRun {
  readonly #request: NemesisRequest;
  readonly #streams: RandomStreams;
  readonly #log: FaultLog;
  readonly #workloads: Workloads;
  readonly #marks = new Marks();
  readonly #problems: FoundProblem[] = [];
  /** The time of faults is over. */
  readonly #over = new AbortController();
  #steps = 0;
  #tabletsCompared = 0;

  constructor(request: NemesisRequest) {
    this.#request = request;
    this.#streams = new RandomStreams(request.seed);
    const { directory, tell } = request;
    this.#log = new FaultLog({ path: join(directory, "faults.ndjson"), clock: systemClock, tell });
    this.#workloads = new Workloads({
      clock: systemClock,
      random: this.#streams.of("workloads"),
      patienceMs: PATIENCE_MS,
      mark: (name) => this.#marks.add(name),
    });
  }

  async run(): Promise<NemesisReport> {
    const startedMs = performance.now();
    const { sizes, directory, stop } = this.#request;
    const cluster = await NemesisCluster.start(sizes, stop);
    const used = this.#use(cluster);
    try {
      await Promise.race([used, rejectionBy(stop)]);
    } catch (error) {
      // R3. What it goes on with finds no cluster any more.
      this.#over.abort();
      used.catch(() => {});
      throw error;
    } finally {
      try {
        cluster.keepLogs(join(directory, "logs"));
      } finally {
        await cluster[Symbol.asyncDispose]();
        keepHistories(directory, this.#workloads.histories);
      }
    }
    this.#log.note("judging");
    this.#problems.push(...this.#workloads.problems());
    const operations = [...this.#workloads.histories.values()].flat();
    return {
      problems: this.#problems,
      faults: this.#log.counts,
      marks: this.#marks.counts,
      operations: countOperations(operations),
      steps: this.#steps,
      tabletsCompared: this.#tabletsCompared,
      tookMs: performance.now() - startedMs,
    };
  }

  async #use(cluster: NemesisCluster): Promise<void> {
    const urls = cluster.frontendUrls;
    const clients = Array.from({ length: this.#request.clients }, (_, at) => {
      return new RestStoreClient(urls, at, (fault) => this.#noteFault(fault));
    });
    const callers = clients.map((client, at): Caller => ({ client, name: `c${at + 1}` }));
    try {
      await this.#workloads.setUp(callers);
      this.#log.note("the tables are there; clients and faults begin");
      const steps = Promise.all(callers.map((caller) => this.#keepStepping(caller)));
      await Promise.race([this.#noteProblem(this.#fault(cluster)), failureOf(steps)]);
      this.#over.abort();
      await steps;
      const { open, told } = cluster.network.count();
      this.#log.note(
        `the faults are over, everything is healed and compared; ${open} connections between servers, ` +
          `${told} of a known caller`,
      );
      await this.#noteProblem(this.#compare(cluster));
      const deadlineMs = systemClock.monotonicMs() + FINISH_WITHIN_MS;
      await this.#workloads.finish({ callers, deadlineMs });
    } finally {
      this.#over.abort();
      await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()));
    }
  }

  async #keepStepping(caller: Caller): Promise<void> {
    const random = this.#streams.of(caller.name);
    while (!this.#over.signal.aborted) {
      await this.#workloads.step(caller);
      this.#steps += 1;
      await sleep(random.below(THINK_MAX_MS));
    }
  }

  /** Until the time is over, everything healed; rejects when the cluster is found wrong. */
  async #fault(cluster: NemesisCluster): Promise<void> {
    const { durationMs, kinds, sizes } = this.#request;
    const over = this.#over.signal;
    const lanes = new FaultLanes({
      roster: cluster.roster,
      scene: this.#sceneOf(cluster),
      log: this.#log,
      untilWhole: () => cluster.health.untilWhole(WHOLE_WITHIN_MS),
      over,
    });
    const timer = setTimeout(() => this.#over.abort(), durationMs);
    const progress = setInterval(() => this.#tellProgress(), PROGRESS_MS);
    const lanesHere = LANES.slice(0, sizes.tabletServers >= SECOND_LANE_SERVERS ? 3 : 2);
    const running = lanesHere.flatMap((strikes, lane) => {
      const nemeses = kinds.map((kind) => NEMESES[kind]).filter((each) => each.strikes === strikes);
      return nemeses.length === 0
        ? []
        : [lanes.run(nemeses, new Draws(this.#streams.of(`lane ${lane}`)))];
    });
    try {
      await Promise.race([cluster.failed, Promise.all(running)]);
    } finally {
      this.#over.abort();
      clearTimeout(timer);
      clearInterval(progress);
      await Promise.allSettled(running);
    }
  }

  async #compare(cluster: NemesisCluster): Promise<void> {
    const verified = cluster.health.untilVerified(WHOLE_WITHIN_MS);
    this.#tabletsCompared += await Promise.race([cluster.failed, verified]);
  }

  #sceneOf(cluster: NemesisCluster): Scene {
    return {
      victims: cluster,
      network: cluster.network,
      note: (text) => this.#log.note(text),
      sleep: (ms) => sleep(ms),
      untilVerified: async () => {
        this.#tabletsCompared += await cluster.health.untilVerified(WHOLE_WITHIN_MS);
      },
    };
  }

  /** A `RunViolation` is a result of the run; other errors are the run's own. */
  async #noteProblem(work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (error) {
      if (!(error instanceof RunViolation)) throw error;
      // What an interrupt ended is no find.
      if (this.#request.stop.aborted) return;
      this.#problems.push(error.problem);
      this.#log.note(`found wrong: ${error.message}`);
    }
  }

  #noteFault(detail: string): void {
    this.#problems.push({ checker: "process failed", detail });
    this.#log.note(`found wrong: ${detail}`);
    this.#over.abort();
  }

  #tellProgress(): void {
    const unknown = this.#marks.of("write unknown");
    this.#request.tell(`           ${this.#steps} steps of clients, ${unknown} unknown writes`);
  }
}

/** Never fulfilled; rejects when `work` does. */
function failureOf(work: Promise<unknown>): Promise<never> {
  return new Promise((_resolve, reject) => void work.catch(reject));
}

function rejectionBy(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
    if (signal.aborted) reject(signal.reason as Error);
  });
}
