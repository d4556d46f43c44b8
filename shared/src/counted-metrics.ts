/** Plain counters of a part (numbers that only grow), shown as metrics when somebody looks. */
import type { Metrics } from "./metrics.ts";

export interface CountedMetric<Counters> {
  /** Ends in `_total`. */
  readonly name: string;
  readonly help: string;
  readonly counter: keyof Counters;
}

/** The returned function brings the metrics up to date; call it before each rendering. */
export function countedMetrics<Counters extends object>(
  metrics: Metrics,
  shown: readonly CountedMetric<Counters>[],
  counters: Counters,
): () => void {
  const series = shown.map(({ counter, help, name }) => ({
    counter,
    series: metrics.counter({ name, help, labels: [] }).with({}),
    told: 0,
  }));
  return () => {
    for (const each of series) {
      const now = counters[each.counter] as number;
      each.series.inc(now - each.told);
      each.told = now;
    }
  };
}
