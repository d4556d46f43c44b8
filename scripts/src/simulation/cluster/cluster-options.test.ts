import { ROUTING_LIMITS } from "@stele/frontend/routing/routing-limits.ts";
import { SeededRandom } from "@stele/shared/random.ts";
import { TABLET_LIMITS } from "@stele/tablet-server/tablet/tablet-limits.ts";
import { expect, test } from "vitest";
import { drawClusterOptions } from "./cluster-options.ts";

test("results for retries outlive the time in which front-ends retry, in production and in every run", () => {
  const { retryTtlMs } = TABLET_LIMITS;
  expect(retryTtlMs).toBeGreaterThanOrEqual(5 * ROUTING_LIMITS.writeMs);
  for (let seed = 0; seed < 50; seed++) {
    const drawn = drawClusterOptions(new SeededRandom(seed));
    expect(drawn.retryTtlMs).toBeGreaterThanOrEqual(5 * drawn.writeMs);
  }
});

test("a table of tablets holds what one look-up brings", () => {
  for (let seed = 0; seed < 50; seed++) {
    const { mapNeighbours, mapTablets } = drawClusterOptions(new SeededRandom(seed));
    expect(mapTablets).toBeGreaterThan(2 * mapNeighbours);
  }
});
