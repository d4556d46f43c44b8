import { describe, expect, test } from "vitest";
import type { DatabaseErrorBody } from "@stele/shared/errors.ts";
import type { TableId, Version } from "@stele/shared/ids.ts";
import { NO_CONDITIONS } from "@stele/shared/row-operations.ts";
import type {
  Column,
  Conditions,
  Mutation,
  Predicate,
  RowWrite,
  WriteResult,
} from "@stele/shared/row-operations.ts";
import { MAX_VALUE_BYTES } from "@stele/shared/row.ts";
import type { TableSchema } from "@stele/shared/tablet-descriptor.ts";
import type { StoredRow } from "../storage/stored-row.ts";
import { evaluateWrite } from "./evaluate-write.ts";
import type { Evaluation } from "./evaluate-write.ts";
import { naiveCells } from "../testing/naive-row.ts";

const SCHEMA: TableSchema = {
  tableId: 1 as TableId,
  schemaVersion: 1,
  families: [
    { name: "d", number: 1, rule: { maxVersions: 1 } },
    { name: "log", number: 2, rule: { maxVersions: null } },
    { name: "two", number: 3, rule: { maxVersions: 2 } },
  ],
};
const KEY = Buffer.from("alice");
const at = (value: number) => value as Version;

function column(text: string): Column {
  const colon = text.indexOf(":");
  return { family: text.slice(0, colon), qualifier: Buffer.from(text.slice(colon + 1)) };
}

function set(name: string, value: string | Buffer, timestamp: number | null = null): Mutation {
  const bytes = Buffer.from(value);
  return {
    kind: "set",
    column: column(name),
    value: bytes,
    int64: false,
    timestamp: timestamp as Version | null,
  };
}

function increment(name: string, amount: bigint): Mutation {
  return { kind: "increment", column: column(name), amount, timestamp: null };
}

function append(name: string, value: string | Buffer): Mutation {
  return { kind: "append", column: column(name), value: Buffer.from(value), timestamp: null };
}

function remove(name: string, from: number | null = null, to: number | null = null): Mutation {
  return {
    kind: "delete-column",
    column: column(name),
    from: from as Version | null,
    to: to as Version | null,
  };
}

const DELETE_ROW: Mutation = { kind: "delete-row" };

function write(mutations: readonly Mutation[], more: Partial<RowWrite> = {}): RowWrite {
  return {
    key: KEY,
    conditions: NO_CONDITIONS,
    predicate: null,
    mutations,
    otherwise: [],
    idempotency: null,
    ...more,
  };
}

function applied(evaluation: Evaluation): Evaluation & { kind: "applied" } {
  expect(evaluation).toMatchObject({ kind: "applied" });
  return evaluation as Evaluation & { kind: "applied" };
}

function refusal(evaluation: Evaluation): DatabaseErrorBody {
  expect(evaluation.kind).toBe("refused");
  return (evaluation as Evaluation & { kind: "refused" }).error;
}

/** A row that the given mutations made, in version 100. */
function rowOf(...mutations: Mutation[]): StoredRow {
  const { next } = applied(evaluateWrite(null, write(mutations), at(100), SCHEMA));
  if (next === null) throw new Error("the mutations left no row");
  return next;
}

function run(row: StoredRow | null, ...mutations: Mutation[]): Evaluation {
  return evaluateWrite(row, write(mutations), at(200), SCHEMA);
}

/** `column@timestamp=value` of each cell, in row order. */
function cellsOf(row: StoredRow | null): string[] {
  return naiveCells(SCHEMA, row).map(
    ({ family, qualifier, timestamp, value }) => `${family}:${qualifier}@${timestamp}=${value}`,
  );
}

function resultOf(evaluation: Evaluation): WriteResult {
  if (evaluation.kind === "refused") throw new Error(evaluation.error.detail);
  return evaluation.result;
}

