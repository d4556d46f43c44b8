import { expect, test } from "vitest";
import type { EntryLocation } from "../commit-log/commit-log.ts";
import type { LogIndex, Term } from "../ids.ts";
import type { Entry } from "../raft/messages.ts";
import { PayloadCache } from "./payload-cache.ts";
import { ReplicaLog } from "./replica-log.ts";

const place = (index: number): EntryLocation => ({ segment: 1, offset: index * 100, length: 10 });

function entry(index: number): Entry {
  const payload = Buffer.alloc(10, index);
  return { index: index as LogIndex, term: 1 as Term, kind: "command", payload };
}

function persist(log: ReplicaLog, index: number): void {
  log.append([entry(index)]);
  log.located([entry(index)], [place(index)]);
}

test("the oldest payloads of all replicas leave first, whatever replica they belong to", () => {
  const cache = new PayloadCache(30);
  const [a, b] = [new ReplicaLog(0 as LogIndex, cache), new ReplicaLog(0 as LogIndex, cache)];
  for (const log of [a, b, a, b]) persist(log, log.lastIndex + 1);
  expect([a.payloadOf(1), b.payloadOf(1) === null, a.payloadOf(2) === null]).toEqual([
    null,
    false,
    false,
  ]);
  expect(cache.bytes).toBe(30);
});

test("a payload that is not durable yet is never dropped", () => {
  const cache = new PayloadCache(0);
  const log = new ReplicaLog(0 as LogIndex, cache);
  log.append([entry(1)]);
  expect(log.payloadOf(1)).not.toBeNull();
  log.located([entry(1)], [place(1)]);
  expect(log.payloadOf(1)).toBeNull();
  expect(log.locationOf(1)).toEqual(place(1));
});

test("compacted and overwritten entries give their bytes back, and the queue does not remember them", () => {
  const cache = new PayloadCache(1_000_000);
  const log = new ReplicaLog(0 as LogIndex, cache);
  for (let index = 1; index <= 50_000; index++) {
    persist(log, index);
    if (index % 10 === 0) log.compact(index as LogIndex);
  }
  expect(cache.bytes).toBe(0);
  expect(cache.queued).toBeLessThan(2_000);
  persist(log, 50_001);
  log.append([{ ...entry(50_001), term: 2 as Term }]);
  expect(cache.bytes).toBe(0);
});
