import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MalformedFrameError } from "@stele/shared/bytes/malformed-frame-error.ts";
import type { LogIndex, Version } from "@stele/shared/ids.ts";
import type { WriteOutcome, WriteResult } from "@stele/shared/row-operations.ts";
import { writeOutcome } from "@stele/shared/wire/testing/row-arbitraries.ts";
import { logAge } from "./log-age.ts";
import { RetryTable } from "./retry-table.ts";
import { decodeRetryRecord, encodeRetryRecord } from "./retry-record.ts";
import type { SequenceOutcomes, RetryRecord } from "./retry-record.ts";
import { TABLET_LIMITS } from "./tablet-limits.ts";

const { retryTtlMs: RETRY_TTL_MS } = TABLET_LIMITS;

const SEQUENCE = 2n ** 64n - 1n;
const at = (value: number) => value as LogIndex;

function resultOf(version: number): WriteResult {
  return {
    version: version as Version,
    createdRow: false,
    createdColumn: false,
    matched: true,
    computed: [],
    replayed: false,
  };
}

const done = (version: number): WriteOutcome => ({ kind: "done", result: resultOf(version) });

const REFUSED: WriteOutcome = {
  kind: "failed",
  error: { code: "ROW_EXISTS", detail: "it exists", applied: "no" },
};

function recordOf(age: number, doneBelow: number, ...seqs: number[]): RetryRecord {
  const outcomes = seqs.map((seq) => ({ seq, outcome: done(seq) }));
  return { age: logAge(age), sequences: [{ sequenceId: SEQUENCE, doneBelow, outcomes }] };
}

