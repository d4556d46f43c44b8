import { expect, test } from "vitest";
import { Metrics } from "./metrics.ts";

test("series are rendered under their labels, and one registry knows nothing of another", async () => {
  const metrics = new Metrics();
  const requests = metrics.counter({
    name: "requests_total",
    help: "Requests",
    labels: ["op", "code"],
  });
  const gets = requests.with({ op: "get", code: "200" });
  gets.inc();
  gets.inc(2);
  requests.with({ op: "put", code: "201" }).inc();
  metrics.gauge({ name: "queue_bytes", help: "Bytes", labels: [] }).with({}).set(7);
  const seconds = {
    name: "duration_seconds",
    help: "Durations",
    labels: ["op"],
    buckets: [0.1, 1],
  };
  metrics.histogram(seconds).with({ op: "get" }).observe(0.5);
  const text = await metrics.render();
  expect(text).toContain('requests_total{op="get",code="200"} 3');
  expect(text).toContain('requests_total{op="put",code="201"} 1');
  expect(text).toContain("queue_bytes 7");
  expect(text).toContain('duration_seconds_bucket{le="0.1",op="get"} 0');
  expect(text).toContain('duration_seconds_bucket{le="1",op="get"} 1');
  expect((await new Metrics().render()).trim()).toBe("");
});

test("a metric is declared once", () => {
  const metrics = new Metrics();
  const description = { name: "requests_total", help: "Requests", labels: [] };
  metrics.counter(description);
  expect(() => metrics.counter(description)).toThrow("requests_total");
});
