/** Draws what happens to groups: who leads them, and late steps for replicas that they had. */
import { AT_ONCE, leader, tabletServer } from "./drawing.ts";
import type { Body, Drawing } from "./drawing.ts";

export function moves(drawing: Drawing): Body {
  const { draws } = drawing;
  const isolatedAfterMs = draws.oneIn(2) ? draws.between(1, 12) : null;
  const movedAfterMs = draws.between(50, 800);
  const forMs = movedAfterMs + draws.between(50, 1_500);
  const storeHalt = draws.oneIn(3) ? null : { forMs, movedAfterMs };
  const action = { kind: "leadership-moved", storeHalt, isolatedAfterMs } as const;
  return { target: leader(drawing), trigger: AT_ONCE, action };
}

export function lateCreations(drawing: Drawing): Body {
  const action = { kind: "creation-comes-late" } as const;
  return { target: tabletServer(drawing), trigger: AT_ONCE, action };
}
