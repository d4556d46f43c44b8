import { expect, test } from "vitest";
import { countedMetrics } from "../counted-metrics.ts";
import { Metrics } from "../metrics.ts";
import { newHostCounters } from "./host-counters.ts";
import { HOST_METRICS } from "./host-metrics.ts";

test("every counter of the replica host is shown, under one name each, as it stands", async () => {
  const counters = newHostCounters();
  const metrics = new Metrics();
  const count = countedMetrics(metrics, HOST_METRICS, counters);
  expect(HOST_METRICS.map(({ counter }) => counter).sort()).toEqual(Object.keys(counters).sort());
  counters.checkpoints = 3;
  count();
  counters.checkpoints = 5;
  count();
  expect(await metrics.render()).toContain("\nstele_checkpoints_total 5\n");
});
