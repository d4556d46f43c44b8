/** Draws the faults that are a story (scenarios.ts): their targets, and how long their steps take. */
import type { Draws } from "@stele/shared/testing/draws.ts";
import type { Fault, FaultTarget, FaultTrigger, StoryAction } from "./fault.ts";

interface StoryDrawing {
  readonly draws: Draws;
  readonly shape: {
    readonly frontends: readonly string[];
    readonly tabletServers: readonly string[];
  };
}

interface Story {
  readonly target: FaultTarget;
  readonly trigger: FaultTrigger;
  readonly action: StoryAction;
}

const AT_ONCE: FaultTrigger = { kind: "at-once" };
const AWAITING_WITHIN_MS = 8_000;
const WHOEVER: FaultTarget = { kind: "whoever" };
const AWAITING: FaultTrigger = {
  kind: "state",
  state: "awaiting-snapshot",
  nth: 1,
  patienceMs: AWAITING_WITHIN_MS,
};
const LATE = { kind: "late-messages", to: "tablet-server" } as const;

export const STORY_SPECIES = {
  "two leaders with clients": cutsOffWithFrontend,
  "late messages": lateMessages,
  "late requests overtaken": overtakes,
  "lost answers": lostAnswers,
  "leader away and back": awayAndBack,
  "replaced and back": backWhenReplaced,
} as const satisfies Record<string, (drawing: StoryDrawing) => Pick<Fault, keyof Story>>;

export const STORY_KINDS: readonly StoryAction["kind"][] = [
  "leader-cut-off-with-frontend",
  "late-messages",
  "late-requests-overtaken",
  "answers-lost-in-restart",
  "answers-lost-to-laggard",
  "leader-away-and-back",
  "back-when-replaced",
];

function tabletLeader(draws: Draws): FaultTarget {
  return { kind: "leader", nth: draws.between(1, 8) };
}

function cutsOffWithFrontend({ draws, shape }: StoryDrawing): Story {
  const frontend = draws.of(shape.frontends);
  const pausedMs = draws.oneIn(3) ? 0 : draws.between(1_500, 4_000);
  const durationMs = pausedMs + draws.between(1_000, 3_000);
  const action = { kind: "leader-cut-off-with-frontend", frontend, pausedMs, durationMs } as const;
  return { target: tabletLeader(draws), trigger: AT_ONCE, action };
}

/** Steps of masters above all: those of a replacement, when its newcomer has just come to be. */
function lateMessages({ draws }: StoryDrawing): Story {
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
function overtakes({ draws }: StoryDrawing): Story {
  const byMs = draws.between(3, 25);
  const everyMs = draws.between(5, 40);
  const durationMs = draws.between(2_000, 6_000);
  const action = { kind: "late-requests-overtaken", byMs, everyMs, durationMs } as const;
  return { target: WHOEVER, trigger: AT_ONCE, action };
}

function lostAnswers({ draws }: StoryDrawing): Story {
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
  return { target: tabletLeader(draws), trigger: AT_ONCE, action };
}

function awayAndBack({ draws }: StoryDrawing): Story {
  const byMs = draws.between(2_000, 4_500);
  const lateForMs = draws.between(50, 600);
  const action = { kind: "leader-away-and-back", byMs, lateForMs } as const;
  return { target: tabletLeader(draws), trigger: AT_ONCE, action };
}

function backWhenReplaced({ draws, shape }: StoryDrawing): Story {
  const patienceMs = draws.between(6_000, 12_000);
  const forMs = draws.between(1_000, 4_000);
  const byMs = draws.between(1_000, 2_800);
  const lateForMs = draws.between(30, 200);
  const leader = draws.oneIn(2)
    ? ({ kind: "cut-off", forMs } as const)
    : ({ kind: "late-steps", byMs, lateForMs } as const);
  const action = { kind: "back-when-replaced", patienceMs, leader } as const;
  const target: FaultTarget = { kind: "process", name: draws.of(shape.tabletServers) };
  return { target, trigger: AT_ONCE, action };
}
