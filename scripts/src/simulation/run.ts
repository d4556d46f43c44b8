/**
 * One run by seed: a cluster forms, clients work while faults strike, everything heals, and what came of it is
 * judged.
 *
 * R1. A run ends at the first violation, of whatever checker.
 * R2. After the faults end, every operation ends and the cluster comes to rest within bounds: no other time-out than
 *     this one is a violation.
 * R3. An operation of a front-end settles by its deadline, whatever the client that called it has given up.
 */
import { crc32 } from "node:zlib";
import { delay } from "@stele/shared/clock.ts";
import { MemoryNetwork } from "@stele/shared/rpc/testing/memory-network.ts";
import { nextMacrotask } from "@stele/shared/testing/macrotask.adapter.ts";
import { Marks } from "@stele/shared/testing/marks.ts";
import { RandomStreams } from "@stele/shared/testing/random-streams.ts";
import { SimulatedClock, type ProcessClock } from "@stele/shared/testing/simulated-clock.ts";
import { Workloads } from "../workloads/workloads.ts";
import type { Caller } from "../workloads/workload.ts";
import { observedClient } from "./observed-client.ts";
import { drawClusterOptions, type ClusterOptions } from "./cluster/cluster-options.ts";
import { unrestReason } from "./cluster/convergence.ts";
import { SimulatedCluster } from "./cluster/simulated-cluster.ts";
import type { SimulatedProcess } from "./cluster/simulated-process.ts";
import { verifyTablets } from "./cluster/verify-tablets.ts";
import { errorText } from "./error-text.ts";
import { FaultInjection } from "./faults/fault-injection.ts";
import { drawFaults } from "./faults/fault-plan.ts";
import type { Fault } from "./faults/fault.ts";
import { Invariants } from "./invariants/invariants.ts";
import { problemOfChannel } from "./invariants/queue-limits.ts";
import { HostMarks } from "./marks/host-marks.ts";
import { PROBE_KINDS, probe } from "./probes.ts";
import { drawRunOptions, type RunOptions } from "./run-options.ts";
import type { RunReport, RunRequest, RunSeed } from "./run-report.ts";
import { Trace } from "./trace.ts";
import { Violations } from "./violation.ts";

const SURVEY_MS = 500;
/** For clients to see the ends of their last operations, whatever happened before. */
const LAST_OPERATIONS_MS = 60_000;
/** Beside the time after which a server counts as gone. */
const REST_WITHIN_MS = 120_000;
/** A deadline is looked at now and then. */
const OVERDUE_MS = 1_000;
const FINISH_WITHIN_MS = 60_000;
const VERIFY_WITHIN_MS = 120_000;
const VERIFICATIONS = 5;

export const runSeed: RunSeed = async (request) => {
  const run = new Run(request);
  await run.play();
  return run.report();
};

class Run {
  readonly #request: RunRequest;
  readonly #clusterOptions: ClusterOptions;
  readonly #options: RunOptions;
  readonly #streams: RandomStreams;
  readonly #line: SimulatedClock;
  readonly #marks = new Marks();
  readonly #violations: Violations;
  readonly #trace: Trace;
  readonly #invariants: Invariants;
  readonly #cluster: SimulatedCluster;
  readonly #injection: FaultInjection;
  readonly #hostMarks: HostMarks;
  readonly #workloads: Workloads;
  readonly #callers: readonly Caller[];
  /** Those that are after locks alone. */
  readonly #contenders: readonly Caller[];
  readonly #faults: readonly Fault[];
  /** Clients begin no more operations. */
  #isOver = false;
  #operations = 0;

