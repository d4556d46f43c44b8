import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { systemClock } from "@stele/shared/clock.ts";
import { allMutants } from "./all-mutants.ts";
import { runMutants } from "./run-mutants.ts";

const SEEDS = 2000;

test(
  `every planted bug is caught within ${SEEDS} seeds`,
  async ({ signal }) => {
    const results = await runMutants({
      mutants: allMutants,
      range: { from: 1, seeds: SEEDS },
      jobs: availableParallelism(),
      root: fileURLToPath(new URL("../../../", import.meta.url)),
      clock: systemClock,
      signal,
      progress: (line) => process.stdout.write(`${line}\n`),
    });
    expect(results).toHaveLength(allMutants.length);
    const survivors = results.filter(({ finding }) => finding.kind === "survived");
    expect(survivors.map(({ mutant }) => mutant.name)).toEqual([]);
  },
  12 * 3_600_000,
);
