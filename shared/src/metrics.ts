/**
 * The metrics of one process: a thin layer over prom-client that hands out label children, so that a
 * hot path looks a series up once and then only adds to it.
 *
 * M1. A metric is declared once, with its label names; series never carry a tablet or a row key.
 * M2. Names are in base units (`_seconds`, `_bytes`), counters end in `_total`.
 */
import { Counter, Gauge, Histogram, Registry } from "prom-client";

export type Labels = Readonly<Record<string, string>>;

export interface CounterSeries {
  /** `amount` >= 0, 1 unless given. */
  inc(amount?: number): void;
}

export interface GaugeSeries {
  set(value: number): void;
}

export interface HistogramSeries {
  observe(value: number): void;
}

/** One named metric; `with` gives the series of one set of label values, to be kept and reused. */
export interface Metric<Series> {
  with(labels: Labels): Series;
}

export interface MetricDescription {
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
}

/** Latencies of a database call, in seconds: 0.1 ms to 10 s. */
export const LATENCY_BUCKETS: readonly number[] = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];

export class Metrics {
  readonly contentType: string = Registry.PROMETHEUS_CONTENT_TYPE;
  readonly #registry = new Registry();

  counter(description: MetricDescription): Metric<CounterSeries> {
    const counter = new Counter(this.#configuration(description));
    return { with: (labels) => counter.labels(labels) };
  }

  gauge(description: MetricDescription): Metric<GaugeSeries> {
    const gauge = new Gauge(this.#configuration(description));
    return { with: (labels) => gauge.labels(labels) };
  }

  /** `buckets`: upper bounds, ascending. */
  histogram(
    description: MetricDescription & { readonly buckets: readonly number[] },
  ): Metric<HistogramSeries> {
    const histogram = new Histogram({
      ...this.#configuration(description),
      buckets: [...description.buckets],
    });
    return { with: (labels) => histogram.labels(labels) };
  }

  /** Everything in the text format of Prometheus. */
  render(): Promise<string> {
    return this.#registry.metrics();
  }

  #configuration({ name, help, labels }: MetricDescription) {
    return { name, help, labelNames: [...labels], registers: [this.#registry] };
  }
}
