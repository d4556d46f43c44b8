/** Scenarios about masters (scenario-stage.ts). */
import { CATALOG_GROUP } from "@stele/shared/ids.ts";
import type { SimulatedProcess } from "../cluster/simulated-process.ts";
import { awayAndBack } from "./away-and-back.ts";
import type { ActionOf } from "./fault.ts";
import type { Effect } from "./injection-context.ts";
import { leaderOf } from "./replicas.ts";
import type { ScenarioStage } from "./scenario-stage.ts";

const LOOK_EVERY_MS = 2;

/**
 * A server loses its disk. Whenever a replica that takes the place of one of its own has come to be, the steps that its
 * leader gets are late, and the leader away and back; meanwhile the leading master hands over to another.
 */
export function mastersTakeTurns(
  stage: ScenarioStage,
  process: SimulatedProcess,
  action: ActionOf<"masters-take-turns">,
  nth: number,
): Effect {
  if (process.role === "frontend" || stage.disks.wipe(process) === null) return null;
  stage.processes.restartAfter(process, 0);
  const { timers } = stage.context;
  let held: readonly Effect[] = [];
  let isOver = false;
  const look = (): void => {
    const newcomers = stage.awaiting();
    if (isOver) return;
    if (newcomers.length === 0) {
      timers.after(LOOK_EVERY_MS, look);
      return;
    }
    held = newcomers.map((tablet) => awayAndBack(stage, tablet, "master", action, nth));
    timers.after(action.lateForMs, () => {
      if (!isOver) handOver(stage);
    });
    timers.after(action.byMs + action.lateForMs, look);
  };
  look();
  return {
    undo: () => {
      isOver = true;
      for (const each of held) each?.undo?.();
    },
  };
}

/** To the voter behind it, in a ring. */
function handOver(stage: ScenarioStage): void {
  const leader = leaderOf(stage.all("master"), CATALOG_GROUP);
  if (leader === null) return;
  const { raft, replicaId } = leader.replica;
  const { voters } = raft.config;
  const at = voters.findIndex((voter) => voter.replicaId === replicaId);
  const next = voters[(at + 1) % voters.length];
  if (next === undefined || next.replicaId === replicaId) return;
  stage.context.marks.add("master deposed in a replacement");
  stage.transfer(CATALOG_GROUP, next.replicaId);
}
