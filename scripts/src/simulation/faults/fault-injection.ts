/**
 * Brings the faults of a plan about on the simulated cluster, and ends them.
 *
 * J1. Whatever happened in between, a fault acts on what it finds, or does nothing.
 * J2. Nothing is drawn when a fault comes, so that a shorter plan leaves the other faults as they are.
 * J3. After `heal` no fault begins, none lasts, and every process is on its way up; one that fell to an earlier fault
 *     is brought back by `keepUp`.
 */
import { unreachable } from "@stele/shared/assert.ts";
import { isJoint } from "@stele/shared/raft/group-config.ts";
import type { Random } from "@stele/shared/random.ts";
import type { Marks } from "@stele/shared/testing/marks.ts";
import type {
  ClusterUnderTest,
  ServerProcess,
  SimulatedProcess,
} from "../cluster/simulated-process.ts";
import {
  answersLostInRestart,
  answersLostToLaggard,
  cutOffWithFrontend,
  lateMessages,
  lateRequestsOvertaken,
  leaderAwayAndBack,
  straysBehindAnswers,
} from "./client-scenarios.ts";
import { DiskInjection } from "./disk-injection.ts";
import {
  leaderLostUnheard,
  leadersLostInTurn,
  votersRestartInLease,
} from "./election-scenarios.ts";
import { FaultTimers } from "./fault-timers.ts";
import { FaultTriggers } from "./fault-triggers.ts";
import { faultText } from "./fault.ts";
import type { ActionOf, Fault, FaultTarget } from "./fault.ts";
import { DONE } from "./injection-context.ts";
import type { Effect, InjectionContext, TraceLine } from "./injection-context.ts";
import { createLate } from "./late-creation.ts";
import { mastersTakeTurns } from "./master-scenarios.ts";
import { NetworkInjection } from "./network-injection.ts";
import { ProcessFaults } from "./process-faults.ts";
import { nthLeader, type PlacedReplica } from "./replicas.ts";
import { backWhenReplaced } from "./replacement-scenarios.ts";
import { ScenarioStage } from "./scenario-stage.ts";

/** How the marks of faults that took effect begin: the rest is the fault's kind. */
export const FAULT_MARK = "fault: ";

const ISOLATED_AFTER_TRANSFER_MS = 1_500;

type DiskAction = ActionOf<
  | "log-step-fails"
  | "log-disk-full"
  | "log-disk-stalls"
  | "store-stalls"
  | "store-write-fails"
  | "bit-flipped-in-log"
  | "sector-misplaced-in-log"
  | "bit-flipped-in-store"
  | "disk-wiped"
>;

export class FaultInjection {
  readonly #context: InjectionContext;
  readonly #processes: ProcessFaults;
  readonly #network: NetworkInjection;
  readonly #disks: DiskInjection;
  readonly #stage: ScenarioStage;
  readonly #triggers: FaultTriggers;
  /** What ends the faults that last. */
  readonly #undo = new Set<() => void>();
  #isHealed = false;

