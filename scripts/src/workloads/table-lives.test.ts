import { describe, expect, test } from "vitest";
import { TableLives } from "./table-lives.ts";
import type { TableRead, TableWrite } from "./table-lives.ts";

/** Two lives of a name: created within 10..20, dropped within 100..110; again 200..210, never dropped. */
function lives(): TableLives {
  const two = new TableLives("t");
  two.lives.push(
    { createCalled: 10, created: 20, dropCalled: 100, dropped: 110 },
    { createCalled: 200, created: 210, dropCalled: Infinity, dropped: Infinity },
  );
  return two;
}

function write(called: number, returned: number, changes: Partial<TableWrite> = {}): TableWrite {
  const outcome = returned === Infinity ? "unknown" : "acknowledged";
  return { client: "c", key: "k", value: "v", called, returned, outcome, ...changes };
}

function read(called: number, returned: number, rows: TableRead["rows"]): TableRead {
  return { client: "c", called, returned, rows, covers: () => true };
}

const SHOWN = new Map([["k", "v"]]);
const EMPTY = new Map<string, string>();

function problems(writes: readonly TableWrite[], reads: readonly TableRead[]): number {
  const two = lives();
  two.writes.push(...writes);
  two.reads.push(...reads);
  return two.problems().length;
}

describe("a row of a table that is dropped and created again", () => {
  test("is shown in the rest of its life", () => {
    expect(problems([write(30, 40)], [read(50, 60, SHOWN)])).toBe(0);
    expect(problems([write(30, 40)], [read(50, 60, EMPTY)])).toBe(1);
  });

  test("is not shown in the next life", () => {
    expect(problems([write(30, 40)], [read(220, 230, EMPTY)])).toBe(0);
    expect(problems([write(30, 40)], [read(220, 230, SHOWN)])).toBe(1);
  });

  test("may be shown in the next life when its write was not answered, or late", () => {
    expect(problems([write(30, Infinity)], [read(220, 230, SHOWN)])).toBe(0);
    expect(problems([write(30, 205)], [read(220, 230, SHOWN)])).toBe(0);
  });

  test("need not be shown while the table is being dropped", () => {
    expect(problems([write(30, 40)], [read(95, 105, EMPTY)])).toBe(0);
  });

  test("is not shown before anybody wrote it, nor after its write was refused", () => {
    expect(problems([write(60, 70)], [read(50, 55, SHOWN)])).toBe(1);
    const refused = write(30, 40, { outcome: "refused" });
    expect(problems([refused], [read(50, 60, SHOWN)])).toBe(1);
  });
});

describe("between two lives", () => {
  test("nothing is served", () => {
    expect(problems([write(120, 130)], [])).toBe(1);
    expect(problems([], [read(120, 130, EMPTY)])).toBe(1);
    expect(problems([write(105, 130)], [read(105, 130, EMPTY)])).toBe(0);
  });

  test("there is no such table, which nobody is told within a life", () => {
    expect(problems([], [read(120, 130, null)])).toBe(0);
    expect(problems([], [read(50, 60, null)])).toBe(1);
    expect(problems([], [read(15, 30, null)])).toBe(0);
    expect(problems([write(50, 60, { outcome: "no-table" })], [])).toBe(1);
  });
});