describe("conditions", () => {
  const row = rowOf(set("d:a", "1"));
  function judge(current: StoredRow | null, conditions: Partial<Conditions>): Evaluation {
    const all = { ...NO_CONDITIONS, ...conditions };
    return evaluateWrite(current, write([set("d:a", "2")], { conditions: all }), at(200), SCHEMA);
  }

  test("If-Match passes when the row is in one of the versions, or for * when it exists", () => {
    expect(judge(row, { ifMatch: [at(99), at(100)] }).kind).toBe("applied");
    expect(judge(row, { ifMatch: "any" }).kind).toBe("applied");
  });

  test("If-Match that fails is VERSION_MISMATCH with the version now, null without a row", () => {
    const stale = refusal(judge(row, { ifMatch: [at(99)] }));
    expect(stale).toMatchObject({ code: "VERSION_MISMATCH", version: 100, applied: "no" });
    const none = refusal(judge(null, { ifMatch: "any" }));
    expect(none).toMatchObject({ code: "VERSION_MISMATCH", version: null });
    expect(refusal(judge(row, { ifMatch: [] })).code).toBe("VERSION_MISMATCH");
  });

  test("If-None-Match refuses the versions it names, and any row for *", () => {
    expect(judge(null, { ifNoneMatch: "any" }).kind).toBe("applied");
    expect(judge(row, { ifNoneMatch: [at(99)] }).kind).toBe("applied");
    expect(refusal(judge(row, { ifNoneMatch: "any" }))).toMatchObject({
      code: "VERSION_MISMATCH",
      version: 100,
    });
    expect(refusal(judge(row, { ifNoneMatch: [at(100)] })).code).toBe("VERSION_MISMATCH");
  });

  test("a create never overwrites: ROW_EXISTS with the version now", () => {
    expect(judge(null, { absent: true }).kind).toBe("applied");
    expect(refusal(judge(row, { absent: true }))).toMatchObject({
      code: "ROW_EXISTS",
      version: 100,
    });
  });

  test("If-Match is judged before If-None-Match, and that before absence", () => {
    const all = { ifMatch: [at(99)], ifNoneMatch: "any", absent: true } as const;
    expect(refusal(judge(row, all)).detail).toContain("If-Match");
    expect(refusal(judge(row, { ...all, ifMatch: null })).detail).toContain("If-None-Match");
    expect(refusal(judge(row, { absent: true, ifMatch: "any" })).code).toBe("ROW_EXISTS");
  });

  test("deleting a missing row with If-Match is VERSION_MISMATCH", () => {
    const conditions: Conditions = { ...NO_CONDITIONS, ifMatch: [at(100)] };
    const evaluation = evaluateWrite(null, write([DELETE_ROW], { conditions }), at(200), SCHEMA);
    expect(refusal(evaluation)).toMatchObject({ code: "VERSION_MISMATCH", version: null });
  });

  test("an unknown family is refused before a condition is judged, in branches not taken too", () => {
    const conditions: Conditions = { ...NO_CONDITIONS, ifMatch: "any" };
    const unknown = write([], { conditions, otherwise: [set("nope:a", "1")] });
    const error = refusal(evaluateWrite(null, unknown, at(200), SCHEMA));
    expect(error).toMatchObject({ code: "FAMILY_NOT_FOUND", applied: "no" });
    expect(error.detail).toContain('"nope"');
    expect(error.hint).toBe("Its families: d, log, two");
  });
});

