/**
 * Faults that are a story: steps that must meet each other in order, which faults drawn one by one do too seldom.
 *
 * S1. Each acts on the leader of a tablet as it finds it, and does nothing without.
 * S2. What a story holds or delays ends with its `undo`, however far it came; its timers end with all others.
 */
import { CATALOG_GROUP } from "@stele/shared/ids.ts";
import type { ReplicaId, TabletId } from "@stele/shared/ids.ts";
import type { SimulatedProcess } from "../cluster/simulated-process.ts";
import type { FaultAction } from "./fault.ts";
import type { Effect, InjectionContext } from "./injection-context.ts";
import type { NetworkInjection } from "./network-injection.ts";
import type { ProcessFaults } from "./process-faults.ts";
import { leaderOf, replicasOf } from "./replicas.ts";

type Action<Kind extends FaultAction["kind"]> = Extract<FaultAction, { kind: Kind }>;
type Role = SimulatedProcess["role"];

const LOOK_EVERY_MS = 2;
/** A transfer is refused while its target lags. */
const ASK_EVERY_MS = 20;
const ASKS = 50;
/** So long before what is late arrives the first leader takes the leadership back. */
const BACK_BEFORE_MS = 250;

export class Scenarios {
  readonly #context: InjectionContext;
  readonly #network: NetworkInjection;
  readonly #processes: ProcessFaults;

  constructor(context: InjectionContext, network: NetworkInjection, processes: ProcessFaults) {
    this.#context = context;
    this.#network = network;
    this.#processes = processes;
  }

  /** Its clients go on reading and writing there; the others elect another leader, and write there. */
  cutOffWithFrontend(
    process: SimulatedProcess,
    { frontend, pausedMs }: Action<"leader-cut-off-with-frontend">,
  ): Effect {
    const side = [process.name, frontend];
    const rest = this.#names().filter((name) => !side.includes(name));
    const cut = this.#network.cutLinks(side, rest, "both");
    if (pausedMs === 0) return cut;
    const pause = this.#processes.pause(process, { kind: "pause", durationMs: pausedMs });
    this.#context.timers.after(pausedMs, () => pause?.undo?.());
    return {
      undo: () => {
        pause?.undo?.();
        cut?.undo?.();
      },
    };
  }

  /** Of one kind of process to another. */
  late({ from, to, byMs }: Action<"late-messages">): Effect {
    return this.#network.late(this.#names(from), this.#names(to), byMs);
  }

