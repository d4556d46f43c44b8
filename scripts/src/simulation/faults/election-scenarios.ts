/**
 * Faults that are a story about elections: logs that end differently, and promises that are put to the test.
 *
 * E1. Each acts on the group of the leader that its target names as it finds it, and does nothing without.
 * E2. What a story holds ends with its `undo`, however far it came; its timers end with all others.
 */
import type { Replica } from "@stele/shared/replication/replica.ts";
import type { SimulatedProcess } from "../cluster/simulated-process.ts";
import type { FaultTarget } from "./fault.ts";
import type { Effect, InjectionContext } from "./injection-context.ts";
import type { NetworkInjection } from "./network-injection.ts";
import type { ProcessFaults } from "./process-faults.ts";
import { leaderOf, nthLeader, type PlacedReplica } from "./replicas.ts";

export type ElectionAction =
  /**
   * The leader hears no other replica, its clients go on writing there; when another is elected, that one goes down a
   * while later, and the old leader is back with a log of its own. Unheard, it is cut off behind its requests for
   * votes, and nobody but itself ever has the entry that opened its term.
   */
  | {
      readonly kind: "leaders-lost-in-turn";
      readonly heard: boolean;
      readonly afterMs: number;
      readonly downMs: number;
      /** Of the old leader's solitude, at most. */
      readonly durationMs: number;
    }
  /**
   * One follower hears the leader no more, long enough to campaign. Then the others are started again, and none of
   * them hears the leader either, which may hold a lease still.
   */
  | {
      readonly kind: "voters-restart-in-lease";
      readonly afterMs: number;
      readonly downMs: number;
      readonly durationMs: number;
    };

type Action<Kind extends ElectionAction["kind"]> = Extract<ElectionAction, { kind: Kind }>;

/** Less than a message takes. */
const LOOK_EVERY_MS = 0.2;

export class ElectionScenarios {
  readonly #context: InjectionContext;
  readonly #network: NetworkInjection;
  readonly #processes: ProcessFaults;

  constructor(context: InjectionContext, network: NetworkInjection, processes: ProcessFaults) {
    this.#context = context;
    this.#network = network;
    this.#processes = processes;
  }

  leadersLostInTurn(
    target: FaultTarget,
    { heard, afterMs, downMs, durationMs }: Action<"leaders-lost-in-turn">,
  ): Effect {
    const led = this.#led(target);
    if (led === null) return null;
    const { timers, marks } = this.#context;
    const { replica, others, process } = led;
    const held = this.#network.cutLinks([process.name], namesOf(others), "both");
    let silenced: { readonly process: SimulatedProcess; readonly effect: Effect } | null = null;
    const silence = (campaigner: SimulatedProcess | null): void => {
      if (silenced?.process === campaigner) return;
      silenced?.effect?.undo?.();
      const to = namesOf(others);
      silenced =
        campaigner === null
          ? null
          : { process: campaigner, effect: this.#network.cutLinks([campaigner.name], to, "one") };
    };
    const { term } = replica.raft;
    const endsMs = timers.nowMs() + durationMs;
    const look = (): void => {
      const next = leaderOf(others, replica.tabletId);
      if (next !== null && next.replica.raft.term > term) {
        timers.after(afterMs, () => {
          marks.add("elected leader lost, old leader back");
          this.#crash(next.process, downMs);
          held?.undo?.();
          silence(null);
        });
      } else if (timers.nowMs() < endsMs) {
        if (!heard) silence(others.find((other) => hasAskedForVotes(other, replica)) ?? null);
        timers.after(LOOK_EVERY_MS, look);
      }
    };
    look();
    return {
      undo: () => {
        held?.undo?.();
        silence(null);
      },
    };
  }

  votersRestartInLease(
    target: FaultTarget,
    { afterMs, downMs }: Action<"voters-restart-in-lease">,
    nth: number,
  ): Effect {
    const led = this.#led(target);
    const lonely = led?.others[nth % Math.max(1, led.others.length)];
    if (led === null || lonely === undefined) return null;
    const { timers, marks } = this.#context;
    const { process, others } = led;
    const first = this.#network.cutLinks([process.name], [lonely.name], "both");
    let second: Effect = null;
    timers.after(afterMs, () => {
      second = this.#network.cutLinks([process.name], namesOf(others), "both");
      const sleepers = others.filter((other) => other !== lonely && other.state !== "down");
      for (const other of sleepers) {
        this.#crash(other, downMs);
      }
      if (sleepers.length > 0) marks.add("voters started again while a leader held its lease");
    });
    return {
      undo: () => {
        first?.undo?.();
        second?.undo?.();
      },
    };
  }

  #crash(process: SimulatedProcess, downMs: number): void {
    const action = { kind: "crash", what: "process", downMs } as const;
    this.#processes.crash(process, action, { kind: "at-once" });
  }

  /** The leader, and the processes of the other voters. */
  #led(
    target: FaultTarget,
  ): (PlacedReplica & { readonly others: readonly SimulatedProcess[] }) | null {
    const { processes } = this.#context.cluster;
    const leader = target.kind === "leader" ? nthLeader(processes, target.nth) : null;
    if (leader === null) return null;
    const { voters } = leader.replica.raft.config;
    const others = processes.filter((other) => {
      const isVoter = voters.some(({ serverId }) => serverId === other.serverId);
      return isVoter && other !== leader.process;
    });
    return others.length === 0 ? null : { ...leader, others };
  }
}

/** Its requests have left, since its own vote is durable. */
function hasAskedForVotes({ host }: SimulatedProcess, { tabletId }: Replica): boolean {
  const replica = (host?.group(tabletId) ?? null) as Replica | null;
  if (replica === null || replica.raft.role !== "candidate") return false;
  return replica.logState.hardState.term === replica.raft.term;
}

function namesOf(processes: readonly SimulatedProcess[]): string[] {
  return processes.map(({ name }) => name);
}