describe("predicates", () => {
  const row = rowOf(set("log:a", "old", 5), set("log:a", "new", 9), set("d:empty", ""));
  function matched(predicate: Predicate, current: StoredRow | null = row): boolean {
    const asked = write([], { predicate });
    return resultOf(evaluateWrite(current, asked, at(200), SCHEMA)).matched;
  }
  const equals = (name: string, value: string): Predicate => ({
    kind: "column-equals",
    column: column(name),
    value: Buffer.from(value),
  });
  const yes: Predicate = { kind: "row-exists", exists: true };
  const no: Predicate = { kind: "row-exists", exists: false };

  test("equality looks at the newest value only, and a missing column equals nothing", () => {
    expect(matched(equals("log:a", "new"))).toBe(true);
    expect(matched(equals("log:a", "old"))).toBe(false);
    expect(matched(equals("d:empty", ""))).toBe(true);
    expect(matched(equals("d:missing", ""))).toBe(false);
    expect(matched(equals("log:a", "new"), null)).toBe(false);
  });

  test("existence of a column, of the row, and the row's version", () => {
    const exists = (name: string, is: boolean): Predicate => ({
      kind: "column-exists",
      column: column(name),
      exists: is,
    });
    expect(matched(exists("d:empty", true))).toBe(true);
    expect(matched(exists("d:none", true))).toBe(false);
    expect(matched(exists("d:none", false))).toBe(true);
    expect([matched(yes), matched(no), matched(yes, null), matched(no, null)]).toEqual([
      true,
      false,
      false,
      true,
    ]);
    expect(matched({ kind: "row-version", version: at(100) })).toBe(true);
    expect(matched({ kind: "row-version", version: at(100) }, null)).toBe(false);
  });

  test("all of nothing holds, any of nothing does not, not turns around", () => {
    expect(matched({ kind: "all", of: [] })).toBe(true);
    expect(matched({ kind: "any", of: [] })).toBe(false);
    expect(matched({ kind: "all", of: [yes, no] })).toBe(false);
    expect(matched({ kind: "any", of: [no, yes] })).toBe(true);
    expect(matched({ kind: "not", of: no })).toBe(true);
  });

  test("a predicate that fails runs the other mutations and says so", () => {
    const asked = write([set("d:then", "1")], { predicate: no, otherwise: [set("d:else", "2")] });
    const evaluation = applied(evaluateWrite(row, asked, at(200), SCHEMA));
    expect(evaluation.result).toMatchObject({ matched: false, version: 200 });
    expect(cellsOf(evaluation.next)).toContain("d:else@200=2");
  });

  test("a failed predicate without other mutations changes nothing and gives the version now", () => {
    const asked = write([set("d:then", "1")], { predicate: no });
    const evaluation = evaluateWrite(row, asked, at(200), SCHEMA);
    expect(evaluation).toMatchObject({
      kind: "unchanged",
      result: { matched: false, version: 100 },
    });
  });

  test("conditions are judged before the predicate", () => {
    const conditions: Conditions = { ...NO_CONDITIONS, ifMatch: [at(1)] };
    const asked = write([], { conditions, predicate: equals("nope:a", "") });
    expect(refusal(evaluateWrite(row, asked, at(200), SCHEMA)).code).toBe("FAMILY_NOT_FOUND");
    const known = write([], { conditions, predicate: no });
    expect(refusal(evaluateWrite(row, known, at(200), SCHEMA)).code).toBe("VERSION_MISMATCH");
  });
});

describe("timestamps", () => {
  test("a cell without one gets the row's new version", () => {
    expect(cellsOf(applied(run(null, set("d:a", "1"))).next)).toEqual(["d:a@200=1"]);
  });

  test("or 1 above the column's newest cell when that is later, so that what is written is read", () => {
    const row = rowOf(set("log:a", "future", 500));
    const { next } = applied(run(row, set("log:a", "now"), set("log:b", "now")));
    expect(cellsOf(next)).toEqual(["log:a@501=now", "log:a@500=future", "log:b@200=now"]);
  });

  test("two sets of one column in one write keep their order", () => {
    const { next } = applied(run(null, set("log:a", "1"), set("log:a", "2")));
    expect(cellsOf(next)).toEqual(["log:a@201=2", "log:a@200=1"]);
  });

  test("a column at the last timestamp is replaced there", () => {
    const last = Number.MAX_SAFE_INTEGER;
    const row = rowOf(set("log:a", "end", last));
    expect(cellsOf(applied(run(row, set("log:a", "more"))).next)).toEqual([`log:a@${last}=more`]);
  });

  test("after a delete a write with an older timestamp is visible", () => {
    const row = rowOf(set("d:a", "1", 90));
    const { next } = applied(run(row, remove("d:a"), set("d:a", "old", 7)));
    expect(cellsOf(next)).toEqual(["d:a@7=old"]);
  });

  test("replacing the row forgets its history, so timestamps begin at the version again", () => {
    const row = rowOf(set("log:a", "future", 500));
    const { next, result } = applied(run(row, DELETE_ROW, set("log:a", "now")));
    expect(cellsOf(next)).toEqual(["log:a@200=now"]);
    expect(result).toMatchObject({ createdRow: false, createdColumn: false });
  });
});

