/** What a run is made up of beside its cluster: clients, and how long everything takes. */
import type { Random } from "@stele/shared/random.ts";

export interface RunOptions {
  readonly clients: number;
  /** A client waits up to so long between two operations. */
  readonly thinkMs: number;
  /** Of a call. */
  readonly patienceMs: number;
  /** Faults may begin within it. */
  readonly faultMs: number;
}

export function drawRunOptions(random: Random): RunOptions {
  const oneOf = (...values: readonly number[]): number => values[random.below(values.length)] ?? 0;
  return {
    clients: oneOf(2, 3, 4, 6),
    thinkMs: oneOf(150, 300, 600),
    patienceMs: oneOf(1_000, 3_000, 8_000),
    faultMs: oneOf(5_000, 10_000, 15_000),
  };
}
