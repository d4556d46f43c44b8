/** Scenarios about replicas that are replaced (scenario-stage.ts). */
import type { SimulatedProcess } from "../cluster/simulated-process.ts";
import { awayAndBack } from "./away-and-back.ts";
import type { ActionOf } from "./fault.ts";
import type { Effect } from "./injection-context.ts";
import { leaderOf } from "./replicas.ts";
import type { ScenarioStage } from "./scenario-stage.ts";

const LOOK_EVERY_MS = 2;

/**
 * A server is away until it counts as gone. When the first replica that takes the place of one of its own has
 * come to be, it is back, and the replacement is to be undone: while the leader is cut off from all followers and not
 * from the masters, or while the step to bring the newcomer in is late, and the leader away and back.
 */
export function backWhenReplaced(
  stage: ScenarioStage,
  process: SimulatedProcess,
  { patienceMs, leader: fate }: ActionOf<"back-when-replaced">,
  nth: number,
): Effect {
  if (process.state === "down") return null;
  const { timers } = stage.context;
  const waiting = new Set(stage.awaiting());
  process.crash("process");
  stage.processes.restartAfter(process, patienceMs);
  const endMs = timers.nowMs() + patienceMs;
  let effect: Effect = null;
  const look = (): void => {
    if (timers.nowMs() >= endMs) return;
    const newcomer = stage.awaiting().find((tablet) => !waiting.has(tablet));
    const leader = newcomer === undefined ? null : leaderOf(stage.all("tablet-server"), newcomer);
    if (newcomer === undefined || leader === null) {
      timers.after(LOOK_EVERY_MS, look);
      return;
    }
    if (fate.kind === "late-steps") {
      effect = awayAndBack(stage, newcomer, "master", fate, nth);
    } else {
      const { name } = leader.process;
      const followers = stage.names("tablet-server").filter((other) => other !== name);
      effect = stage.network.cutLinks([name], followers, "both");
      timers.after(fate.forMs, () => effect?.undo?.());
    }
    stage.processes.startNow(process);
  };
  look();
  return { undo: () => effect?.undo?.() };
}
