/** Runs a range of seeds in processes of their own: for the command, and for tests. */
import { SeedPool } from "./seed-pool.adapter.ts";
import { SeedRuns } from "./seed-runs.ts";
import type { SeedRange, SeedRunsParts, SeedsResult } from "./seed-runs.ts";

export interface RunSeedsOptions extends Partial<Omit<SeedRange, "seeds" | "jobs">> {
  readonly seeds: number;
  readonly jobs: number;
  /** Of real time, for one seed. */
  readonly limitMs?: number;
  /** Exports `runSeed`; the simulation's run unless given. */
  readonly runModule?: URL;
  readonly progress?: SeedRunsParts["progress"];
  readonly found?: SeedRunsParts["found"];
  readonly shrunk?: SeedRunsParts["shrunk"];
  /** Stops the runs; its reason is the signal (`NodeJS.Signals`) that asked for it. */
  readonly interrupted?: AbortSignal;
}

export const RUN_MODULE = new URL("../run.ts", import.meta.url);

/** Unless said otherwise. */
export const SEED_DEFAULTS = {
  from: 1,
  keepGoing: false,
  limitMs: 120_000,
  shrinkRuns: 200,
  traceLines: 60,
} as const;

const nothing = (): void => undefined;

export async function runSeeds(options: RunSeedsOptions): Promise<SeedsResult> {
  const { runModule = RUN_MODULE, interrupted, ...given } = options;
  const { progress = nothing, found = nothing, shrunk = nothing, ...chosen } = given;
  const { limitMs, jobs, ...range } = { ...SEED_DEFAULTS, ...chosen };
  const pool = new SeedPool({ jobs, runModule, limitMs });
  const stop = (): void => {
    void pool.close({ kind: "stopped", signal: interrupted?.reason as NodeJS.Signals });
  };
  if (interrupted?.aborted === true) stop();
  interrupted?.addEventListener("abort", stop);
  try {
    const runs = new SeedRuns(
      { ...range, jobs },
      {
        run: (job) => pool.run(job),
        nowMs: () => performance.now(),
        progress,
        found,
        shrunk,
      },
    );
    return await runs.all();
  } finally {
    interrupted?.removeEventListener("abort", stop);
    await pool.close();
  }
}