  constructor(request: RunRequest) {
    this.#request = request;
    const streams = new RandomStreams(request.seed);
    this.#streams = streams;
    this.#clusterOptions = drawClusterOptions(streams.of("cluster"));
    this.#options = drawRunOptions(streams.of("run"));
    const line = new SimulatedClock(streams.of("order"), nextMacrotask);
    this.#line = line;
    const network = new MemoryNetwork(streams.of("network"));
    network.onMessage = (_from, _to, _path, chunks) => line.mixIn(checksumOf(chunks));
    this.#violations = new Violations(() => line.monotonicMs());
    this.#trace = new Trace(() => line.monotonicMs(), request.trace);
    this.#invariants = new Invariants(this.#violations);
    this.#cluster = new SimulatedCluster(
      this.#clusterOptions,
      {
        line,
        network,
        watcher: this.#invariants,
        violations: this.#violations,
        trace: this.#trace,
        ended: (process) => this.#injection.processEnded(process),
      },
      streams,
    );
    this.#hostMarks = new HostMarks(this.#cluster, this.#marks);
    const note = (who: string, what: string): void => this.#trace.note(who, what);
    const chance = streams.of("injection");
    this.#injection = new FaultInjection(this.#cluster, chance, this.#marks, note);
    this.#workloads = new Workloads({
      clock: line,
      random: streams.of("workloads"),
      patienceMs: this.#options.patienceMs,
      mark: (name) => this.#marks.add(name),
    });
    const { clients, contendMs } = this.#options;
    this.#callers = Array.from({ length: clients }, (_, nth) => this.#callerOf(nth, `c${nth + 1}`));
    this.#contenders = Array.from(
      { length: contendMs === 0 ? 0 : this.#cluster.frontends.length },
      (_, nth) => this.#callerOf(nth, `l${nth + 1}`),
    );
    const names = (role: SimulatedProcess["role"]) =>
      this.#cluster.processes.filter((process) => process.role === role).map(({ name }) => name);
    this.#faults =
      request.faults ??
      drawFaults(streams.of("faults"), {
        masters: names("master"),
        tabletServers: names("tablet-server"),
        frontends: names("frontend"),
        durationMs: this.#options.faultMs,
      });
    line.onEvent = (clock) => this.#afterEvent(clock);
  }

  async play(): Promise<void> {
    try {
      await this.#phases();
    } catch (error) {
      this.#violations.add("process failed", errorText(error));
    }
    this.#hostMarks.sample();
  }

  report(): RunReport {
    return {
      seed: this.#request.seed,
      options: { ...this.#clusterOptions, ...this.#options, ...this.#workloads.options },
      faults: this.#faults,
      violation: this.#violations.first,
      marks: this.#marks.counts,
      traceHash: this.#line.digest,
      simulatedMs: this.#line.monotonicMs(),
      events: this.#line.eventCount,
      operations: this.#operations,
    };
  }

  async #phases(): Promise<void> {
    if (!(await this.#cluster.form())) this.#violations.add("liveness", "no cluster formed");
    if (!this.#isClean) return;
    await this.#within("setting up", FINISH_WITHIN_MS, this.#workloads.setUp(this.#callers));
    if (!this.#isClean) return;
    this.#injection.begin(this.#faults);
    const working = Promise.all([
      ...this.#callers.map((caller) => this.#work(caller)),
      ...this.#contenders.map((caller) => this.#contend(caller)),
      ...this.#probes(),
    ]);
    await this.#pass(this.#options.faultMs);
    this.#isOver = true;
    this.#injection.heal();
    await this.#within("the last operations", LAST_OPERATIONS_MS, working);
    await this.#rest();
    if (!this.#isClean) return;
    const deadlineMs = this.#line.monotonicMs() + FINISH_WITHIN_MS;
    const finishing = this.#workloads.finish({ callers: this.#callers, deadlineMs });
    await this.#within("reading back", 2 * FINISH_WITHIN_MS, finishing);
    await this.#verify();
    // What reading back and verifying called has ended too.
    await this.#rest();
    if (!this.#isClean) return;
    this.#invariants.surveyAll();
    for (const { checker, detail } of this.#workloads.problems()) {
      this.#violations.add(checker, detail);
    }
  }

  get #isClean(): boolean {
    return this.#violations.first === null;
  }

  /** Of the nth front-end, counting round. */
  #callerOf(nth: number, name: string): Caller {
    const client = observedClient({
      name,
      client: this.#cluster.clientOf(nth),
      trace: this.#trace,
      acknowledged: () => this.#injection.acknowledged(),
      answered: (json) => this.#line.mixIn(crc32(json)),
    });
    return { name, client };
  }

  #work(caller: Caller): Promise<void> {
    return this.#repeat(caller, this.#options.thinkMs, () => this.#workloads.step(caller));
  }

  #contend(caller: Caller): Promise<void> {
    return this.#repeat(caller, this.#options.contendMs, () => this.#workloads.contend(caller));
  }

  /** One client, as long as clients work. */
  async #repeat({ name }: Caller, thinkMs: number, step: () => Promise<void>): Promise<void> {
    const random = this.#streams.of(`client ${name}`);
    while (!this.#isOver) {
      await delay(this.#line, random.below(thinkMs));
      if (this.#isOver) return;
      this.#operations++;
      await step();
    }
  }

  /** Through every front-end, of every tablet. */
  #probes(): Promise<void>[] {
    const { probeMs: pauseMs } = this.#options;
    if (pauseMs === 0) return [];
    const { frontends, line } = this.#cluster;
    return frontends.flatMap(({ name }, nth) => {
      const client = this.#cluster.clientOf(nth);
      return this.#workloads.firstRows.flatMap((row, place) =>
        PROBE_KINDS.map((kind) => {
          const random = this.#streams.of(`${kind} probe ${place} of ${name}`);
          const isOver = (): boolean => this.#isOver;
          const answered = (): void => this.#marks.add(`${kind} probe answered`);
          return probe({ clock: line, random, client, row, kind, pauseMs, isOver, answered });
        }),
      );
    });
  }

  /** R2. */
  async #rest(): Promise<void> {
    const limitMs = REST_WITHIN_MS + this.#clusterOptions.serverGoneMs;
    const endMs = this.#line.monotonicMs() + limitMs;
    for (;;) {
      if (!this.#isClean) return;
      const reason = unrestReason(this.#cluster) ?? this.#invariants.leftover();
      if (reason === null) return;
      if (this.#line.monotonicMs() >= endMs) {
        return this.#violations.add("liveness", `no rest within ${limitMs} ms: ${reason}`);
      }
      this.#injection.keepUp();
      await this.#pass(SURVEY_MS);
    }
  }

  /** A verification may itself find damage; then the replica is replaced, and all are verified again. */
  async #verify(): Promise<void> {
    for (let attempt = 1; this.#isClean; attempt++) {
      const found = await this.#within("verifying", VERIFY_WITHIN_MS, verifyTablets(this.#cluster));
      if (!this.#isClean || found === null) return;
      if (found.differing !== null) {
        return this.#violations.add("equal state at equal index", found.differing);
      }
      if (found.unverified === null) return;
      if (attempt === VERIFICATIONS) return this.#violations.add("liveness", found.unverified);
      await this.#pass(SURVEY_MS);
      await this.#rest();
    }
  }

  /** Lets time pass, with a survey each while. */
  async #pass(durationMs: number): Promise<void> {
    const endMs = this.#line.monotonicMs() + durationMs;
    for (;;) {
      const leftMs = endMs - this.#line.monotonicMs();
      if (leftMs <= 0 || !this.#isClean) return;
      await this.#line.runFor(Math.min(SURVEY_MS, leftMs), () => this.#isClean);
      this.#survey();
    }
  }

  /** Null: it did not end in time, which is a violation, or the run is over. */
  async #within<T>(what: string, limitMs: number, work: Promise<T>): Promise<T | null> {
    let settled: PromiseSettledResult<T> | null = null;
    void Promise.allSettled([work]).then(([outcome]) => (settled = outcome));
    const endMs = this.#line.monotonicMs() + limitMs;
    while (settled === null && this.#isClean) {
      const leftMs = Math.min(SURVEY_MS, endMs - this.#line.monotonicMs());
      if (leftMs <= 0) this.#violations.add("liveness", `${what} did not end in ${limitMs} ms`);
      else await this.#line.runUntil(() => settled !== null || !this.#isClean, leftMs);
      this.#survey();
      this.#injection.keepUp();
    }
    return settled === null ? null : work;
  }

  #afterEvent(clock: ProcessClock): void {
    for (const process of this.#cluster.processes) {
      if (process.clock !== clock) continue;
      return this.#invariants.afterEvent(process.role === "frontend" ? null : process);
    }
  }

  /** R3. */
  #lookAtFrontends(): void {
    for (const { name, running, state } of this.#cluster.frontends) {
      for (const load of running?.routing.channelLoads() ?? []) {
        const problem = problemOfChannel(load);
        if (problem !== null) this.#violations.add("queues within limits", `${name}: ${problem}`);
      }
      const overdue = state === "running" ? running?.open.overdue(OVERDUE_MS) : null;
      if (overdue === null || overdue === undefined) continue;
      const detail = `${name}: ${overdue.name} did not end within ${OVERDUE_MS} ms of its deadline`;
      this.#violations.add("liveness", detail);
    }
  }

  #survey(): void {
    if (!this.#isClean) return;
    this.#invariants.survey();
    this.#lookAtFrontends();
    this.#hostMarks.sample();
  }
}

function checksumOf(chunks: readonly Buffer[]): number {
  return chunks.reduce((checksum, chunk) => crc32(chunk, checksum), 0);
}
