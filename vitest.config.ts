// Test projects, by file name:
//   x.test.ts             unit        in-process, fast, files run in parallel
//   x.simulation.test.ts  simulation  seeded whole-cluster runs, in parallel after the units
//   x.processes.test.ts   processes   real processes and ports, one file at a time, last
//   x.long.test.ts        long        only in `npm run test:long`
import { defineConfig } from "vitest/config";

const everywhere = "{shared,master,tablet-server,frontend,scripts}/src/**";
const special = ["processes", "simulation", "long"].map((kind) => `**/*.${kind}.test.ts`);

function project(name: string, order: number, timeoutMs: number, options: object): object {
  return {
    test: {
      name,
      pool: "forks",
      environment: "node",
      testTimeout: timeoutMs,
      hookTimeout: timeoutMs,
      sequence: { groupOrder: order },
      maxWorkers: 2,
      ...options,
    },
  };
}

export default defineConfig({
  test: {
    passWithNoTests: true,
    projects: [
      project("unit", 0, 10_000, { include: [`${everywhere}/*.test.ts`], exclude: special }),
      project("simulation", 1, 60_000, { include: [`${everywhere}/*.simulation.test.ts`] }),
      project("processes", 2, 120_000, {
        include: [`${everywhere}/*.processes.test.ts`],
        fileParallelism: false,
        maxWorkers: 1,
      }),
      project("long", 3, 3_600_000, {
        include: [`${everywhere}/*.long.test.ts`],
        fileParallelism: false,
        maxWorkers: 1,
      }),
    ],
  },
});