describe("retry table", () => {
  test("a write that is sent again gets its first result, another sequence's number does not", () => {
    const table = new RetryTable(RETRY_TTL_MS);
    expect(table.apply(at(1), recordOf(1, 5, 5, 7))).toEqual({ keep: true, forgotten: [] });
    expect(table.lookUp(SEQUENCE, 7)).toEqual({ kind: "decided", outcome: done(7) });
    expect(table.lookUp(SEQUENCE, 6)).toEqual({ kind: "new" });
    expect(table.lookUp(1n, 7)).toEqual({ kind: "new" });
    expect(table.lookUp(SEQUENCE, 4)).toEqual({ kind: "abandoned" });
  });

  test("an entry's record goes when the front-end is done with its last result, not before", () => {
    const table = new RetryTable(RETRY_TTL_MS);
    table.apply(at(1), recordOf(1, 0, 1, 4));
    table.apply(at(2), recordOf(2, 0, 2, 3));
    expect(table.apply(at(3), recordOf(3, 4))).toEqual({ keep: false, forgotten: [2] });
    expect(table.size).toBe(1);
    expect(table.apply(at(4), recordOf(4, 5, 9))).toEqual({ keep: true, forgotten: [1] });
    expect(table.lookUp(SEQUENCE, 4)).toEqual({ kind: "abandoned" });
  });

  test("a number that was done before arrives late and is not remembered", () => {
    const table = new RetryTable(RETRY_TTL_MS);
    table.apply(at(1), recordOf(1, 10));
    expect(table.apply(at(2), recordOf(2, 3, 4))).toEqual({ keep: false, forgotten: [] });
    expect(table.lookUp(SEQUENCE, 4)).toEqual({ kind: "abandoned" });
  });

  test("results of a front-end that fell silent expire by log age", () => {
    const table = new RetryTable(RETRY_TTL_MS);
    table.apply(at(1), recordOf(1000, 0, 1));
    const other = { age: logAge(999 + RETRY_TTL_MS), sequences: [] };
    expect(table.apply(at(2), other)).toEqual({ keep: false, forgotten: [] });
    const later = { age: logAge(1000 + RETRY_TTL_MS), sequences: [] };
    expect(table.apply(at(3), later)).toEqual({ keep: false, forgotten: [1] });
    expect(table.lookUp(SEQUENCE, 1)).toEqual({ kind: "new" });
    expect(
      RetryTable.restore(table.encodeSequences(), [], RETRY_TTL_MS).lookUp(SEQUENCE, 0),
    ).toEqual({
      kind: "new",
    });
    expect([table.size, table.bytes]).toEqual([0, 0]);
  });

  test("the table knows what it takes in memory, and that it takes nothing when its results are done", () => {
    const table = new RetryTable(RETRY_TTL_MS);
    const value = Buffer.alloc(9 * 1024 * 1024);
    const column = { family: "d", qualifier: Buffer.of() };
    const computed = [{ column, value, int64: false }];
    for (let seq = 0; seq < 4; seq++) {
      const outcome: WriteOutcome = { kind: "done", result: { ...resultOf(1), computed } };
      const sequences = [{ sequenceId: SEQUENCE, doneBelow: 0, outcomes: [{ seq, outcome }] }];
      table.apply(at(seq + 1), { age: logAge(1), sequences });
      const few = table.bytes - (seq + 1) * value.length;
      expect(few).toBeGreaterThan(0);
      expect(few).toBeLessThan(4_096);
    }
    expect(table.size).toBe(4);
    table.apply(at(9), recordOf(1, 4));
    expect([table.size, table.bytes]).toEqual([0, 0]);
  });

  test("a result outlives the log entry that it came in", () => {
    const column = { family: "d", qualifier: Buffer.from("q") };
    const computed = [{ column, value: Buffer.from("v"), int64: false }];
    const outcome: WriteOutcome = { kind: "done", result: { ...resultOf(1), computed } };
    const sequence = { sequenceId: SEQUENCE, doneBelow: 0, outcomes: [{ seq: 1, outcome }] };
    const bytes = encodeRetryRecord({ age: logAge(1), sequences: [sequence] });
    const table = new RetryTable(RETRY_TTL_MS);
    table.apply(at(1), decodeRetryRecord(bytes));
    bytes.fill(0xee);
    expect(table.lookUp(SEQUENCE, 1)).toMatchObject({ outcome: { result: { computed } } });
  });

  test("a replica that restarts at any entry stores and forgets the same records from there on", () => {
    const sequence: fc.Arbitrary<SequenceOutcomes> = fc
      .record({
        sequenceId: fc.constantFrom(1n, 2n, 3n),
        doneBelow: fc.nat(12),
        seqs: fc.array(fc.nat(15), { maxLength: 4 }),
      })
      .map(({ seqs, ...rest }) => ({
        ...rest,
        outcomes: seqs.map((seq) => ({ seq, outcome: seq % 3 === 0 ? REFUSED : done(seq) })),
      }));
    const step = fc.record({
      pass: fc.constantFrom(1, 1000, RETRY_TTL_MS / 2, RETRY_TTL_MS),
      sequences: fc.uniqueArray(sequence, {
        selector: ({ sequenceId }) => sequenceId,
        maxLength: 3,
      }),
      restart: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 15 }), (steps) => {
        const steady = new RetryTable(RETRY_TTL_MS);
        let restarting = new RetryTable(RETRY_TTL_MS);
        const stored = new Map<LogIndex, Buffer>();
        let age = 1;
        for (const [index, { pass, sequences, restart }] of steps.entries()) {
          age += pass;
          const record: RetryRecord = { age: logAge(age), sequences };
          const change = steady.apply(at(index), record);
          expect(restarting.apply(at(index), record)).toEqual(change);
          if (change.keep) stored.set(at(index), encodeRetryRecord(record));
          for (const forgotten of change.forgotten) stored.delete(forgotten);
          if (restart)
            restarting = RetryTable.restore(restarting.encodeSequences(), stored, RETRY_TTL_MS);
          expect(restarting.encodeSequences()).toEqual(steady.encodeSequences());
          expect([restarting.size, restarting.bytes]).toEqual([steady.size, steady.bytes]);
          for (const sequenceId of [1n, 2n, 3n]) {
            for (let seq = 0; seq < 16; seq++) {
              expect(restarting.lookUp(sequenceId, seq)).toEqual(steady.lookUp(sequenceId, seq));
            }
          }
        }
      }),
    );
  });
});

describe("retry record", () => {
  const record: fc.Arbitrary<RetryRecord> = fc.record({
    age: fc.maxSafeNat().map(logAge),
    sequences: fc.array(
      fc.record({
        sequenceId: fc.bigInt({ min: 0n, max: SEQUENCE }),
        doneBelow: fc.maxSafeNat(),
        outcomes: fc.array(fc.record({ seq: fc.maxSafeNat(), outcome: writeOutcome }), {
          maxLength: 3,
        }),
      }),
      { maxLength: 3 },
    ),
  });

  test("comes back as it was written", () => {
    fc.assert(
      fc.property(record, (one) => {
        expect(decodeRetryRecord(encodeRetryRecord(one))).toEqual(one);
      }),
    );
  });

  test("a flipped bit is found", () => {
    fc.assert(
      fc.property(record, fc.nat(), (one, where) => {
        const bytes = encodeRetryRecord(one);
        const bit = where % (bytes.length * 8);
        bytes[bit >> 3] = bytes[bit >> 3]! ^ (1 << (bit & 7));
        expect(() => decodeRetryRecord(bytes)).toThrow(MalformedFrameError);
      }),
    );
  });
});
