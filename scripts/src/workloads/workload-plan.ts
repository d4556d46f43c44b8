/** How much of what clients do: drawn once a run. */
import type { Random } from "@stele/shared/random.ts";

export const WORKLOAD_NAMES = [
  "registers",
  "counters",
  "appends",
  "batches",
  "locks",
  "scans",
  "linkedNodes",
  "namedTables",
] as const;

export type WorkloadName = (typeof WORKLOAD_NAMES)[number];

export interface WorkloadPlan {
  /** Tables that the workloads on rows are dealt to. */
  readonly tables: number;
  /** First tablets of each of them. */
  readonly tablets: number;
  /** Hot rows of each workload. */
  readonly rows: number;
  /** Names under which tables come and go. */
  readonly names: number;
  /** Shares of the operations; not all 0. */
  readonly weights: Readonly<Record<WorkloadName, number>>;
}

export function drawWorkloadPlan(random: Random): WorkloadPlan {
  const weight = (): number => 1 + random.below(4);
  return {
    tables: 1 + random.below(2),
    tablets: 1 + random.below(4),
    rows: 1 + random.below(4),
    names: 1 + random.below(2),
    weights: {
      registers: weight(),
      counters: weight(),
      appends: weight(),
      batches: weight(),
      locks: weight(),
      scans: weight(),
      linkedNodes: weight(),
      // Each creation is the work of many rows.
      namedTables: random.below(3),
    },
  };
}

export function drawWorkload(random: Random, { weights }: WorkloadPlan): WorkloadName {
  const total = WORKLOAD_NAMES.reduce((sum, name) => sum + weights[name], 0);
  let at = random.below(total);
  for (const name of WORKLOAD_NAMES) {
    at -= weights[name];
    if (at < 0) return name;
  }
  return "registers";
}
