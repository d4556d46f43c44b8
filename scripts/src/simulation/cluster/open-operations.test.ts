import type { CallLimits } from "@stele/frontend/operations.ts";
import { SeededRandom } from "@stele/shared/random.ts";
import { nextMacrotask } from "@stele/shared/testing/macrotask.adapter.ts";
import { SimulatedClock } from "@stele/shared/testing/simulated-clock.ts";
import { expect, test } from "vitest";
import { OpenOperations } from "./open-operations.ts";

class Rows {
  readonly #value = "value";
  readonly hanging = Promise.withResolvers<string>();

  read(key: string, _: CallLimits): Promise<string> {
    return Promise.resolve(`${this.#value} of ${key}`);
  }

  write(_: CallLimits): Promise<string> {
    return this.hanging.promise;
  }
}

test("an operation is open until it settles, whichever way, and overdue past its deadline", async () => {
  const line = new SimulatedClock(new SeededRandom(1), nextMacrotask);
  const open = new OpenOperations(line);
  const rows = new Rows();
  const watched = open.watch("rows", rows);
  const limits = { deadlineMs: 100, signal: new AbortController().signal };
  const writing = watched.write(limits);
  expect(await watched.read("a", limits)).toBe("value of a");
  expect([open.count, open.first?.name]).toEqual([1, "rows.write"]);
  await line.runFor(150);
  expect(open.overdue(50)).toBe(null);
  await line.runFor(1);
  expect(open.overdue(50)?.name).toBe("rows.write");
  rows.hanging.reject(new Error("late"));
  await expect(writing).rejects.toThrow("late");
  expect([open.count, open.first, open.overdue(50)]).toEqual([0, null, null]);
});
