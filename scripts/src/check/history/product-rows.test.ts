import { describe, expect, test } from "vitest";
import type { Version } from "@stele/shared/ids.ts";
import { NO_CONDITIONS } from "@stele/shared/row-operations.ts";
import type { Column, Mutation, RowWrite } from "@stele/shared/row-operations.ts";
import {
  failedWriteOf,
  readOutcomeOf,
  scannedOutcomeOf,
  writeOperationOf,
  writeOutcomeOf,
} from "./product-rows.ts";

const version = (value: number): Version => value as Version;
const column = (qualifier: string): Column => ({
  family: "d",
  qualifier: Buffer.from(qualifier, "latin1"),
});
const five = Buffer.from("0000000000000005", "hex");
const DELETE_ROW: Mutation = { kind: "delete-row" };

function write(changes: Partial<RowWrite> = {}): RowWrite {
  return {
    key: Buffer.from("ff6b", "hex"),
    conditions: NO_CONDITIONS,
    predicate: null,
    mutations: [DELETE_ROW],
    otherwise: [],
    idempotency: null,
    ...changes,
  };
}

describe("a write of the product", () => {
  test("is recorded with key bytes, column names and values as in the REST API", () => {
    const [value, timestamp] = [Buffer.from("x"), null];
    const mutations: Mutation[] = [
      DELETE_ROW,
      { kind: "set", column: column("\xff"), value, int64: false, timestamp },
      { kind: "set", column: column("n"), value: five, int64: true, timestamp },
      { kind: "increment", column: column("n"), amount: -2n, timestamp },
      { kind: "append", column: column("l"), value, timestamp },
      { kind: "delete-column", column: column("l"), from: null, to: null },
      { kind: "delete-family", family: "e" },
    ];
    expect(writeOperationOf(write({ mutations }))).toEqual({
      kind: "write",
      key: "\xffk",
      expected: { kind: "anything" },
      test: null,
      mutations: [
        { kind: "delete-row" },
        { kind: "set", column: "d:\\xFF", value: '"x"' },
        { kind: "set", column: "d:n", value: '{"int64":"5"}' },
        { kind: "increment", column: "d:n", amount: "-2" },
        { kind: "append", column: "d:l", value: '"x"' },
        { kind: "delete", column: "d:l" },
        { kind: "delete-family", family: "e" },
      ],
    });
  });

  test("keeps its condition", () => {
    const expectedOf = (conditions: Partial<RowWrite["conditions"]>) =>
      writeOperationOf(write({ conditions: { ...NO_CONDITIONS, ...conditions } })).expected;
    expect(expectedOf({ ifMatch: [version(7)] })).toEqual({ kind: "version", version: 7 });
    expect(expectedOf({ ifNoneMatch: "any" })).toEqual({ kind: "no-row" });
    expect(expectedOf({ absent: true })).toEqual({ kind: "no-row" });
    expect(
      writeOperationOf(
        write({ predicate: { kind: "column-exists", column: column("v"), exists: false } }),
      ).test,
    ).toEqual({ column: "d:v", equals: null });
  });

  test("that a history cannot express is an error", () => {
    const timed: Mutation = {
      kind: "set",
      column: column("v"),
      value: five,
      int64: true,
      timestamp: version(1),
    } as Mutation;
    const cases: Partial<RowWrite>[] = [
      { conditions: { ...NO_CONDITIONS, ifMatch: "any" } },
      { conditions: { ...NO_CONDITIONS, ifMatch: [version(1), version(2)] } },
      { conditions: { ...NO_CONDITIONS, ifMatch: [version(1)], absent: true } },
      { predicate: { kind: "row-exists", exists: true } },
      { otherwise: [DELETE_ROW] },
      { mutations: [timed] },
      { mutations: [{ kind: "delete-column", column: column("v"), from: version(1), to: null }] },
    ];
    for (const changes of cases) {
      expect(() => writeOperationOf(write(changes)), JSON.stringify(changes)).toThrow(/^a history/);
    }
  });

  test("may have taken effect unless its error says no", () => {
    const detail = "";
    expect(failedWriteOf({ code: "DEADLINE", detail, applied: "unknown" })).toBeNull();
    expect(failedWriteOf({ code: "NO_QUORUM", detail })).toBeNull();
    expect(failedWriteOf({ code: "THROTTLED", detail, applied: "no" })).toEqual({
      kind: "failed",
      code: "THROTTLED",
      version: null,
    });
    const error = { code: "VERSION_MISMATCH", detail, version: version(9) } as const;
    expect(writeOutcomeOf({ kind: "failed", error: { ...error, applied: "unknown" } })).toBeNull();
    expect(writeOutcomeOf({ kind: "failed", error: { ...error, applied: "no" } })).toEqual({
      kind: "failed",
      code: "VERSION_MISMATCH",
      version: 9,
    });
  });

  test("tells what it computed", () => {
    const result = {
      version: version(8),
      createdRow: false,
      createdColumn: false,
      matched: true,
      computed: [{ column: column("n"), value: five, int64: true }],
      replayed: false,
    };
    expect(writeOutcomeOf({ kind: "done", result })).toEqual({
      kind: "written",
      version: 8,
      matched: true,
      computed: new Map([["d:n", '{"int64":"5"}']]),
    });
  });
});

test("a row shows the newest cell of each column", () => {
  const cell = { ...column("v"), int64: false };
  const row = {
    key: Buffer.from("k"),
    version: version(9),
    cells: [
      { ...cell, timestamp: version(9), value: Buffer.from("new") },
      { ...cell, timestamp: version(3), value: Buffer.from("old") },
    ],
  };
  const columns = new Map([["d:v", '"new"']]);
  expect(readOutcomeOf(row)).toEqual({ kind: "read", row: { version: 9, columns } });
  expect(readOutcomeOf(null)).toEqual({ kind: "read", row: null });
  expect(scannedOutcomeOf([row], Buffer.from("l"))).toEqual({
    kind: "scanned",
    rows: [{ key: "k", version: 9, columns }],
    resume: "l",
  });
});
