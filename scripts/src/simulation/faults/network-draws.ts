/** How bad a network gets, and along which lines a cluster falls apart. */
import { CALM_NETWORK } from "@stele/shared/rpc/testing/memory-network.ts";
import type { Draws } from "@stele/shared/testing/draws.ts";
import { anyProcess, AT_ONCE, leader } from "./drawing.ts";
import type { Body, Drawing } from "./drawing.ts";
import type { FaultAction, FaultTarget } from "./fault.ts";

const LONGEST_CUT_MS = 8_000;

type Cut = Extract<FaultAction, { kind: "cut" | "ring" | "isolated" }>;

export function partitions(drawing: Drawing): Body {
  const { draws, names } = drawing;
  const action = partition(draws, names);
  const target: FaultTarget =
    action.kind === "isolated" && draws.oneIn(2) ? leader(drawing) : anyProcess(drawing);
  return { target, trigger: AT_ONCE, action };
}

export function networks(drawing: Drawing): Body {
  const { draws, shape } = drawing;
  const action = worseNetwork(draws, shape.durationMs);
  return { target: anyProcess(drawing), trigger: AT_ONCE, action };
}

/** Loss 0-30 %, duplicates 0-50 %, delay mean 0-100 ms with spikes up to 5 s; each may be absent. */
function worseNetwork(draws: Draws, phaseMs: number): FaultAction {
  const has = (): boolean => draws.oneIn(2);
  const mostDelayMs = has() ? draws.duration(1, 200) : CALM_NETWORK.mostDelayMs;
  const spikes = draws.oneIn(3);
  return {
    kind: "worse-network",
    faults: {
      leastDelayMs: CALM_NETWORK.leastDelayMs,
      mostDelayMs,
      loss: has() ? draws.share(draws.of([0.01, 0.05, 0.3])) : 0,
      breakage: draws.oneIn(3) ? draws.share(0.05) : 0,
      damage: draws.oneIn(3) ? draws.share(0.05) : 0,
      duplication: has() ? draws.share(0.5) : 0,
      spikeShare: spikes ? draws.share(0.05) : 0,
      spikeMs: spikes ? draws.duration(200, 5_000) : 0,
      replyLoss: draws.oneIn(3) ? draws.share(0.1) : 0,
    },
    durationMs: draws.duration(500, phaseMs),
  };
}

/** One-way, both ways, partial (halves that leave some out), a bridge, a ring, one alone. */
function partition(draws: Draws, names: readonly string[]): Cut {
  const durationMs = draws.duration(200, LONGEST_CUT_MS);
  const shape = draws.of(["pair", "halves", "bridge", "ring", "isolated"] as const);
  const ways = draws.of(["one", "both", "both"] as const);
  const order = draws.shuffled(names);
  const middle = draws.between(1, order.length - 2);
  switch (shape) {
    case "pair":
      return {
        kind: "cut",
        shape,
        from: order.slice(0, 1),
        to: order.slice(1, 2),
        ways,
        durationMs,
      };
    case "halves": {
      // Now and then not everybody is on a side.
      const end = draws.oneIn(2) ? order.length : draws.between(middle + 1, order.length);
      return {
        kind: "cut",
        shape,
        from: order.slice(0, middle),
        to: order.slice(middle, end),
        ways,
        durationMs,
      };
    }
    case "bridge": {
      const [from, to] = [order.slice(0, middle), order.slice(middle + 1)];
      return { kind: "cut", shape, from, to, ways: "both", durationMs };
    }
    case "ring":
      return { kind: "ring", order, durationMs };
    case "isolated":
      return { kind: "isolated", ways: draws.of(["in", "out", "both"] as const), durationMs };
  }
}
