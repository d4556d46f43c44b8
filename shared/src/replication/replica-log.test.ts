import fc from "fast-check";
import { expect, test } from "vitest";
import type { EntryLocation } from "../commit-log/commit-log.ts";
import type { LogIndex, Term } from "../ids.ts";
import type { Entry } from "../raft/messages.ts";
import { PayloadCache } from "./payload-cache.ts";
import { ReplicaLog } from "./replica-log.ts";

interface Known {
  readonly index: number;
  readonly term: number;
  readonly bytes: number;
  readonly location: EntryLocation | null;
}

/** The log as a plain list. */
class NaiveLog {
  truncated = 0;
  entries: Known[] = [];

  get last(): number {
    return this.entries.at(-1)?.index ?? this.truncated;
  }

  replace(first: number, added: readonly Known[]): void {
    this.entries = [...this.entries.filter(({ index }) => index < first), ...added];
    this.entries = this.entries.filter(({ index }) => index > this.truncated);
  }
}

type Step =
  | { kind: "append" | "recovered"; back: number; count: number }
  | { kind: "compact" | "reset"; part: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constantFrom("append" as const, "recovered" as const),
    back: fc.nat(12),
    count: fc.integer({ min: 1, max: 8 }),
  }),
  fc.record({ kind: fc.constantFrom("compact" as const), part: fc.nat(100) }),
  fc.record({ kind: fc.constantFrom("reset" as const), part: fc.nat(100) }),
);

function entriesOf(first: number, count: number, term: number): Entry[] {
  return Array.from({ length: count }, (_, nth) => ({
    index: (first + nth) as LogIndex,
    term: term as Term,
    kind: "command" as const,
    payload: Buffer.alloc(1 + ((first + nth) % 7)),
  }));
}

test("the log equals a plain list under any sequence of appends, recoveries, cuts and resets", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.nat(60), (steps, cacheBytes) => {
      const cache = new PayloadCache(cacheBytes);
      const log = new ReplicaLog(0 as LogIndex, cache);
      const naive = new NaiveLog();
      steps.forEach((each, nth) => play(each, nth + 1, log, naive));
      check(log, naive);
      log.compact(log.lastIndex);
      expect([log.bytes, cache.bytes]).toEqual([0, 0]);
    }),
  );
});

function play(each: Step, term: number, log: ReplicaLog, naive: NaiveLog): void {
  switch (each.kind) {
    case "append":
    case "recovered": {
      const lowest = each.kind === "append" ? naive.truncated + 1 : 1;
      const first = Math.max(lowest, naive.last + 1 - each.back);
      const entries = entriesOf(first, each.count, term);
      const locations = entries.map(({ index, payload }) => {
        return { segment: term, offset: index, length: payload.length };
      });
      if (each.kind === "append") log.append(entries);
      else log.recovered(entries, locations);
      if (each.kind === "append") log.located(entries, locations);
      naive.replace(
        first,
        entries.map(({ index, payload }, at) => {
          return { index, term, bytes: payload.length, location: locations[at] ?? null };
        }),
      );
      break;
    }
    case "compact": {
      const to = naive.truncated + Math.floor((each.part / 100) * naive.entries.length);
      log.compact(to as LogIndex);
      naive.truncated = to;
      naive.replace(Number.POSITIVE_INFINITY, []);
      break;
    }
    case "reset": {
      const to = naive.last + each.part;
      log.reset(to as LogIndex);
      naive.truncated = to;
      naive.entries = [];
    }
  }
}

function check(log: ReplicaLog, naive: NaiveLog): void {
  expect([log.firstIndex, log.lastIndex]).toEqual([naive.truncated + 1, naive.last]);
  expect(log.bytes).toBe(naive.entries.reduce((sum, { bytes }) => sum + bytes, 0));
  for (const { index, term, bytes, location } of naive.entries) {
    expect([log.termOf(index), log.bytesOf(index)]).toEqual([term, bytes]);
    expect(log.locationOf(index)).toEqual(location);
  }
  expect(log.termOf(naive.truncated)).toBeUndefined();
  expect(log.termOf(naive.last + 1)).toBeUndefined();
}

test("recovered entries above a gap mean nothing", () => {
  const log = new ReplicaLog(10 as LogIndex, new PayloadCache(0));
  const late = entriesOf(15, 3, 2);
  log.recovered(
    late,
    late.map(() => ({ segment: 1, offset: 0, length: 1 })),
  );
  expect(log.lastIndex).toBe(10);
});

test("recovered entries at or below the cut still replace what lies behind them", () => {
  const log = new ReplicaLog(10 as LogIndex, new PayloadCache(0));
  const record = (first: number, count: number, term: number): void => {
    const entries = entriesOf(first, count, term);
    log.recovered(
      entries,
      entries.map(() => ({ segment: 1, offset: 0, length: 1 })),
    );
  };
  record(8, 6, 3);
  expect(log.lastIndex).toBe(13);
  record(9, 2, 4);
  expect(log.lastIndex).toBe(10);
  record(11, 1, 4);
  expect([log.lastIndex, log.termOf(11)]).toEqual([11, 4]);
});
