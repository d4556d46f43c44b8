import { describe, expect, test } from "vitest";
import type { Version } from "@stele/shared/ids.ts";
import type { Column } from "@stele/shared/row-operations.ts";
import { failedWriteOf, readOutcomeOf, scannedOutcomeOf, writeOutcomeOf } from "./product-rows.ts";

const version = (value: number): Version => value as Version;
const column = (qualifier: string): Column => ({
  family: "d",
  qualifier: Buffer.from(qualifier, "latin1"),
});
const five = Buffer.from("0000000000000005", "hex");

describe("a write of the product", () => {
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
