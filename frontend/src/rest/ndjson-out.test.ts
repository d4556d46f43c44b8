import type { ServerResponse } from "node:http";
import { expect, test } from "vitest";
import { nextMacrotask } from "@stele/shared/testing/macrotask.adapter.ts";
import { SeededRandom } from "@stele/shared/random.ts";
import { delay } from "@stele/shared/clock.ts";
import { SimulatedClock } from "@stele/shared/testing/simulated-clock.ts";
import { nextChunk, rowLines } from "./ndjson-out.ts";
import type { RowStream } from "./ndjson-out.ts";
import { fingerprintOf } from "./page-token.ts";
import { NEWEST_OF_ALL } from "./read-options.ts";
import { RequestLimits } from "./request-limits.ts";
import { ScanCursor } from "./scan-cursor.ts";
import { MemoryOperations } from "./testing/memory-operations.ts";

const clock = new SimulatedClock(new SeededRandom(1), nextMacrotask);

async function streamOf(operations: MemoryOperations, limit: number | null): Promise<RowStream> {
  const { rows, tables } = operations;
  const limits = new RequestLimits({} as ServerResponse, Infinity);
  await tables.create(
    {
      name: "t",
      families: { d: { maxVersions: 1 } },
      splitKeys: [Buffer.from("b"), Buffer.from("c")],
      replicas: null,
      deletionProtection: false,
      idempotencyKey: null,
    },
    limits,
  );
  const plan = {
    table: "t",
    ranges: [{ start: null, end: null }],
    reverse: false,
    projection: NEWEST_OF_ALL.projection,
    countOnly: false,
  };
  return {
    clock,
    cursor: new ScanCursor(rows, plan, null),
    view: "columns",
    limit,
    fingerprint: fingerprintOf([]),
    requestId: "r1",
    limits,
    timeoutMs: 60_000,
  };
}

test("after 5 s without a row a stream says where it is, and again", async () => {
  const operations = new MemoryOperations(() => clock.wallMicros());
  const stream = await streamOf(operations, null);
  const first = await nextChunk(stream, 0);
  operations.before = () => delay(clock, 12_000);
  const lines: string[] = [];
  const times: number[] = [];
  const done = (async () => {
    for await (const line of rowLines(stream, first)) {
      if (line === "") continue;
      lines.push(Object.keys(JSON.parse(line) as object)[0] ?? "");
      times.push(clock.monotonicMs());
    }
  })();
  expect(await clock.runUntil(() => lines.includes("end"), 60_000)).toBe(true);
  await done;
  expect(lines).toEqual(["progress", "progress", "progress", "progress", "end"]);
  expect(times).toEqual([5000, 10_000, 15_000, 20_000, 24_000]);
});

test("a stream that is closed early leaves nothing running", async () => {
  const operations = new MemoryOperations(() => clock.wallMicros());
  const stream = await streamOf(operations, null);
  let calls = 0;
  operations.before = () => {
    calls++;
    return Promise.resolve();
  };
  const lines = rowLines(stream, await nextChunk(stream, 0));
  await lines.next();
  await lines.return(undefined);
  await nextMacrotask();
  expect(calls).toBeLessThanOrEqual(2);
});