  /** What a front-end sends after its connection broke arrives before what it had sent, which may arrive still. */
  lateRequestsOvertaken({ byMs, everyMs }: Action<"late-requests-overtaken">): Effect {
    const { timers } = this.#context;
    const links = [this.#names("frontend"), this.#names("tablet-server")] as const;
    let late: Effect = null;
    let isOver = false;
    const begin = (): void => {
      if (isOver) return;
      late = this.#network.late(...links, byMs);
      timers.after(byMs, () => {
        if (isOver) return;
        late?.undo?.();
        this.#network.breakConnections(...links);
        timers.after(everyMs, begin);
      });
    };
    begin();
    return {
      undo: () => {
        isOver = true;
        late?.undo?.();
      },
    };
  }

  /** Answers to front-ends are lost; when all tablet servers were down, whoever waits asks again. */
  answersLostInRestart({ afterMs, downMs }: Action<"answers-lost-in-restart">): Effect {
    const servers = this.#all("tablet-server");
    const held = this.#network.cutLinks(
      this.#names("tablet-server"),
      this.#names("frontend"),
      "one",
    );
    this.#context.timers.after(afterMs, () => {
      for (const process of servers) {
        if (process.state !== "down") process.crash("power");
        this.#processes.restartAfter(process, downMs);
      }
      held?.undo?.();
    });
    return held;
  }

  /** A follower is left behind, so far that it needs a snapshot; answers are lost; then it leads. */
  answersLostToLaggard(
    process: SimulatedProcess,
    { behindMs, lostMs, caughtUpMs }: Action<"answers-lost-to-laggard">,
    nth: number,
  ): Effect {
    const led = this.#ledTablet(process, nth);
    if (led === null) return null;
    const { timers } = this.#context;
    const laggard = this.#otherVoter(process, led, nth);
    if (laggard === null) return null;
    const others = this.#names().filter((name) => name !== laggard.process.name);
    let undo = this.#network.cutLinks([laggard.process.name], others, "both")?.undo ?? null;
    let undoLost: (() => void) | null = null;
    timers.after(Math.max(0, behindMs - lostMs), () => {
      const frontends = this.#names("frontend");
      undoLost = this.#network.cutLinks([process.name], frontends, "one")?.undo ?? null;
    });
    timers.after(behindMs, () => {
      undo?.();
      undo = null;
    });
    timers.after(behindMs + caughtUpMs, () => this.#transfer(led, laggard.replicaId, ASKS));
    return {
      undo: () => {
        undo?.();
        undoLost?.();
        [undo, undoLost] = [null, null];
      },
    };
  }

  /** Requests to the leader arrive when it has given up the leadership, and taken it again. */
  leaderAwayAndBack(
    process: SimulatedProcess,
    story: Action<"leader-away-and-back">,
    nth: number,
  ): Effect {
    const led = this.#ledTablet(process, nth);
    return led === null ? null : this.#awayAndBack(led, "frontend", story, nth);
  }

  /**
   * A server is away until it counts as gone. When the first replica that takes the place of one of its own has
   * come to be, it is back, and the replacement is to be undone: while the leader is cut off from all followers and not
   * from the masters, or while the step to bring the newcomer in is late, and the leader away and back.
   */
  backWhenReplaced(
    process: SimulatedProcess,
    { patienceMs, leader: fate }: Action<"back-when-replaced">,
    nth: number,
  ): Effect {
    if (process.state === "down") return null;
    const { timers } = this.#context;
    const waiting = new Set(this.#awaiting());
    process.crash("process");
    this.#processes.restartAfter(process, patienceMs);
    const endMs = timers.nowMs() + patienceMs;
    let effect: Effect = null;
    const look = (): void => {
      if (timers.nowMs() >= endMs) return;
      const newcomer = this.#awaiting().find((tablet) => !waiting.has(tablet));
      const leader = newcomer === undefined ? null : leaderOf(this.#all("tablet-server"), newcomer);
      if (newcomer === undefined || leader === null) {
        timers.after(LOOK_EVERY_MS, look);
        return;
      }
      if (fate.kind === "late-steps") {
        effect = this.#awayAndBack(newcomer, "master", fate, nth);
      } else {
        const { name } = leader.process;
        const followers = this.#names("tablet-server").filter((other) => other !== name);
        effect = this.#network.cutLinks([name], followers, "both");
        timers.after(fate.forMs, () => effect?.undo?.());
      }
      this.#processes.startNow(process);
    };
    look();
    return { undo: () => effect?.undo?.() };
  }

  #awayAndBack(
    tablet: TabletId,
    from: Role,
    { byMs, lateForMs }: { readonly byMs: number; readonly lateForMs: number },
    nth: number,
  ): Effect {
    const leader = leaderOf(this.#all("tablet-server"), tablet);
    if (leader === null) return null;
    const { process, replica } = leader;
    const other = this.#otherVoter(process, tablet, nth);
    if (other === null) return null;
    const { timers } = this.#context;
    const late = this.#network.late(this.#names(from), [process.name], byMs);
    timers.after(lateForMs, () => {
      late?.undo?.();
      this.#transfer(tablet, other.replicaId, ASKS);
    });
    const backMs = Math.max(lateForMs, byMs - BACK_BEFORE_MS);
    timers.after(backMs, () => this.#transfer(tablet, replica.replicaId, ASKS));
    return late;
  }

  #awaiting(): TabletId[] {
    return this.#all("tablet-server").flatMap((process) =>
      replicasOf(process).flatMap(({ machine, tabletId }) => (machine === null ? [tabletId] : [])),
    );
  }

  /** The nth tablet of those that the process leads, counting round. */
  #ledTablet(process: SimulatedProcess, nth: number): TabletId | null {
    const led = replicasOf(process)
      .filter(({ raft, tabletId }) => raft.role === "leader" && tabletId !== CATALOG_GROUP)
      .map(({ tabletId }) => tabletId)
      .sort((a, b) => a - b);
    return led[nth % Math.max(1, led.length)] ?? null;
  }

  #otherVoter(
    process: SimulatedProcess,
    tablet: TabletId,
    nth: number,
  ): { readonly process: SimulatedProcess; readonly replicaId: ReplicaId } | null {
    const voters = leaderOf([process], tablet)?.replica.raft.config.voters ?? [];
    const others = this.#all("tablet-server").flatMap((other) => {
      const voter = voters.find(({ serverId }) => serverId === other.serverId);
      const isOther = voter !== undefined && other !== process && other.host !== null;
      return isOther ? [{ process: other, replicaId: voter.replicaId }] : [];
    });
    return others[nth % Math.max(1, others.length)] ?? null;
  }

  /** Asks the leader, until it has handed over or was asked so often. */
  #transfer(tablet: TabletId, to: ReplicaId, asks: number): void {
    const leader = leaderOf(this.#context.cluster.processes, tablet);
    if (leader === null || leader.replica.replicaId === to || asks === 0) return;
    leader.replica.transferLeadership(to);
    this.#context.timers.after(ASK_EVERY_MS, () => this.#transfer(tablet, to, asks - 1));
  }

  #all(role: Role): SimulatedProcess[] {
    return this.#context.cluster.processes.filter((process) => process.role === role);
  }

  #names(role: Role | null = null): string[] {
    const { processes } = this.#context.cluster;
    return processes.filter((each) => role === null || each.role === role).map(({ name }) => name);
  }
}
