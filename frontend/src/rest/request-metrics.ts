/** Counts requests and their durations, per call: `stele_requests_total`, `stele_request_duration_seconds`. */
import type { FastifyReply, FastifyRequest } from "fastify";
import { LATENCY_BUCKETS } from "@stele/shared/metrics.ts";
import type { CounterSeries, Metric, Metrics, HistogramSeries } from "@stele/shared/metrics.ts";

export class RequestMetrics {
  readonly #requests: Metric<CounterSeries>;
  readonly #durations: Metric<HistogramSeries>;

  constructor(metrics: Metrics) {
    this.#requests = metrics.counter({
      name: "stele_requests_total",
      help: "REST requests by call and HTTP status",
      labels: ["op", "code"],
    });
    this.#durations = metrics.histogram({
      name: "stele_request_duration_seconds",
      help: "REST requests from their headers to the end of the reply, by call",
      labels: ["op"],
      buckets: LATENCY_BUCKETS,
    });
  }

  /** The hook of one call, to run when its replies are finished. */
  observer(op: string): (request: FastifyRequest, reply: FastifyReply, done: () => void) => void {
    const duration = this.#durations.with({ op });
    const byStatus = new Map<number, CounterSeries>();
    return (_request, reply, done) => {
      const status = reply.raw.statusCode;
      let count = byStatus.get(status);
      if (count === undefined) {
        count = this.#requests.with({ op, code: String(status) });
        byStatus.set(status, count);
      }
      count.inc();
      duration.observe(reply.elapsedTime / 1000);
      done();
    };
  }

  /** Requests that never reached a call: the HTTP parser refused them. */
  countMalformed(status: number): void {
    this.#requests.with({ op: "malformed", code: String(status) }).inc();
  }
}
