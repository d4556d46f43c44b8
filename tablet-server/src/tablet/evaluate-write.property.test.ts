import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { TableId, Version } from "@stele/shared/ids.ts";
import { NO_CONDITIONS } from "@stele/shared/row-operations.ts";
import type { Column, Mutation, RowWrite } from "@stele/shared/row-operations.ts";
import type { TableSchema } from "@stele/shared/tablet-descriptor.ts";
import { encodeRowRecord } from "../storage/row-record.ts";
import type { StoredRow } from "../storage/stored-row.ts";
import { decodeEntry, encodeEntry } from "./entry-payload.ts";
import { applyEffect } from "./testing/apply-effect.ts";
import { evaluateWrite } from "./evaluate-write.ts";
import { logAge } from "./log-age.ts";
import { NaiveRow, inRowOrder, naiveCells, naiveComputed } from "../testing/naive-row.ts";

/** Numbers against the order of the names, so that mixing the two orders up is seen. */
const SCHEMA: TableSchema = {
  tableId: 1 as TableId,
  schemaVersion: 1,
  families: [
    { name: "all", number: 9, rule: { maxVersions: null } },
    { name: "one", number: 4, rule: { maxVersions: 1 } },
    { name: "three", number: 1, rule: { maxVersions: 3 } },
  ],
};
const KEY = Buffer.from("row\x00\xff", "latin1");

const column: fc.Arbitrary<Column> = fc.record({
  family: fc.constantFrom("all", "one", "three"),
  qualifier: fc
    .constantFrom("", "a", "a\x00", "b", "\xff")
    .map((text) => Buffer.from(text, "latin1")),
});
/** Few, close to the versions that the writes get, and the last of all. */
const timestamp = fc.option(
  fc.constantFrom(0, 5, 100, 101, 102, 105, 110, Number.MAX_SAFE_INTEGER),
) as fc.Arbitrary<Version | null>;
const value = fc
  .constantFrom("", "x", "0000000000000001", "7fffffffffffffff")
  .map((hex) => Buffer.from(hex, "hex"));
const large = fc.constantFrom(3000, 5000).map((size) => Buffer.alloc(size, "v"));

const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .record({ column, value: fc.oneof({ weight: 4, arbitrary: value }, large), timestamp })
      .map((set) => ({ kind: "set" as const, ...set, int64: set.value.length === 8 })),
  },
  fc.record({
    kind: fc.constant("delete-column" as const),
    column,
    from: timestamp,
    to: timestamp,
  }),
  fc.record({ kind: fc.constant("delete-family" as const), family: fc.constantFrom("all", "one") }),
  fc.constant({ kind: "delete-row" as const }),
  fc.record({
    kind: fc.constant("increment" as const),
    column,
    amount: fc.constantFrom(1n, -1n, 2n ** 62n),
    timestamp,
  }),
  fc.record({ kind: fc.constant("append" as const), column, value, timestamp }),
);
const writes = fc.array(fc.array(mutation, { maxLength: 6 }), { minLength: 1, maxLength: 5 });

function writeOf(mutations: readonly Mutation[]): RowWrite {
  return {
    key: KEY,
    conditions: NO_CONDITIONS,
    predicate: null,
    mutations,
    otherwise: [],
    idempotency: null,
  };
}

/** Runs the naive row; the code of the refusal, or null. */
function naively(naive: NaiveRow, mutations: readonly Mutation[], version: Version): string | null {
  try {
    for (const one of mutations) naive.run(one, version);
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

/** Applies the effect as a replica does: decoded from the log entry, to the stored record. */
function applied(
  record: Buffer | undefined,
  effect: Parameters<typeof applyEffect>[1],
): Buffer | null {
  const entry = decodeEntry(
    encodeEntry({
      kind: "write",
      generation: 1,
      maxVersion: 1 as Version,
      age: logAge(1),
      rowsAdded: 0,
      rowsRemoved: 0,
      effects: [effect],
      idempotency: [],
      retries: Buffer.of(),
    }),
  );
  if (entry.kind !== "write") throw new Error("another kind of entry came back");
  return applyEffect(record, entry.effects[0]!);
}

describe("evaluating a write", () => {
  test("agrees with the naive model, and its effect makes the same record on a replica", () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(writes, (lists) => {
        let row: StoredRow | null = null;
        let record: Buffer | undefined;
        let version = 100 as Version;
        for (const mutations of lists) {
          const naive = new NaiveRow(SCHEMA, row);
          const existed = naive.cells.length > 0;
          const refusal = naively(naive, mutations, version);
          const evaluation = evaluateWrite(row, writeOf(mutations), version, SCHEMA);
          if (evaluation.kind === "refused") {
            expect(evaluation.error.code).toBe(refusal);
            continue;
          }
          expect(refusal).toBeNull();
          expect(naiveComputed(evaluation.result.computed)).toEqual(naiveComputed(naive.computed));
          expect(evaluation.result.createdRow).toBe(!existed && naive.cells.length > 0);
          if (evaluation.kind === "unchanged") {
            expect(naive.changed && (existed || naive.cells.length > 0)).toBe(false);
            expect(evaluation.result.version).toBe(row?.version ?? null);
            continue;
          }
          seen.add(evaluation.effect.kind);
          expect(naiveCells(SCHEMA, evaluation.next)).toEqual(inRowOrder(naive.cells));
          expect(evaluation.result.version).toBe(evaluation.next === null ? null : version);
          const next = evaluation.next && encodeRowRecord(KEY, evaluation.next);
          expect(applied(record, evaluation.effect)).toEqual(next);
          row = evaluation.next;
          record = next ?? undefined;
          version = (version + 2) as Version;
        }
      }),
      { numRuns: 500 },
    );
    expect([...seen].sort()).toEqual(["change-row", "delete-row", "put-row"]);
  });
});
