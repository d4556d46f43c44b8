import { describe, expect, test } from "vitest";
import { SeededRandom } from "../random.ts";
import { StoreFailedError } from "./checkpoint-store.ts";
import { PROOF_LIMIT_MS, provenFlush } from "./proven-flush.ts";
import type { FlushableEngine } from "./proven-flush.ts";
import { nextMacrotask } from "../testing/macrotask.adapter.ts";
import { SimulatedClock } from "../testing/simulated-clock.ts";

const newClock = (): SimulatedClock => new SimulatedClock(new SeededRandom(1), nextMacrotask);

/** An engine whose directory shows `listings` one after the other, the last one for ever. */
function engineShowing(listings: readonly (readonly number[])[]): FlushableEngine & {
  readonly calls: string[];
} {
  const calls: string[] = [];
  let shown = 0;
  return {
    calls,
    listLogs: async () => listings[Math.min(shown++, listings.length - 1)] ?? [],
    flush: async () => void calls.push("flush"),
    writeProbe: async () => void calls.push("probe"),
  };
}

describe("a flush is proven", () => {
  test("when the logs noted before are gone, a newer one exists and a batch succeeds", async () => {
    const clock = newClock();
    const engine = engineShowing([[3, 4], [5]]);
    expect(await clock.until(provenFlush(engine, clock))).toEqual({ flushes: 1 });
    expect(engine.calls).toEqual(["flush", "probe"]);
  });

  test("only after another flush while any log noted before is left", async () => {
    const clock = newClock();
    const engine = engineShowing([
      [3, 4],
      [3, 4],
      [4, 5],
      [3, 5],
      [5, 6],
    ]);
    expect(await clock.until(provenFlush(engine, clock))).toEqual({ flushes: 4 });
    expect(engine.calls).toEqual(["flush", "flush", "flush", "flush", "probe"]);
  });

  test("not by a directory without logs: the next log is noted first, then flushed", async () => {
    const clock = newClock();
    const engine = engineShowing([[], [4], [4], [5]]);
    expect(await clock.until(provenFlush(engine, clock))).toEqual({ flushes: 3 });
  });

  test("not while the store turned to no newer log", async () => {
    const clock = newClock();
    const engine = engineShowing([[4], [], [5]]);
    expect(await clock.until(provenFlush(engine, clock))).toEqual({ flushes: 2 });
  });
});

describe("a flush without proof", () => {
  test("fails the store after the limit", async () => {
    const clock = newClock();
    const engine = engineShowing([[4]]);
    await expect(clock.until(provenFlush(engine, clock))).rejects.toThrow(StoreFailedError);
    expect(clock.monotonicMs()).toBe(PROOF_LIMIT_MS);
    expect(engine.calls).not.toContain("probe");
    expect(engine.calls.length).toBeGreaterThan(100);
  });

  test("fails after the limit when it hangs", async () => {
    const clock = newClock();
    const engine = { ...engineShowing([[4]]), flush: () => new Promise<void>(() => undefined) };
    await expect(clock.until(provenFlush(engine, clock))).rejects.toThrow(StoreFailedError);
    expect(clock.monotonicMs()).toBe(PROOF_LIMIT_MS);
  });

  test("fails at once when the batch after it fails", async () => {
    const clock = newClock();
    const full = Promise.reject(new Error("ENOSPC"));
    const engine = { ...engineShowing([[4], [5]]), writeProbe: () => full };
    await expect(clock.until(provenFlush(engine, clock))).rejects.toThrow("ENOSPC");
    expect(clock.monotonicMs()).toBe(0);
  });
});
