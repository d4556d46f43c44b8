/**
 * Draws crashes, pauses and what clocks do.
 *
 * P1. Clocks drift within the bound that leases are safe under (shared/src/timing.ts, T1): the fastest follower
 *     against the slowest leader gains less than a ninth.
 */
import type { Draws } from "@stele/shared/testing/draws.ts";
import { anyProcess, anyServer, AT_ONCE, drawDownMs, WHOEVER } from "./drawing.ts";
import type { Body, Drawing } from "./drawing.ts";
import { CRASH_STEPS } from "./fault.ts";
import type { FaultAction, FaultTarget, FaultTrigger } from "./fault.ts";
import { drawStep, isFrequent } from "./disk-draws.ts";

/** P1. */
export const LEAST_CLOCK_RATE = 0.95;
export const MOST_CLOCK_RATE = 1.05;

const HOUR_MS = 3_600_000;
/** Before so many callbacks something may strike. */
const MOST_EVENTS = 400;
const MOST_JOINT_EVENTS = 20;

export function crashes(drawing: Drawing): Body {
  const { draws } = drawing;
  const trigger = draws.weighted<FaultTrigger>([
    [AT_ONCE, 1],
    [eventTrigger(draws), 2],
    [{ kind: "acknowledgement", nth: draws.between(1, 20) }, 1],
  ]);
  return { target: anyServer(drawing), trigger, action: crashAction(drawing) };
}

export function crashesAtDiskStep(drawing: Drawing): Body {
  const { draws } = drawing;
  const step = draws.of(CRASH_STEPS);
  const trigger = { kind: "disk-step", step, nth: drawStep(draws, step) } as const;
  const target: FaultTarget = isFrequent(step) ? anyServer(drawing) : WHOEVER;
  return { target, trigger, action: crashAction(drawing) };
}

export function crashesInState(drawing: Drawing): Body {
  const { draws, shape } = drawing;
  const state = draws.of(["joint-config", "awaiting-snapshot", "recovering"] as const);
  // A joint config is left after a few rounds.
  const nth = draws.duration(1, state === "joint-config" ? MOST_JOINT_EVENTS : MOST_EVENTS);
  const patienceMs = draws.duration(2_000, shape.durationMs);
  const trigger = { kind: "state", state, nth, patienceMs } as const;
  return { target: WHOEVER, trigger, action: crashAction(drawing) };
}

export function frontendCrashes(drawing: Drawing): Body {
  const { draws, shape } = drawing;
  const target = { kind: "process", name: draws.of(shape.frontends) } as const;
  return { target, trigger: eventTrigger(draws), action: crashAction(drawing) };
}

export function powerLostEverywhere(drawing: Drawing): Body {
  const { draws } = drawing;
  const action = { kind: "power-lost-everywhere", downMs: drawDownMs(drawing) } as const;
  const trigger: FaultTrigger = draws.oneIn(3)
    ? eventTrigger(draws)
    : { kind: "acknowledgement", nth: draws.between(1, 60) };
  return { target: anyServer(drawing), trigger, action };
}

export function pauses(drawing: Drawing): Body {
  const { draws } = drawing;
  const trigger = draws.oneIn(2) ? AT_ONCE : eventTrigger(draws);
  const target = draws.oneIn(4) ? anyProcess(drawing) : anyServer(drawing);
  if (draws.oneIn(4)) {
    const [stillMs, runMs] = [draws.between(5, 80), draws.between(2, 30)];
    const durationMs = draws.duration(500, 4_000);
    return { target, trigger, action: { kind: "slow-process", stillMs, runMs, durationMs } };
  }
  return { target, trigger, action: { kind: "pause", durationMs: draws.duration(20, 8_000) } };
}

/** P1. */
export function drifts(drawing: Drawing): Body {
  const { draws, shape } = drawing;
  const rate = draws.oneIn(2)
    ? draws.of([LEAST_CLOCK_RATE, MOST_CLOCK_RATE])
    : Math.round((LEAST_CLOCK_RATE + draws.share(0.1)) * 1000) / 1000;
  const durationMs = draws.duration(1_000, shape.durationMs);
  const action = { kind: "clock-drifts", rate, durationMs } as const;
  return { target: anyProcess(drawing), trigger: AT_ONCE, action };
}

export function wallJumps(drawing: Drawing): Body {
  const { draws } = drawing;
  const sizeMs = draws.oneIn(2) ? HOUR_MS : draws.duration(1, HOUR_MS);
  const byMs = draws.oneIn(2) ? sizeMs : -sizeMs;
  const action = { kind: "wall-clock-jumps", byMs } as const;
  return { target: anyProcess(drawing), trigger: AT_ONCE, action };
}

function crashAction(drawing: Drawing): FaultAction {
  const what = drawing.draws.of(["process", "power"] as const);
  return { kind: "crash", what, downMs: drawDownMs(drawing) };
}

function eventTrigger(draws: Draws): FaultTrigger {
  return { kind: "event", nth: draws.between(1, MOST_EVENTS) };
}
