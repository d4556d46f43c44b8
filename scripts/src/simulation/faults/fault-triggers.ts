/**
 * Waits for the moment at which a fault strikes. Every wait ends without a trace when its process goes down first, its
 * patience ends, or the triggers are disarmed.
 */
import type { ServerId } from "@stele/shared/ids.ts";
import { isJoint, type GroupConfig } from "@stele/shared/raft/group-config.ts";
import type { ServerProcess, SimulatedProcess } from "../cluster/simulated-process.ts";
import type { AwaitedState, Fault, FaultTarget, FaultTrigger } from "./fault.ts";
import type { InjectionContext } from "./injection-context.ts";
import { BearableLoss } from "./bearable-loss.ts";
import { damageableLog } from "./damageable-log.ts";
import { nthLeader, replicasOf } from "./replicas.ts";

/** A joint config lasts for a few rounds of messages. */
const LOOK_EVERY_MS = 2;
/** Whether a log may be damaged is costly to find out, and stays so for long. */
const LOOK_AT_LOGS_EVERY_MS = 50;

/** Null: the target was nowhere to be found. */
type Strike = (process: SimulatedProcess | null) => void;

type DiskTrigger = Extract<FaultTrigger, { kind: "disk-step" }>;

interface Awaited {
  readonly target: FaultTarget;
  readonly trigger: Extract<FaultTrigger, { kind: "state" }>;
  readonly endsMs: number;
  readonly strike: Strike;
}

export class FaultTriggers {
  readonly #context: InjectionContext;
  #isDisarmed = false;
  #acknowledgements: { readonly fault: Fault; readonly strike: Strike; left: number }[] = [];
  #awaited: readonly Awaited[] = [];
  #looks = false;
  readonly #losses: BearableLoss;
  #logsLookedAtMs = Number.NEGATIVE_INFINITY;

  constructor(context: InjectionContext) {
    this.#context = context;
    this.#losses = new BearableLoss(context.cluster.processes);
  }

  arm(fault: Fault, strike: Strike): void {
    const { target, trigger } = fault;
    switch (trigger.kind) {
      case "at-once":
        return strike(this.#find(target));
      case "event": {
        const process = this.#find(target);
        process?.clock?.beforeNthEvent(trigger.nth, () => this.#reached(() => strike(process)));
        return;
      }
      case "disk-step":
        return this.#armDisks(target, trigger, strike);
      case "acknowledgement":
        this.#acknowledgements.push({ fault, strike, left: trigger.nth });
        return;
      case "state": {
        const endsMs = this.#context.timers.nowMs() + trigger.patienceMs;
        this.#awaited = [...this.#awaited, { target, trigger, endsMs, strike }];
        this.#lookAgain();
      }
    }
  }

  /** An operation was acknowledged to a client. */
  acknowledged(): void {
    if (this.#acknowledgements.length === 0) return;
    const due = this.#acknowledgements.filter((each) => --each.left <= 0);
    if (due.length === 0) return;
    this.#acknowledgements = this.#acknowledgements.filter(({ left }) => left > 0);
    for (const { fault, strike } of due) strike(this.#find(fault.target));
  }

  /** Looks whether somebody is in an awaited state. */
  look(): void {
    const nowMs = this.#context.timers.nowMs();
    const looksAtLogs = nowMs >= this.#logsLookedAtMs + LOOK_AT_LOGS_EVERY_MS;
    if (looksAtLogs) this.#logsLookedAtMs = nowMs;
    for (const awaited of this.#awaited) {
      const isDue = looksAtLogs || awaited.trigger.state !== "damageable-log";
      const process = isDue ? this.#inState(awaited) : null;
      if (process === null && nowMs < awaited.endsMs) continue;
      this.#awaited = this.#awaited.filter((each) => each !== awaited);
      if (process === null) continue;
      process.clock?.beforeNthEvent(awaited.trigger.nth, () =>
        this.#reached(() => awaited.strike(process)),
      );
    }
  }

  disarm(): void {
    this.#isDisarmed = true;
    this.#acknowledgements = [];
    this.#awaited = [];
  }

  /** Of several disks, the first one at the step strikes. */
  #armDisks(target: FaultTarget, trigger: DiskTrigger, strike: Strike): void {
    const { processes } = this.#context.cluster;
    let hasStruck = false;
    for (const process of target.kind === "whoever" ? processes : [this.#find(target)]) {
      if (process === null || process.role === "frontend" || process.state === "down") continue;
      process.disks.log.atNthStep(trigger.step, trigger.nth, () => {
        if (hasStruck) return;
        hasStruck = true;
        this.#reached(() => strike(process));
      });
    }
  }

  #reached(strike: () => void): void {
    if (!this.#isDisarmed) strike();
  }

  #lookAgain(): void {
    if (this.#looks || this.#awaited.length === 0) return;
    this.#looks = true;
    this.#context.timers.after(LOOK_EVERY_MS, () => {
      this.#looks = false;
      this.look();
      this.#lookAgain();
    });
  }

  #find(target: FaultTarget): SimulatedProcess | null {
    const { processes } = this.#context.cluster;
    switch (target.kind) {
      case "process":
        return processes.find(({ name }) => name === target.name) ?? null;
      case "leader":
        return nthLeader(processes, target.nth)?.process ?? null;
      case "whoever":
        return null;
    }
  }

  #inState({ target, trigger: { state } }: Awaited): SimulatedProcess | null {
    if (target.kind === "whoever") {
      const { processes } = this.#context.cluster;
      return processes.find((process) => this.#isInState(process, state)) ?? null;
    }
    const process = this.#find(target);
    return process !== null && this.#isInState(process, state) ? process : null;
  }

  #isInState(process: SimulatedProcess, state: AwaitedState): boolean {
    switch (state) {
      case "recovering":
        return process.state === "starting";
      case "joint-config":
        return replicasOf(process).some(
          ({ raft }) => raft.role === "leader" && isJoint(raft.config),
        );
      case "replica-missing":
        return (
          process.role !== "frontend" && lacksReplica(process, this.#context.cluster.processes)
        );
      case "damageable-log":
        return (
          process.role !== "frontend" &&
          this.#losses.canLose(process) &&
          damageableLog(process).length > 0
        );
      case "awaiting-snapshot":
        return replicasOf(process).some(({ machine }) => machine === null);
    }
  }
}

/** Whether a tablet's first config names the server, which has not begun its replica. */
function lacksReplica(
  { serverId, host, state }: ServerProcess,
  processes: readonly SimulatedProcess[],
): boolean {
  if (host === null || state !== "running") return false;
  return processes.some((other) =>
    replicasOf(other).some(({ raft, tabletId }) => {
      const isNamed = raft.configIndex <= 1 && isVoterOn(raft.config, serverId);
      return isNamed && host.group(tabletId) === null;
    }),
  );
}

function isVoterOn({ voters }: GroupConfig, server: ServerId): boolean {
  return voters.some(({ serverId }) => serverId === server);
}
