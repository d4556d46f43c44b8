/** Scenarios about clients: whom they reach, what they are told, and when what they sent arrives (scenario-stage.ts). */
import type { SimulatedProcess } from "../cluster/simulated-process.ts";
import { awayAndBack } from "./away-and-back.ts";
import type { ActionOf } from "./fault.ts";
import type { Effect } from "./injection-context.ts";
import type { ScenarioStage } from "./scenario-stage.ts";

/** Its clients go on reading and writing there; the others elect another leader, and write there. */
export function cutOffWithFrontend(
  stage: ScenarioStage,
  process: SimulatedProcess,
  { frontend, pausedMs }: ActionOf<"leader-cut-off-with-frontend">,
): Effect {
  const side = [process.name, frontend];
  const rest = stage.names().filter((name) => !side.includes(name));
  const cut = stage.network.cutLinks(side, rest, "both");
  if (pausedMs === 0) return cut;
  const pause = stage.processes.pause(process, { kind: "pause", durationMs: pausedMs });
  stage.context.timers.after(pausedMs, () => pause?.undo?.());
  return {
    undo: () => {
      pause?.undo?.();
      cut?.undo?.();
    },
  };
}

/** Of one kind of process to another. */
export function lateMessages(
  stage: ScenarioStage,
  { from, to, byMs }: ActionOf<"late-messages">,
): Effect {
  return stage.network.late(stage.names(from), stage.names(to), byMs);
}

/** What a front-end sends after its connection broke arrives before what it had sent, which may arrive still. */
export function lateRequestsOvertaken(
  stage: ScenarioStage,
  { byMs, everyMs }: ActionOf<"late-requests-overtaken">,
): Effect {
  const { timers } = stage.context;
  const links = [stage.names("frontend"), stage.names("tablet-server")] as const;
  let late: Effect = null;
  let isOver = false;
  const begin = (): void => {
    if (isOver) return;
    late = stage.network.late(...links, byMs);
    timers.after(byMs, () => {
      if (isOver) return;
      late?.undo?.();
      stage.network.breakConnections(...links);
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

/**
 * What arrives at last was answered, has no effect by that answer, and its front-end could not yet tell the tablet that
 * nobody asks any more: only the answer that the tablet kept stands between it and the rows.
 */
export function straysBehindAnswers(
  stage: ScenarioStage,
  { frontend, heldMs, answeredMs, byMs }: ActionOf<"strays-behind-answers">,
): Effect {
  const { timers } = stage.context;
  const links = [[frontend], stage.names("tablet-server")] as const;
  let lasting: Effect = null;
  let isOver = false;
  const next = (afterMs: number, effect: Effect, step: () => void): void => {
    lasting = effect;
    timers.after(afterMs, () => {
      if (isOver) return;
      effect?.undo?.();
      step();
    });
  };
  const hold = (): void => next(heldMs, stage.network.late(...links, byMs), sendAgain);
  const sendAgain = (): void => {
    stage.network.breakConnections(...links);
    next(answeredMs, null, silence);
  };
  const silence = (): void => next(byMs, stage.network.cutLinks(...links, "one"), goOn);
  const goOn = (): void => {
    stage.network.breakConnections(...links);
    next(byMs, null, hold);
  };
  hold();
  return {
    undo: () => {
      isOver = true;
      lasting?.undo?.();
    },
  };
}

/** Answers to front-ends are lost; when all tablet servers were down, whoever waits asks again. */
export function answersLostInRestart(
  stage: ScenarioStage,
  { afterMs, downMs }: ActionOf<"answers-lost-in-restart">,
): Effect {
  const servers = stage.all("tablet-server");
  const held = stage.network.cutLinks(stage.names("tablet-server"), stage.names("frontend"), "one");
  stage.context.timers.after(afterMs, () => {
    for (const process of servers) {
      if (process.state !== "down") process.crash("power");
      stage.processes.restartAfter(process, downMs);
    }
    held?.undo?.();
  });
  return held;
}

/** A follower is left behind, so far that it needs a snapshot; answers are lost; then it leads. */
export function answersLostToLaggard(
  stage: ScenarioStage,
  process: SimulatedProcess,
  { behindMs, lostMs, caughtUpMs }: ActionOf<"answers-lost-to-laggard">,
  nth: number,
): Effect {
  const led = stage.ledTablet(process, nth);
  if (led === null) return null;
  const { timers } = stage.context;
  const laggard = stage.otherVoter(process, led, nth);
  if (laggard === null) return null;
  const others = stage.names().filter((name) => name !== laggard.process.name);
  let undo = stage.network.cutLinks([laggard.process.name], others, "both")?.undo ?? null;
  let undoLost: (() => void) | null = null;
  timers.after(Math.max(0, behindMs - lostMs), () => {
    const frontends = stage.names("frontend");
    undoLost = stage.network.cutLinks([process.name], frontends, "one")?.undo ?? null;
  });
  timers.after(behindMs, () => {
    undo?.();
    undo = null;
  });
  timers.after(behindMs + caughtUpMs, () => stage.transfer(led, laggard.replicaId));
  return {
    undo: () => {
      undo?.();
      undoLost?.();
      [undo, undoLost] = [null, null];
    },
  };
}

/** Requests to the leader arrive when it has given up the leadership, and taken it again. */
export function leaderAwayAndBack(
  stage: ScenarioStage,
  process: SimulatedProcess,
  action: ActionOf<"leader-away-and-back">,
  nth: number,
): Effect {
  const led = stage.ledTablet(process, nth);
  return led === null ? null : awayAndBack(stage, led, "frontend", action, nth);
}