describe("deletes", () => {
  const row = rowOf(set("log:a", "5", 5), set("log:a", "6", 6), set("log:a", "7", 7));

  test("of a column's versions take from inclusive to exclusive", () => {
    expect(cellsOf(applied(run(row, remove("log:a", 5, 7))).next)).toEqual(["log:a@7=7"]);
    expect(cellsOf(applied(run(row, remove("log:a", 6))).next)).toEqual(["log:a@5=5"]);
    expect(cellsOf(applied(run(row, remove("log:a", null, 6))).next)).toEqual([
      "log:a@7=7",
      "log:a@6=6",
    ]);
  });

  test("of all cells leave no row: no version, a delete-row effect", () => {
    for (const mutation of [
      remove("log:a"),
      { kind: "delete-family", family: "log" } as const,
      DELETE_ROW,
    ]) {
      const evaluation = applied(run(row, mutation));
      expect(evaluation.next).toBeNull();
      expect(evaluation.effect).toEqual({ kind: "delete-row", key: KEY });
      expect(evaluation.result).toMatchObject({ version: null, createdRow: false });
    }
  });

  test("that find nothing change nothing and make no new version", () => {
    for (const mutation of [
      remove("log:b"),
      remove("log:a", 8),
      remove("log:a", 6, 6),
      { kind: "delete-family", family: "d" } as const,
    ]) {
      expect(run(row, mutation)).toMatchObject({ kind: "unchanged", result: { version: 100 } });
    }
    expect(run(null, DELETE_ROW)).toMatchObject({ kind: "unchanged", result: { version: null } });
  });

  test("undo what the same write set before", () => {
    const evaluation = run(null, set("d:a", "1"), DELETE_ROW);
    expect(evaluation).toMatchObject({ kind: "unchanged", result: { version: null } });
  });
});

describe("increments and appends", () => {
  const int64 = (value: bigint) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64BE(value);
    return bytes;
  };

  test("a missing cell counts as 0, and the sum is an int64 cell", () => {
    const { next, result } = applied(run(null, increment("d:n", -3n)));
    expect(result.computed).toEqual([{ column: column("d:n"), value: int64(-3n), int64: true }]);
    expect(result).toMatchObject({ createdRow: true, createdColumn: true });
    expect(next?.families[0]?.columns[0]?.cells).toEqual([
      { timestamp: 200, value: int64(-3n), int64: true },
    ]);
  });

  test("8 bytes that were written raw may be incremented", () => {
    const row = rowOf(set("d:n", int64(40n)));
    expect(resultOf(run(row, increment("d:n", 2n))).computed[0]?.value).toEqual(int64(42n));
  });

  test("each sees what came before, and each column is told once, where first touched", () => {
    const { result } = applied(
      run(null, increment("d:n", 1n), append("d:s", "a"), increment("d:n", 2n), append("d:s", "b")),
    );
    expect(result.computed).toEqual([
      { column: column("d:n"), value: int64(3n), int64: true },
      { column: column("d:s"), value: Buffer.from("ab"), int64: false },
    ]);
  });

  test("another length than 8 bytes is NOT_A_NUMBER, and nothing of the write takes effect", () => {
    const row = rowOf(set("d:n", "12"));
    const error = refusal(run(row, set("d:a", "1"), increment("d:n", 1n)));
    expect(error).toMatchObject({ code: "NOT_A_NUMBER", applied: "no" });
    expect(refusal(run(rowOf(set("d:n", "")), increment("d:n", 1n))).code).toBe("NOT_A_NUMBER");
  });

  test("a sum beyond 64 bits is INT64_OVERFLOW in both directions", () => {
    const top = rowOf(set("d:n", int64(2n ** 63n - 1n)));
    const bottom = rowOf(set("d:n", int64(-(2n ** 63n))));
    expect(refusal(run(top, increment("d:n", 1n))).code).toBe("INT64_OVERFLOW");
    expect(refusal(run(bottom, increment("d:n", -1n))).code).toBe("INT64_OVERFLOW");
    expect(run(top, increment("d:n", 0n)).kind).toBe("applied");
  });

  test("bytes appended to an integer make it plain bytes", () => {
    const row = rowOf(increment("d:n", 1n));
    expect(resultOf(run(row, append("d:n", "!"))).computed[0]).toMatchObject({ int64: false });
  });
});

