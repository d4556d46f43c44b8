/** What all draws of faults share: what they draw for, whom they aim at, how long what is down stays down. */
import type { Draws } from "@stele/shared/testing/draws.ts";
import type { Fault, FaultTarget, FaultTrigger } from "./fault.ts";

export interface FaultShape {
  readonly masters: readonly string[];
  readonly tabletServers: readonly string[];
  readonly frontends: readonly string[];
  /** Faults begin within this time. */
  readonly durationMs: number;
}

export interface Drawing {
  readonly draws: Draws;
  readonly shape: FaultShape;
  readonly names: readonly string[];
}

/** A fault but for its time and its id. */
export type Body = Pick<Fault, "target" | "trigger" | "action">;

export const AT_ONCE: FaultTrigger = { kind: "at-once" };
export const WHOEVER: FaultTarget = { kind: "whoever" };

export function anyProcess({ draws, names }: Drawing): FaultTarget {
  return { kind: "process", name: draws.of(names) };
}

/** Often a leader: it has most to lose. */
export function anyServer(drawing: Drawing): FaultTarget {
  const { draws, shape } = drawing;
  if (draws.oneIn(3)) return leader(drawing);
  const { masters, tabletServers } = shape;
  return { kind: "process", name: draws.of([...masters, ...tabletServers, ...tabletServers]) };
}

export function leader({ draws }: Drawing): FaultTarget {
  return { kind: "leader", nth: draws.oneIn(3) ? 0 : draws.between(1, 4) };
}

export function tabletLeader({ draws }: Drawing): FaultTarget {
  return { kind: "leader", nth: draws.between(1, 8) };
}

export function tabletServer({ draws, shape }: Drawing): FaultTarget {
  return { kind: "process", name: draws.of(shape.tabletServers) };
}

export function drawDownMs({ draws }: Drawing): number {
  return draws.oneIn(4) ? 0 : draws.duration(50, 8_000);
}
