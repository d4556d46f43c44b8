/** A run of the workloads on a store, on a simulated clock. */
import { SeededRandom } from "@stele/shared/random.ts";
import type { Random } from "@stele/shared/random.ts";
import { nextMacrotask } from "@stele/shared/testing/macrotask.adapter.ts";
import { Marks } from "@stele/shared/testing/marks.ts";
import { SimulatedClock } from "@stele/shared/testing/simulated-clock.ts";
import type { StoreClient } from "../store-client.ts";
import type { WorkloadPlan } from "../workload-plan.ts";
import type { Caller } from "../workload.ts";
import { Workloads } from "../workloads.ts";

export interface WorkloadRunRequest {
  readonly seed: number;
  readonly operations: number;
  readonly plan?: WorkloadPlan;
  readonly store: (clock: SimulatedClock, random: Random) => StoreClient;
}

const CALLERS = 5;
const PATIENCE_MS = 100;

/** Everything is done, and nothing judged. */
export async function runWorkloads({ seed, operations, plan, store }: WorkloadRunRequest) {
  const clock = new SimulatedClock(new SeededRandom(seed), nextMacrotask);
  const marks = new Marks();
  const client = store(clock, new SeededRandom(seed + 1));
  const workloads = new Workloads({
    clock,
    random: new SeededRandom(seed + 2),
    patienceMs: PATIENCE_MS,
    mark: (name) => marks.add(name),
    ...(plan !== undefined && { plan }),
  });
  const callers = Array.from({ length: CALLERS }, (_, at): Caller => {
    return { client, name: `c${at}` };
  });
  let left = operations;
  const work = async (caller: Caller): Promise<void> => {
    while (left-- > 0) await workloads.step(caller);
  };
  const all = async (): Promise<void> => {
    await workloads.setUp(callers);
    await Promise.all(callers.map(work));
    await workloads.finish({ callers, deadlineMs: clock.monotonicMs() + 10_000 });
  };
  await clock.until(all());
  return { workloads, marks };
}
