/** Draws the faults that are scenarios: their targets, and how long their steps take. */
import { AT_ONCE, leader, tabletLeader, tabletServer, WHOEVER } from "./drawing.ts";
import type { Body, Drawing } from "./drawing.ts";
import type { FaultTrigger, ScenarioAction } from "./fault.ts";

const AWAITING_WITHIN_MS = 8_000;
const AWAITING: FaultTrigger = {
  kind: "state",
  state: "awaiting-snapshot",
  nth: 1,
  patienceMs: AWAITING_WITHIN_MS,
};
const LATE = { kind: "late-messages", to: "tablet-server" } as const;

interface Scenario extends Body {
  readonly action: ScenarioAction;
}

export const SCENARIO_FAMILIES = {
  "leaders lost in turn": leadersLost,
  "voters restart": votersRestart,
  "two leaders with clients": cutsOffWithFrontend,
  "late messages": lateMessages,
  "late requests overtaken": overtakes,
  "strays behind answers": straysBehind,
  "lost answers": lostAnswers,
  "leader away and back": awayAndBack,
  replacement: replacements,
} as const satisfies Record<string, (drawing: Drawing) => Scenario>;

export const SCENARIO_KINDS: readonly ScenarioAction["kind"][] = [
  "leaders-lost-in-turn",
  "leader-lost-unheard",
  "voters-restart-in-lease",
  "leader-cut-off-with-frontend",
  "late-messages",
  "late-requests-overtaken",
  "strays-behind-answers",
  "answers-lost-in-restart",
  "answers-lost-to-laggard",
  "leader-away-and-back",
  "back-when-replaced",
  "masters-take-turns",
];

function leadersLost(drawing: Drawing): Scenario {
  const { draws } = drawing;
  const action = {
    kind: draws.oneIn(2) ? "leaders-lost-in-turn" : "leader-lost-unheard",
    afterMs: draws.duration(1, 300),
    downMs: draws.between(2_000, 6_000),
    durationMs: draws.between(2_000, 6_000),
  } as const;
  return { target: leader(drawing), trigger: AT_ONCE, action };
}

/** The lonely follower asks for votes again and again, from an election timeout on. */
function votersRestart(drawing: Drawing): Scenario {
  const { draws } = drawing;
  const afterMs = draws.between(700, 2_500);
  const action = {
    kind: "voters-restart-in-lease",
    afterMs,
    downMs: draws.oneIn(2) ? 0 : draws.duration(1, 300),
    durationMs: afterMs + draws.between(800, 2_000),
  } as const;
  return { target: leader(drawing), trigger: AT_ONCE, action };
}

function cutsOffWithFrontend(drawing: Drawing): Scenario {
  const { draws, shape } = drawing;
  const frontend = draws.of(shape.frontends);
  const pausedMs = draws.oneIn(3) ? 0 : draws.between(1_500, 4_000);
  const durationMs = pausedMs + draws.between(1_000, 3_000);
  const action = { kind: "leader-cut-off-with-frontend", frontend, pausedMs, durationMs } as const;
  return { target: tabletLeader(drawing), trigger: AT_ONCE, action };
}

/** Steps of masters above all: those of a replacement, when its newcomer has just come to be. */
function lateMessages({ draws }: Drawing): Scenario {
  const byMs = draws.duration(200, 2_900);
  if (draws.oneIn(3)) {
    const durationMs = draws.duration(100, 2_000);
    const action = { ...LATE, from: "frontend", byMs, durationMs } as const;
    return { target: WHOEVER, trigger: AT_ONCE, action };
  }
  const durationMs = draws.duration(10, 500);
  const action = { ...LATE, from: "master", byMs, durationMs } as const;
  const trigger: FaultTrigger = draws.oneIn(4) ? AT_ONCE : AWAITING;
  return { target: WHOEVER, trigger, action };
}

/** Soon enough that the second arrival meets the first one's number still open. */
function overtakes({ draws }: Drawing): Scenario {
  const byMs = draws.between(3, 25);
  const everyMs = draws.between(5, 40);
  const durationMs = draws.between(2_000, 6_000);
  const action = { kind: "late-requests-overtaken", byMs, everyMs, durationMs } as const;
  return { target: WHOEVER, trigger: AT_ONCE, action };
}

/** Long enough that rows change and change back while what is held is under way. */
function straysBehind({ draws, shape }: Drawing): Scenario {
  const frontend = draws.of(shape.frontends);
  const heldMs = draws.duration(10, 200);
  const answeredMs = draws.duration(10, 60);
  const byMs = heldMs + answeredMs + draws.duration(50, 800);
  const durationMs = draws.between(4_000, 9_000);
  const action = {
    kind: "strays-behind-answers",
    frontend,
    heldMs,
    answeredMs,
    byMs,
    durationMs,
  } as const;
  return { target: WHOEVER, trigger: AT_ONCE, action };
}

function lostAnswers(drawing: Drawing): Scenario {
  const { draws } = drawing;
  if (draws.oneIn(2)) {
    const afterMs = draws.between(300, 2_500);
    const downMs = draws.duration(1, 300);
    const action = { kind: "answers-lost-in-restart", afterMs, downMs } as const;
    return { target: WHOEVER, trigger: AT_ONCE, action };
  }
  const behindMs = draws.between(1_000, 4_000);
  const lostMs = draws.between(200, 900);
  const caughtUpMs = draws.between(50, 600);
  const durationMs = behindMs + caughtUpMs + draws.between(200, 1_000);
  const action = {
    kind: "answers-lost-to-laggard",
    behindMs,
    lostMs,
    caughtUpMs,
    durationMs,
  } as const;
  return { target: tabletLeader(drawing), trigger: AT_ONCE, action };
}

function awayAndBack(drawing: Drawing): Scenario {
  const { draws } = drawing;
  const byMs = draws.between(2_000, 4_500);
  const lateForMs = draws.between(50, 600);
  const action = { kind: "leader-away-and-back", byMs, lateForMs } as const;
  return { target: tabletLeader(drawing), trigger: AT_ONCE, action };
}

function replacements(drawing: Drawing): Scenario {
  return drawing.draws.oneIn(2) ? backWhenReplaced(drawing) : mastersTakeTurns(drawing);
}

function backWhenReplaced(drawing: Drawing): Scenario {
  const { draws } = drawing;
  const patienceMs = draws.between(6_000, 12_000);
  const forMs = draws.between(1_000, 4_000);
  const byMs = draws.between(1_000, 2_800);
  const lateForMs = draws.between(30, 200);
  const leader = draws.oneIn(2)
    ? ({ kind: "cut-off", forMs } as const)
    : ({ kind: "late-steps", byMs, lateForMs } as const);
  const action = { kind: "back-when-replaced", patienceMs, leader } as const;
  return { target: tabletServer(drawing), trigger: AT_ONCE, action };
}

/** A server that gets no answer for longer than the longest delay asks again, and does not hear of what is late. */
function mastersTakeTurns(drawing: Drawing): Scenario {
  const { draws } = drawing;
  const byMs = draws.between(300, 2_500);
  const lateForMs = draws.duration(10, 400);
  const durationMs = draws.between(4_000, 10_000);
  const action = { kind: "masters-take-turns", byMs, lateForMs, durationMs } as const;
  return { target: tabletServer(drawing), trigger: AT_ONCE, action };
}
