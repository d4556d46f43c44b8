/**
 * Draws faults of disks.
 *
 * D1. What destroys something acknowledged (a wiped disk, damaged bytes) aims at tablet servers only: a master that
 *     lost its disk cannot rejoin. Whether the groups can bear it just then is decided when its time comes.
 */
import type { Draws } from "@stele/shared/testing/draws.ts";
import { anyServer, AT_ONCE, drawDownMs, tabletServer, WHOEVER } from "./drawing.ts";
import type { Body, Drawing } from "./drawing.ts";
import { CRASH_STEPS } from "./fault.ts";
import type { CrashStep, FaultAction, FaultTarget, FaultTrigger } from "./fault.ts";

/** Before so many steps of a disk something may strike. */
const MOST_STEPS = 40;
const MOST_RARE_STEPS = 3;

export function drawStep(draws: Draws, step: CrashStep): number {
  return draws.between(1, isFrequent(step) ? MOST_STEPS : MOST_RARE_STEPS);
}

/** Logs are written all the time; files come and go with segments and checkpoints. */
export function isFrequent(step: CrashStep): boolean {
  return step === "write" || step === "sync";
}

export function logDiskFaults(drawing: Drawing): Body {
  const { draws } = drawing;
  const step = draws.of(CRASH_STEPS);
  const action = { kind: "log-step-fails", step, nth: drawStep(draws, step) } as const;
  return { target: anyServer(drawing), trigger: AT_ONCE, action };
}

export function fullDisks(drawing: Drawing): Body {
  const { draws } = drawing;
  const freeBytes = draws.duration(1, 256 * 1024);
  const durationMs = draws.duration(200, 4_000);
  const action = { kind: "log-disk-full", freeBytes, durationMs } as const;
  return { target: anyServer(drawing), trigger: AT_ONCE, action };
}

export function stalls(drawing: Drawing): Body {
  const { draws, shape } = drawing;
  const durationMs = draws.duration(200, 10_000);
  const action = draws.of<FaultAction>([
    { kind: "log-disk-stalls", durationMs },
    { kind: "store-stalls", what: draws.of(["flush", "everything"] as const), durationMs },
  ]);
  if (draws.oneIn(2)) return { target: anyServer(drawing), trigger: AT_ONCE, action };
  const patienceMs = shape.durationMs;
  const trigger = { kind: "state", state: "replica-missing", nth: 1, patienceMs } as const;
  return { target: WHOEVER, trigger, action };
}

export function storeFaults(drawing: Drawing): Body {
  const action = { kind: "store-write-fails" } as const;
  return { target: anyServer(drawing), trigger: AT_ONCE, action };
}

/** D1. */
export function damages(drawing: Drawing): Body {
  const { draws, shape } = drawing;
  const crashAfterMs = draws.oneIn(3) ? null : draws.duration(1, 2_000);
  const place = draws.below(2 ** 31);
  const action = draws.of<FaultAction>([
    { kind: "bit-flipped-in-log", place, bit: place % 8, crashAfterMs },
    { kind: "sector-misplaced-in-log", place, crashAfterMs },
    { kind: "bit-flipped-in-store", of: "host", crashAfterMs },
    { kind: "bit-flipped-in-store", of: "rows", crashAfterMs },
  ]);
  const trigger: FaultTrigger =
    action.kind === "bit-flipped-in-store"
      ? AT_ONCE
      : { kind: "state", state: "damageable-log", nth: 1, patienceMs: shape.durationMs };
  const target: FaultTarget = trigger === AT_ONCE ? tabletServer(drawing) : WHOEVER;
  return { target, trigger, action };
}

/** D1. */
export function wipes(drawing: Drawing): Body {
  const action = { kind: "disk-wiped", downMs: drawDownMs(drawing) } as const;
  return { target: tabletServer(drawing), trigger: AT_ONCE, action };
}