  constructor(cluster: ClusterUnderTest, random: Random, marks: Marks, log: TraceLine) {
    this.#context = { cluster, marks, log, timers: new FaultTimers(cluster.line) };
    this.#disks = new DiskInjection(cluster.processes);
    this.#network = new NetworkInjection(this.#context);
    this.#triggers = new FaultTriggers(this.#context);
    this.#processes = new ProcessFaults(this.#context, random, () => this.#triggers.look());
    this.#stage = new ScenarioStage({
      context: this.#context,
      network: this.#network,
      processes: this.#processes,
      disks: this.#disks,
    });
  }

  /** Their times count from now. */
  begin(faults: readonly Fault[]): void {
    for (const fault of faults) {
      this.#context.timers.after(fault.atMs, () => {
        this.#triggers.arm(fault, (process) => this.#strike(fault, process));
      });
    }
  }

  /** An operation was acknowledged to a client, just now. */
  acknowledged(): void {
    this.#triggers.acknowledged();
  }

  /** The process went down by itself: it comes back after a while. */
  processEnded(process: SimulatedProcess): void {
    this.#processes.ended(process);
  }

  /** J3. */
  heal(): void {
    this.#isHealed = true;
    this.#context.log("-", "everything heals");
    this.#triggers.disarm();
    this.#context.timers.cancelAll();
    for (const undo of this.#undo) undo();
    this.#undo.clear();
    this.#context.timers.cancelAll();
    for (const process of this.#context.cluster.processes) {
      if (process.state === "paused") process.resume();
      if (process.role !== "frontend" && this.#disks.isBroken(process)) process.crash("process");
    }
    this.keepUp();
  }

  /** Starts whatever is down. */
  keepUp(): void {
    for (const process of this.#context.cluster.processes) this.#processes.startNow(process);
  }

  #strike(fault: Fault, process: SimulatedProcess | null): void {
    if (this.#isHealed) return;
    const { log, marks, timers } = this.#context;
    const effect = process === null ? this.#actOnAll(fault) : this.#act(fault, process);
    log(process?.name ?? "-", `${effect === null ? "spared by" : "met by"} ${faultText(fault)}`);
    if (effect === null) return;
    marks.add(`${FAULT_MARK}${fault.action.kind}`);
    const { undo } = effect;
    if (undo === null) return;
    this.#undo.add(undo);
    if (!("durationMs" in fault.action)) return;
    timers.after(fault.action.durationMs, () => {
      log(process?.name ?? "-", `over: #${fault.id} ${fault.action.kind}`);
      this.#undo.delete(undo);
      undo();
    });
  }

  /** What needs no process. */
  #actOnAll({ action, trigger }: Fault): Effect {
    switch (action.kind) {
      case "power-lost-everywhere":
        return this.#processes.losePowerEverywhere(action, trigger);
      case "worse-network":
        return this.#network.worsen(action);
      case "cut":
        return this.#network.cut(action);
      case "ring":
        return this.#network.ring(action);
      case "late-messages":
        return lateMessages(this.#stage, action);
      case "late-requests-overtaken":
        return lateRequestsOvertaken(this.#stage, action);
      case "strays-behind-answers":
        return straysBehindAnswers(this.#stage, action);
      case "answers-lost-in-restart":
        return answersLostInRestart(this.#stage, action);
      default:
        return null;
    }
  }

  #act(fault: Fault, process: SimulatedProcess): Effect {
    const { action, trigger, target } = fault;
    switch (action.kind) {
      case "power-lost-everywhere":
      case "worse-network":
      case "cut":
      case "ring":
      case "late-messages":
      case "late-requests-overtaken":
      case "strays-behind-answers":
      case "answers-lost-in-restart":
        return this.#actOnAll(fault);
      case "leader-cut-off-with-frontend":
        return cutOffWithFrontend(this.#stage, process, action);
      case "answers-lost-to-laggard":
        return answersLostToLaggard(this.#stage, process, action, fault.id);
      case "leader-away-and-back":
        return leaderAwayAndBack(this.#stage, process, action, fault.id);
      case "masters-take-turns":
        return mastersTakeTurns(this.#stage, process, action, fault.id);
      case "back-when-replaced":
        return backWhenReplaced(this.#stage, process, action, fault.id);
      case "crash":
        return this.#processes.crash(process, action, trigger);
      case "pause":
        return this.#processes.pause(process, action);
      case "slow-process":
        return this.#processes.slow(process, action);
      case "clock-drifts":
        return this.#processes.drift(process, action);
      case "wall-clock-jumps":
        return this.#processes.jumpWall(process, action);
      case "isolated":
        return this.#network.isolate(process, action.ways);
      case "log-step-fails":
      case "log-disk-full":
      case "log-disk-stalls":
      case "store-stalls":
      case "store-write-fails":
      case "bit-flipped-in-log":
      case "sector-misplaced-in-log":
      case "bit-flipped-in-store":
      case "disk-wiped":
        return process.role === "frontend" ? null : this.#actOnDisks(process, action);
      case "creation-comes-late":
        return process.role === "frontend" ? null : createLate(process, fault.id);
      case "leaders-lost-in-turn":
        return leadersLostInTurn(this.#stage, target, action);
      case "leader-lost-unheard":
        return leaderLostUnheard(this.#stage, target, action);
      case "voters-restart-in-lease":
        return votersRestartInLease(this.#stage, target, action, fault.id);
      case "leadership-moved":
        return this.#moveLeadership(target, action, fault.id);
      default:
        return unreachable(action);
    }
  }

  #actOnDisks(process: ServerProcess, action: DiskAction): Effect {
    switch (action.kind) {
      case "log-step-fails":
        return this.#disks.failStep(process, action);
      case "log-disk-full":
        return this.#disks.fill(process, action);
      case "log-disk-stalls":
        return this.#disks.stall(process, action);
      case "store-stalls":
        return this.#disks.stallStore(process, action);
      case "store-write-fails":
        return this.#disks.failStore(process);
      case "bit-flipped-in-log":
        return this.#thenCrash(process, action, this.#disks.flipBitInLog(process, action));
      case "sector-misplaced-in-log":
        return this.#thenCrash(process, action, this.#disks.misplaceSector(process, action));
      case "bit-flipped-in-store":
        return this.#thenCrash(process, action, this.#disks.flipBitInStore(process, action));
      case "disk-wiped": {
        const effect = this.#disks.wipe(process);
        if (effect !== null) this.#processes.restartAfter(process, action.downMs);
        return effect;
      }
      default:
        return unreachable(action);
    }
  }

  /** A server finds its damage when it starts, if not before. */
  #thenCrash(
    process: SimulatedProcess,
    { crashAfterMs }: { readonly crashAfterMs: number | null },
    effect: Effect,
  ): Effect {
    const { clock } = process;
    if (effect === null || crashAfterMs === null) return effect;
    this.#context.timers.after(crashAfterMs, () => {
      if (process.clock === clock) this.#processes.crashSoonBack(process);
    });
    return effect;
  }

  #moveLeadership(
    target: FaultTarget,
    { storeHalt, isolatedAfterMs }: ActionOf<"leadership-moved">,
    id: number,
  ): Effect {
    const { cluster, marks, timers } = this.#context;
    const nth = target.kind === "leader" ? target.nth : 0;
    const leader = nthLeader(cluster.processes, nth);
    if (leader === null) return null;
    if (storeHalt === null) return this.#handOver(leader, isolatedAfterMs, id);
    const { clock, disks } = leader.process;
    disks.store.halt(storeHalt.forMs);
    timers.after(storeHalt.movedAfterMs, () => {
      if (leader.process.clock !== clock) return;
      const moved = this.#handOver(leader, isolatedAfterMs, id);
      if (moved !== null) marks.add("leadership moved while its store halted");
    });
    return DONE;
  }

  /** To one of the other voters. The old leader may hear of nobody any more, and must not take itself for one. */
  #handOver(
    { process, replica }: PlacedReplica,
    isolatedAfterMs: number | null,
    id: number,
  ): Effect {
    const { marks, timers } = this.#context;
    const others = replica.raft.config.voters.filter(
      ({ replicaId }) => replicaId !== replica.replicaId,
    );
    const to = others[id % Math.max(1, others.length)];
    if (to === undefined) return null;
    const inJoint = isJoint(replica.raft.config);
    if (replica.transferLeadership(to.replicaId).kind === "refused") return null;
    marks.add(inJoint ? "leadership moved in a joint config" : "leadership moved");
    if (isolatedAfterMs === null) return DONE;
    timers.after(isolatedAfterMs, () => {
      const undo = this.#network.isolate(process, "both")?.undo;
      if (undo === undefined || undo === null) return;
      marks.add("old leader cut off in a transfer");
      this.#undo.add(undo);
      timers.after(ISOLATED_AFTER_TRANSFER_MS, () => {
        this.#undo.delete(undo);
        undo();
      });
    });
    return DONE;
  }
}
