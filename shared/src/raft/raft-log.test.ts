// The log against a naive one that keeps a plain array of entries and copies what is durable.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { logIndex, term } from "../ids.ts";
import type { Term } from "../ids.ts";
import type { Entry } from "./messages.ts";
import { RaftLog } from "./raft-log.ts";
import { entry } from "./testing/core-host.ts";

const ORIGIN = { index: logIndex(0), term: term(0) };

class NaiveLog {
  entries: Entry[] = [];
  truncated = 0;
  truncatedTerm: Term = term(0);
  commit = 0;
  emitted = 0;
  applied = 0;
  /** What the disk holds, as the entries themselves. */
  durable = new Set<Entry>();
  writing: Entry[] | null = null;

  get last(): number {
    return this.truncated + this.entries.length;
  }

  at(index: number): Entry | undefined {
    return this.entries[index - this.truncated - 1];
  }

  termAt(index: number): number | undefined {
    return index === this.truncated ? this.truncatedTerm : this.at(index)?.term;
  }

  get stable(): number {
    const missing = this.entries.findIndex((each) => !this.durable.has(each));
    return missing === -1 ? this.last : this.truncated + missing;
  }
}

/** Does the same to both. */
type Action = (real: RaftLog, naive: NaiveLog) => void;

const appendSome = fc
  .tuple(fc.integer({ min: 1, max: 4 }), fc.nat(2), fc.nat(9))
  .map(([count, step, size]): Action => (real, naive) => {
    const entryTerm = (naive.termAt(naive.last) ?? 0) + step;
    const entries = Array.from({ length: count }, (_, at) =>
      entry(naive.last + 1 + at, entryTerm, "x".repeat(size)),
    );
    real.append(entries);
    naive.entries.push(...entries);
  });

/** Drops a tail that is not committed and appends another. */
const replaceTail = fc.nat(5).map((back): Action => (real, naive) => {
  const from = Math.max(naive.commit + 1, naive.last - back);
  if (from > naive.last) return;
  const entryTerm = (naive.termAt(naive.last) ?? 0) + 1;
  real.truncateFrom(from);
  naive.entries.length = from - naive.truncated - 1;
  const replacement = entry(from, entryTerm, "y");
  real.append([replacement]);
  naive.entries.push(replacement);
});

const commitSome = fc.nat(3).map((index): Action => (real, naive) => {
  const to = Math.min(naive.last, naive.commit + index);
  expect(real.commitTo(to)).toBe(to > naive.commit);
  naive.commit = to;
});

const beginWrite: Action = (real, naive) => {
  if (naive.writing !== null) return;
  naive.writing = naive.entries.filter((each) => !naive.durable.has(each));
  expect(real.beginWrite()).toEqual(naive.writing);
};

const settleWrite: Action = (real, naive) => {
  if (naive.writing === null) return;
  real.settleWrite();
  for (const each of naive.writing) naive.durable.add(each);
  naive.writing = null;
};

const emit: Action = (real, naive) => {
  const to = Math.min(naive.commit, naive.stable);
  const taken = real.takeCommitted();
  expect(taken).toEqual(to > naive.emitted ? { first: naive.emitted + 1, last: to } : null);
  naive.emitted = Math.max(naive.emitted, to);
};

const apply: Action = (real, naive) => {
  real.appliedTo(logIndex(naive.emitted));
  naive.applied = naive.emitted;
};

const compact = fc.nat(20).map((back): Action => (real, naive) => {
  const to = naive.applied - back;
  real.compactTo(to);
  if (to <= naive.truncated) return;
  naive.truncatedTerm = naive.at(to)?.term ?? naive.truncatedTerm;
  naive.entries.splice(0, to - naive.truncated);
  naive.truncated = to;
});

const reset = fc.integer({ min: 1, max: 30 }).map((ahead): Action => (real, naive) => {
  const index = naive.commit + ahead;
  const position = { index: logIndex(index), term: term((naive.termAt(naive.last) ?? 0) + 1) };
  real.resetTo(position);
  Object.assign(naive, { entries: [], truncated: index, truncatedTerm: position.term });
  Object.assign(naive, { commit: index, emitted: index, applied: index });
});

const actions = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: appendSome },
    { weight: 3, arbitrary: replaceTail },
    { weight: 3, arbitrary: commitSome },
    { weight: 8, arbitrary: fc.constantFrom(beginWrite, settleWrite, emit, apply) },
    { weight: 2, arbitrary: compact },
    { weight: 1, arbitrary: reset },
  ),
  { maxLength: 60, size: "max" },
);

function compare(real: RaftLog, naive: NaiveLog): void {
  real.checkInvariants();
  const { commit, emitted, applied, truncated, last: lastIndex, stable } = naive;
  expect(real).toMatchObject({ commit, emitted, applied, lastIndex, stable });
  expect(real.truncated).toEqual({ index: truncated, term: naive.truncatedTerm });
  for (let index = 0; index <= lastIndex + 1; index++) {
    expect(real.termAt(index)).toBe(naive.termAt(index));
    const known = naive.at(index);
    const { payload, ...rest } = known ?? { payload: null };
    const expected = payload === null ? undefined : { ...rest, size: payload.length };
    expect(real.infoAt(index)).toEqual(expected);
  }
}

describe("a log", () => {
  test("does what a plain array of entries does", () => {
    fc.assert(
      fc.property(actions, (steps) => {
        const real = new RaftLog(ORIGIN, [], 0, 0);
        const naive = new NaiveLog();
        for (const step of steps) {
          step(real, naive);
          compare(real, naive);
        }
      }),
    );
  });

  test("finds the last place where another log may agree, as a search from the end does", () => {
    const terms = fc.array(fc.nat(3), { minLength: 1, maxLength: 20 }).map((steps) => {
      let current = 1;
      return steps.map((step) => (current += step));
    });
    fc.assert(
      fc.property(terms, fc.nat(25), fc.nat(20), (of, index, other) => {
        const log = new RaftLog(ORIGIN, [], 0, 0);
        log.append(of.map((each, at) => entry(at + 1, each)));
        let expected = Math.min(index, of.length);
        while (expected > 0 && (of[expected - 1] ?? 0) > other) expected -= 1;
        expect(log.lastPossibleMatch(index, term(other))).toBe(expected);
      }),
    );
  });

  test("packs entries into so many bytes, counting payloads only", () => {
    const log = new RaftLog(ORIGIN, [], 0, 0);
    log.append([entry(1, 1), entry(2, 1, "aaaa"), entry(3, 1), entry(4, 1, "bb")]);
    expect([0, 3, 4, 5, 6, 99].map((bytes) => log.lastWithin(1, bytes))).toEqual([
      1, 1, 3, 3, 4, 4,
    ]);
    expect(log.lastWithin(2, 3)).toBe(1);
    expect(log.bytesBetween(1, 4)).toBe(6);
  });

  test("refuses to drop what is committed and to compact what is not applied", () => {
    const log = new RaftLog(ORIGIN, [], 0, 0);
    log.append([entry(1, 1), entry(2, 1)]);
    log.commitTo(1);
    expect(() => log.truncateFrom(1)).toThrow("G3");
    expect(() => log.compactTo(1)).toThrow("G1");
    expect(() => log.commitTo(3)).toThrow("G1");
    expect(() => log.append([entry(4, 1)])).toThrow("behind last");
    expect(() => log.append([entry(3, 0)])).toThrow("T1");
  });
});