describe("the rule of versions", () => {
  test("a family keeps its newest versions, physically", () => {
    const row = rowOf(set("two:a", "1", 1), set("two:a", "2", 2), set("two:a", "3", 3));
    expect(cellsOf(row)).toEqual(["two:a@3=3", "two:a@2=2"]);
  });

  test("a version older than all it keeps is dropped at once, and the row still changes", () => {
    const row = rowOf(set("d:a", "new", 50));
    const { next, result } = applied(run(row, set("d:a", "old", 10)));
    expect(cellsOf(next)).toEqual(["d:a@50=new"]);
    expect(result.version).toBe(200);
  });

  test("an equal timestamp replaces the cell", () => {
    const row = rowOf(set("log:a", "1", 7));
    expect(cellsOf(applied(run(row, set("log:a", "2", 7))).next)).toEqual(["log:a@7=2"]);
  });
});

describe("limits", () => {
  test("a value over its limit is TOO_LARGE, whether sent or appended to", () => {
    const full = Buffer.alloc(MAX_VALUE_BYTES);
    expect(refusal(run(null, set("d:a", Buffer.alloc(MAX_VALUE_BYTES + 1)))).code).toBe(
      "TOO_LARGE",
    );
    const row = rowOf(set("d:a", full));
    expect(refusal(run(row, append("d:a", "x"))).code).toBe("TOO_LARGE");
  });

  test("a row that would pass 64 MiB is ROW_TOO_LARGE", () => {
    let row: StoredRow | null = null;
    let evaluation: Evaluation | null = null;
    const value = Buffer.alloc(MAX_VALUE_BYTES);
    for (let count = 0; count < 7; count++) {
      const asked = write([set(`d:${count}`, value)]);
      evaluation = evaluateWrite(row, asked, at(100 + count), SCHEMA);
      if (evaluation.kind === "applied") row = evaluation.next;
    }
    expect(refusal(evaluation!).code).toBe("ROW_TOO_LARGE");
    expect(row?.families[0]?.columns.length).toBe(6);
  });

  test("a write whose effects fit no log entry is TOO_LARGE", () => {
    const value = Buffer.alloc(6 * 1024 * 1024);
    let row = rowOf(set("d:a", value));
    for (const name of ["d:b", "d:c"]) {
      const { next } = applied(
        evaluateWrite(row, write([set(name, value)]), at(row.version + 1), SCHEMA),
      );
      row = next!;
    }
    const appends = ["d:a", "d:b", "d:c"].map((name) => append(name, "x"));
    expect(refusal(run(row, ...appends)).code).toBe("TOO_LARGE");
  });

  test("keys, qualifiers and integers that no edge should let through are refused, not stored", () => {
    const empty = write([set("d:a", "1")], { key: Buffer.of() });
    expect(refusal(evaluateWrite(null, empty, at(1), SCHEMA)).code).toBe("INVALID_KEY");
    const long = set(`d:${"q".repeat(16 * 1024 + 1)}`, "1");
    expect(refusal(run(null, long)).code).toBe("INVALID_REQUEST");
    const short = { ...set("d:n", "1"), int64: true } as Mutation;
    expect(refusal(run(null, short)).code).toBe("NOT_A_NUMBER");
  });
});

describe("the effect of a write", () => {
  const big = Buffer.alloc(5000, "v");

  test("is the whole record while that is small", () => {
    expect(applied(run(rowOf(set("d:a", "1")), set("d:b", "2"))).effect.kind).toBe("put-row");
  });

  test("is the changed cells when the row is large", () => {
    const { effect } = applied(run(rowOf(set("d:a", big)), set("d:b", "2")));
    expect(effect).toMatchObject({ kind: "change-row", version: 200, changes: [{ kind: "set" }] });
  });

  test("is the whole record again when a large row is replaced, so that applying reads nothing", () => {
    const { effect } = applied(run(rowOf(set("d:a", big)), DELETE_ROW, set("d:a", big)));
    expect(effect.kind).toBe("put-row");
  });
});
