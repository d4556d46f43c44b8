/**
 * Runs seeds in a scratch copy, in a process of their own, until a checker finds something wrong. It is a process of
 * the simulator's pool, which loads the copy's run instead of the checkout's.
 */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { CheckerName } from "../../check/checker-name.ts";
import type { SeedOutcome } from "../../simulation/command/seed-messages.ts";
import { SeedPool } from "../../simulation/command/seed-pool.adapter.ts";

/** A healthy run takes about a second: one that goes on for so long stands still. */
const SEED_LIMIT_MS = 180_000;

export interface SeedRange {
  readonly from: number;
  readonly seeds: number;
}

export interface Catch {
  readonly kind: "caught";
  readonly seed: number;
  /** `stands still`: no end within the limit. `gives up`: the run, or the process that ran it, broke. */
  readonly by: CheckerName | "stands still" | "gives up";
  readonly detail: string;
}

/** A signal that ends a process ended the one that ran the seed, as Ctrl-C does: nothing can be said about the seed. */
export class HuntStoppedError extends Error {
  override readonly name = "HuntStoppedError";
}

export type Finding = Catch | { readonly kind: "survived" };

export interface HuntWatch {
  /** Ends the hunt when it is aborted. */
  readonly signal: AbortSignal;
  /** Told of every seed that begins. */
  readonly trying: (seed: number) => void;
}

/**
 * `directory`: of the scratch copy. Rejects when `signal` is aborted, or with `HuntStoppedError`; the process is gone
 * then.
 */
export async function hunt(
  directory: string,
  { from, seeds }: SeedRange,
  { signal, trying }: HuntWatch,
): Promise<Finding> {
  signal.throwIfAborted();
  const runModule = pathToFileURL(join(directory, "scripts/src/simulation/run.ts"));
  const pool = new SeedPool({ jobs: 1, runModule, limitMs: SEED_LIMIT_MS });
  // What is under way then ends as crashed.
  const end = (): void => void pool.close();
  signal.addEventListener("abort", end, { once: true });
  try {
    for (let seed = from; seed < from + seeds; seed++) {
      trying(seed);
      const found = catchOf(seed, await pool.run({ seed, faults: null, traceLines: 0 }));
      signal.throwIfAborted();
      if (found !== null) return found;
    }
    return { kind: "survived" };
  } finally {
    signal.removeEventListener("abort", end);
    await pool.close();
  }
}

/** Null: nothing was found wrong. */
function catchOf(seed: number, outcome: SeedOutcome): Catch | null {
  switch (outcome.kind) {
    case "ran": {
      const { violation } = outcome.report;
      if (violation === null) return null;
      return { kind: "caught", seed, by: violation.checker, detail: violation.detail };
    }
    case "hung":
      return { kind: "caught", seed, by: "stands still", detail: `for ${outcome.limitMs} ms` };
    case "threw":
    case "crashed":
      return { kind: "caught", seed, by: "gives up", detail: outcome.detail };
    case "stopped":
      throw new HuntStoppedError(`${outcome.signal} ended the process that ran seed ${seed}`);
  }
}
