/**
 * The whole cluster by seed: what `npm run simulate` runs, as a test. STELE_SEEDS and STELE_FIRST_SEED choose the
 * seeds; a failure names its seed, the faults that it needs, and the command that replays it.
 */
import { availableParallelism } from "node:os";
import { expect, test } from "vitest";
import { runSeeds } from "./command/run-seeds.adapter.ts";
import { failureText } from "./command/seed-failure.ts";

const SEEDS = Number(process.env["STELE_SEEDS"] ?? 500);
const FIRST_SEED = Number(process.env["STELE_FIRST_SEED"] ?? 1);
/** Of the marks that many seeds meet, so few may be missing in these. */
const RARE_MARKS = 6;

test(
  `over ${SEEDS} seeds a whole cluster loses nothing, shows nothing wrong, and comes to rest`,
  { timeout: 3_600_000 },
  async () => {
    const { figures, failures, stoppedBy } = await runSeeds({
      seeds: SEEDS,
      from: FIRST_SEED,
      jobs: Math.min(2, availableParallelism()),
    });
    process.stdout.write(`${figures.line()}\n`);
    expect(failures.map(failureText)).toEqual([]);
    expect(stoppedBy).toBeNull();
    if (SEEDS < 500) return;
    const missing = figures.marksAtZero();
    expect(missing.length, missing.join(", ")).toBeLessThanOrEqual(RARE_MARKS);
  },
);
