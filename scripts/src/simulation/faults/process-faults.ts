/**
 * Crashes, restarts, pauses and clocks of the simulated processes.
 *
 * F1. A process that went down comes back: after the time that its fault names, or, if it ended by itself, after a
 *     time of its own that is drawn once.
 * F2. A machine's wall clock and rate outlive its processes.
 */
import { must } from "@stele/shared/assert.ts";
import { CATALOG_GROUP } from "@stele/shared/ids.ts";
import { isJoint } from "@stele/shared/raft/group-config.ts";
import type { Random } from "@stele/shared/random.ts";
import { timing } from "@stele/shared/timing.ts";
import type { SimulatedProcess } from "../cluster/simulated-process.ts";
import type { ActionOf, FaultTrigger } from "./fault.ts";
import { DONE } from "./injection-context.ts";
import type { Effect, InjectionContext } from "./injection-context.ts";
import { replicasOf } from "./replicas.ts";

const LONGEST_RESTART_MS = 2_000;
const { leaseMs } = timing();

interface Drift {
  readonly rate: number;
}

export class ProcessFaults {
  readonly #context: InjectionContext;
  /** Called after each start of a process. */
  readonly #started: () => void;
  /** F1. */
  readonly #restartMs: ReadonlyMap<SimulatedProcess, number>;
  readonly #restarts = new Map<SimulatedProcess, () => void>();
  readonly #wallJumps = new Map<SimulatedProcess, number>();
  readonly #drifts = new Map<SimulatedProcess, Drift>();

  constructor(context: InjectionContext, random: Random, started: () => void) {
    this.#context = context;
    this.#started = started;
    this.#restartMs = new Map(
      context.cluster.processes.map((process) => [process, random.below(LONGEST_RESTART_MS)]),
    );
  }

  crash(
    process: SimulatedProcess,
    { what, downMs }: ActionOf<"crash">,
    when: FaultTrigger,
  ): Effect {
    if (process.state === "down") return null;
    this.#markCrash(process, when);
    process.crash(what);
    this.restartAfter(process, downMs);
    return DONE;
  }

  /** Crashes it, to come back when it will. */
  crashSoonBack(process: SimulatedProcess): void {
    if (process.state !== "down") process.crash("process");
    this.ended(process);
  }

  losePowerEverywhere({ downMs }: ActionOf<"power-lost-everywhere">, when: FaultTrigger): Effect {
    const { cluster, marks } = this.#context;
    const up = cluster.processes.filter(({ state }) => state !== "down");
    if (up.length === 0) return null;
    if (when.kind === "acknowledgement") marks.add("power lost right after an acknowledgement");
    for (const process of up) {
      this.#markCrash(process, { kind: "at-once" });
      process.crash("power");
      this.restartAfter(
        process,
        downMs + must(this.#restartMs.get(process), "a process of the cluster"),
      );
    }
    return DONE;
  }

  /** F1, unless a restart is due already. */
  ended(process: SimulatedProcess): void {
    if (this.#restarts.has(process)) return;
    this.restartAfter(process, must(this.#restartMs.get(process), "a process of the cluster"));
  }

  /** Instead of any restart that was due. */
  restartAfter(process: SimulatedProcess, delayMs: number): void {
    this.#restarts.get(process)?.();
    const cancel = this.#context.timers.after(delayMs, () => this.startNow(process));
    this.#restarts.set(process, cancel);
  }

  startNow(process: SimulatedProcess): void {
    this.#restarts.get(process)?.();
    this.#restarts.delete(process);
    if (process.state !== "down") return;
    this.#context.log(process.name, "starts again");
    process.start();
    const drift = this.#drifts.get(process);
    if (drift !== undefined) process.clock?.setRate(drift.rate);
    const jumpedMs = this.#wallJumps.get(process) ?? 0;
    if (jumpedMs !== 0) process.clock?.jumpWall(jumpedMs * 1000);
    this.#started();
  }

  pause(process: SimulatedProcess, { durationMs }: ActionOf<"pause">): Effect {
    const { clock } = process;
    if (process.state !== "running") return null;
    if (durationMs > leaseMs) this.#markLongPause(process);
    process.pause();
    return {
      undo: () => {
        if (process.clock === clock && process.state === "paused") process.resume();
      },
    };
  }

  slow(process: SimulatedProcess, { stillMs, runMs }: ActionOf<"slow-process">): Effect {
    const { timers } = this.#context;
    const { clock } = process;
    if (process.state !== "running") return null;
    let cancel = (): void => undefined;
    let stands = false;
    const goOn = (): void => {
      if (stands && process.clock === clock && process.state === "paused") process.resume();
      stands = false;
    };
    const standStill = (): void => {
      if (process.clock !== clock) return;
      if (process.state === "running") {
        process.pause();
        stands = true;
      }
      cancel = timers.after(stillMs, () => {
        goOn();
        cancel = timers.after(runMs, standStill);
      });
    };
    standStill();
    return {
      undo: () => {
        cancel();
        goOn();
      },
    };
  }

  /** F2. */
  drift(process: SimulatedProcess, { rate }: ActionOf<"clock-drifts">): Effect {
    const drift: Drift = { rate };
    this.#drifts.set(process, drift);
    process.clock?.setRate(rate);
    return {
      undo: () => {
        if (this.#drifts.get(process) !== drift) return;
        this.#drifts.delete(process);
        process.clock?.setRate(1);
      },
    };
  }

  /** F2. */
  jumpWall(process: SimulatedProcess, { byMs }: ActionOf<"wall-clock-jumps">): Effect {
    this.#wallJumps.set(process, (this.#wallJumps.get(process) ?? 0) + byMs);
    process.clock?.jumpWall(byMs * 1000);
    return DONE;
  }

  #markCrash(process: SimulatedProcess, when: FaultTrigger): void {
    const { marks } = this.#context;
    const replicas = replicasOf(process);
    const led = replicas.filter(({ raft }) => raft.role === "leader");
    if (when.kind === "disk-step") marks.add(`crash before a ${when.step} of the log`);
    if (when.kind === "event") marks.add("crash between two callbacks");
    if (process.state === "starting") marks.add("crash during recovery");
    if (process.state === "paused") marks.add("crash of a paused process");
    if (process.role === "frontend") marks.add("front-end crashed");
    if (led.some(({ tabletId }) => tabletId === CATALOG_GROUP)) marks.add("catalog leader crashed");
    if (led.some(({ tabletId }) => tabletId !== CATALOG_GROUP)) marks.add("tablet leader crashed");
    if (led.some(({ raft }) => isJoint(raft.config))) marks.add("leader crashed in a joint config");
    if (replicas.some(({ machine }) => machine === null)) {
      marks.add("crash while awaiting a snapshot");
    }
  }

  #markLongPause(process: SimulatedProcess): void {
    const leads = replicasOf(process).some(({ raft }) => raft.role === "leader");
    if (leads) this.#context.marks.add("leader paused past its lease");
  }
}
