/**
 * Scenarios about elections: logs that end differently, and promises that are put to the test. Each acts on the group
 * of the leader that its target names (scenario-stage.ts).
 */
import type { Replica } from "@stele/shared/replication/replica.ts";
import { serversOf } from "../cluster/simulated-process.ts";
import type { ServerProcess, SimulatedProcess } from "../cluster/simulated-process.ts";
import type { ActionOf, FaultTarget } from "./fault.ts";
import type { Effect } from "./injection-context.ts";
import { leaderOf, nthLeader, type PlacedReplica } from "./replicas.ts";
import { namesOf, type ScenarioStage } from "./scenario-stage.ts";

/** Less than a message takes. */
const LOOK_EVERY_MS = 0.2;

interface LedGroup extends PlacedReplica {
  /** The processes of the other voters. */
  readonly others: readonly ServerProcess[];
}

export function leadersLostInTurn(
  stage: ScenarioStage,
  target: FaultTarget,
  action: ActionOf<"leaders-lost-in-turn">,
): Effect {
  const led = ledGroup(stage, target);
  if (led === null) return null;
  const held = stage.network.cutLinks([led.process.name], namesOf(led.others), "both");
  loseNextLeader(stage, led, action, {
    nobodyYet: () => undefined,
    lost: () => held?.undo?.(),
  });
  return held;
}

export function leaderLostUnheard(
  stage: ScenarioStage,
  target: FaultTarget,
  action: ActionOf<"leader-lost-unheard">,
): Effect {
  const led = ledGroup(stage, target);
  if (led === null) return null;
  const { others, process, replica } = led;
  const held = stage.network.cutLinks([process.name], namesOf(others), "both");
  let silenced: SimulatedProcess | null = null;
  let silence: Effect = null;
  const silenceOnly = (campaigner: SimulatedProcess | null): void => {
    if (silenced === campaigner) return;
    silence?.undo?.();
    silenced = campaigner;
    silence =
      campaigner === null
        ? null
        : stage.network.cutLinks([campaigner.name], namesOf(others), "one");
  };
  const end = (): void => {
    held?.undo?.();
    silenceOnly(null);
  };
  loseNextLeader(stage, led, action, {
    nobodyYet: () => silenceOnly(others.find((each) => hasAskedForVotes(each, replica)) ?? null),
    lost: end,
  });
  return { undo: end };
}

/** Crashes the one that is elected next, a while after. */
function loseNextLeader(
  stage: ScenarioStage,
  { others, replica }: LedGroup,
  { afterMs, downMs, durationMs }: ActionOf<"leaders-lost-in-turn" | "leader-lost-unheard">,
  on: { readonly nobodyYet: () => void; readonly lost: () => void },
): void {
  const { timers, marks } = stage.context;
  const { term } = replica.raft;
  const endsMs = timers.nowMs() + durationMs;
  const look = (): void => {
    const next = leaderOf(others, replica.tabletId);
    if (next !== null && next.replica.raft.term > term) {
      timers.after(afterMs, () => {
        marks.add("elected leader lost, old leader back");
        crash(stage, next.process, downMs);
        on.lost();
      });
    } else if (timers.nowMs() < endsMs) {
      on.nobodyYet();
      timers.after(LOOK_EVERY_MS, look);
    }
  };
  look();
}

export function votersRestartInLease(
  stage: ScenarioStage,
  target: FaultTarget,
  { afterMs, downMs }: ActionOf<"voters-restart-in-lease">,
  nth: number,
): Effect {
  const led = ledGroup(stage, target);
  const lonely = led?.others[nth % Math.max(1, led.others.length)];
  if (led === null || lonely === undefined) return null;
  const { timers, marks } = stage.context;
  const { process, others } = led;
  const first = stage.network.cutLinks([process.name], [lonely.name], "both");
  let second: Effect = null;
  timers.after(afterMs, () => {
    second = stage.network.cutLinks([process.name], namesOf(others), "both");
    const sleepers = others.filter((other) => other !== lonely && other.state !== "down");
    for (const other of sleepers) crash(stage, other, downMs);
    if (sleepers.length > 0) marks.add("voters started again while a leader held its lease");
  });
  return {
    undo: () => {
      first?.undo?.();
      second?.undo?.();
    },
  };
}

function crash({ processes }: ScenarioStage, process: SimulatedProcess, downMs: number): void {
  processes.crash(process, { kind: "crash", what: "process", downMs }, { kind: "at-once" });
}

function ledGroup(stage: ScenarioStage, target: FaultTarget): LedGroup | null {
  const { processes } = stage.context.cluster;
  const leader = target.kind === "leader" ? nthLeader(processes, target.nth) : null;
  if (leader === null) return null;
  const { voters } = leader.replica.raft.config;
  const others = serversOf(processes).filter((other) => {
    const isVoter = voters.some(({ serverId }) => serverId === other.serverId);
    return isVoter && other !== leader.process;
  });
  return others.length === 0 ? null : { ...leader, others };
}

/** Its requests have left, since its own vote is durable. */
function hasAskedForVotes({ host }: ServerProcess, { tabletId }: Replica): boolean {
  const replica = (host?.group(tabletId) ?? null) as Replica | null;
  if (replica === null || replica.raft.role !== "candidate") return false;
  return replica.logState.hardState.term === replica.raft.term;
}
