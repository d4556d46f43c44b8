/** What a run is made up of beside its cluster: clients, and how long everything takes. */
import type { Random } from "@stele/shared/random.ts";
import { Draws } from "@stele/shared/testing/draws.ts";

export interface RunOptions {
  readonly clients: number;
  /** A client waits up to so long between two operations. */
  readonly thinkMs: number;
  /** Of a call. */
  readonly patienceMs: number;
  /** Faults may begin within it. */
  readonly faultMs: number;
  /** A probe (probes.ts) waits up to so long for the next; 0: there are none. */
  readonly probeMs: number;
  /** One client of each front-end is after locks alone, and waits up to so long between two operations; 0: none is. */
  readonly contendMs: number;
}

export function drawRunOptions(random: Random): RunOptions {
  const draws = new Draws(random);
  return {
    clients: draws.of([2, 3, 4, 6]),
    thinkMs: draws.of([150, 300, 600]),
    patienceMs: draws.of([1_000, 3_000, 8_000]),
    faultMs: draws.of([5_000, 10_000, 15_000]),
    probeMs: draws.of([0, 400, 800]),
    contendMs: draws.of([0, 100, 300]),
  };
}
