import { describe, expect, test } from "vitest";
import { Marks } from "@stele/shared/testing/marks.ts";
import { MemoryStore } from "./testing/memory-store.ts";
import type { PlantedFault } from "./testing/memory-store.ts";
import { runWorkloads } from "./testing/workload-run.ts";
import type { WorkloadPlan } from "./workload-plan.ts";
import { WORKLOAD_MARKS } from "./workload.ts";
import type { WorkloadProblem } from "./workload.ts";

const EVERYTHING: WorkloadPlan = {
  tables: 2,
  tablets: 4,
  rows: 3,
  names: 2,
  weights: {
    registers: 3,
    counters: 2,
    appends: 2,
    batches: 3,
    locks: 2,
    scans: 3,
    linkedNodes: 2,
    namedTables: 3,
  },
};

function run(seed: number, fault: PlantedFault | null, plan?: WorkloadPlan) {
  return runWorkloads({
    seed,
    operations: 600,
    ...(plan !== undefined && { plan }),
    store: (clock, random) => new MemoryStore({ clock, random, unknownOneIn: 20, fault }),
  });
}

function only(...names: (keyof WorkloadPlan["weights"])[]): WorkloadPlan {
  const weights = Object.entries(EVERYTHING.weights).map(([name, weight]) => {
    return [name, names.includes(name as (typeof names)[number]) ? weight : 0];
  });
  return { ...EVERYTHING, weights: Object.fromEntries(weights) as WorkloadPlan["weights"] };
}

test("an honest table is found honest, whatever was lost, late or refused, and everything happened", async () => {
  const marks = new Marks();
  for (let seed = 1; seed <= 30; seed++) {
    const honest = await run(seed, null, seed % 3 === 0 ? EVERYTHING : undefined);
    expect(honest.workloads.problems(), `seed ${seed}`).toEqual([]);
    marks.addAll(honest.marks.counts);
  }
  expect(WORKLOAD_MARKS.filter((name) => marks.of(name) === 0)).toEqual([]);
});

test("the same seed does the same", async () => {
  const [first, second] = [await run(7, null), await run(7, null)];
  expect(second.workloads.histories).toEqual(first.workloads.histories);
});

const SEEDS = [1, 2, 3, 4, 5];

describe("a planted fault is found by its checker:", () => {
  const cases: [PlantedFault, WorkloadPlan, WorkloadProblem["checker"][]][] = [
    ["lost write", only("registers"), ["linearizability"]],
    ["lost write", only("linkedNodes"), ["linked list", "scan coverage"]],
    ["lost write", only("appends"), ["linearizability"]],
    ["lost write", only("locks"), ["linearizability"]],
    ["stale read", only("registers"), ["linearizability"]],
    ["stale read", only("batches"), ["linearizability"]],
    ["stale read of several", only("batches"), ["linearizability"]],
    ["rows swapped in an answer", only("batches"), ["linearizability"]],
    ["doubled increment", only("counters"), ["exactly once", "linearizability"]],
    ["row missing from a scan", only("scans"), ["scan coverage"]],
    ["rows revived after a drop", only("namedTables"), ["table contents"]],
    ["dropped table served", only("namedTables"), ["table contents"]],
    ["batch order swapped", only("batches"), ["linearizability"]],
    ["key executed twice", only("counters"), ["exactly once", "linearizability"]],
    ["key executed twice", only("appends"), ["linearizability"]],
    ["key executed twice", only("locks"), ["linearizability"]],
    ["keyed delete executed twice", only("locks"), ["linearizability"]],
    ["server failed", only("registers"), ["process failed"]],
  ];
  for (const [fault, plan, checkers] of cases) {
    const workload = Object.entries(plan.weights).find(([, weight]) => weight > 0)?.[0];
    test(`${fault}, in ${workload}`, async () => {
      for (const seed of SEEDS) {
        const problems = (await run(seed, fault, plan)).workloads.problems();
        const found = new Set(problems.map(({ checker }) => checker));
        expect([...found], `seed ${seed}`).toEqual(expect.arrayContaining(checkers));
      }
    });
  }
});
