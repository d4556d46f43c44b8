import { describe, expect, test } from "vitest";
import { explainViolation } from "./explanation.ts";
import { parseJepsenRegisterLog } from "./formats/jepsen-register-log.ts";
import { checkHistory, DEFAULT_MEMORY_BYTES } from "./linearizability.ts";
import type { RecordedOperation, WriteOperation } from "./history/row-operation.ts";
import { registerModel } from "./models/register.ts";
import { rowModel } from "./models/row.ts";

test("a violation is told with the longest order that fits, what is stuck, and bars of time", () => {
  const log = [
    "0\t:invoke\t:write\t1",
    "0\t:ok\t:write\t1",
    "1\t:invoke\t:write\t2",
    "2\t:invoke\t:cas\t[7 8]",
    "0\t:invoke\t:read\tnil",
    "0\t:ok\t:read\t1",
    "1\t:ok\t:write\t2",
    "0\t:invoke\t:read\tnil",
    "0\t:ok\t:read\t1",
  ].map((line) => `INFO  jepsen.util - ${line}`);
  const verdict = checkHistory(registerModel, parseJepsenRegisterLog(log), {
    nowMs: () => 0,
    budgetMs: 1,
    memoryBytes: DEFAULT_MEMORY_BYTES,
  });
  if (verdict.kind !== "violation") throw new Error(`the verdict is ${verdict.kind}`);
  expect(`\n${explainViolation(registerModel, verdict.violation)}`).toMatchInlineSnapshot(`
    "
    Not linearizable: register, 5 operations.

    The longest order that fits places 3 of 4 answered operations. Its end:
      + lines 1, 2 of 0: write 1 -> done
          now 1
      + lines 5, 6 of 0: read -> 1
          now 1
      + lines 3, 7 of 1: write 2 -> done
          now 2
    Nothing leads on from there. What overlaps, and cannot come next or does not help:
      ! lines 8, 9 of 0: read -> 1
      ? line 4 of 2: compare-and-set 7 to 8 -> unknown

    By time (ms); + placed, ! cannot come next, ? no answer:
      + lines 1, 2 of 0  |------|                                                   1 .. 2
      + lines 3, 7 of 1                |--------------------------|                 3 .. 7
      ? line 4 of 2                           |---------------------------------->  4 ..
      + lines 5, 6 of 0                              |-----|                        5 .. 6
      ! lines 8, 9 of 0                                                  |------|   8 .. 9
    "
  `);
});

describe("of rows, an operation", () => {
  const recorded = (members: Partial<RecordedOperation>, key = "k"): RecordedOperation => ({
    client: "c",
    call: 0,
    operation: { kind: "get", key, columns: null },
    outcome: null,
    request: null,
    batch: null,
    ...members,
  });
  const put = (key: string, members: Partial<RecordedOperation>): RecordedOperation => {
    const operation: WriteOperation = {
      kind: "write",
      key,
      expected: { kind: "no-row" },
      test: null,
      mutations: [{ kind: "delete-row" }, { kind: "set", column: "d:v", value: '"x"' }],
    };
    return recorded({ operation, ...members });
  };
  const written = (at: number, version: number): RecordedOperation["outcome"] => ({
    at,
    output: { kind: "written", version, matched: true, computed: null },
  });
  const lostRead = (key: string, call: number): RecordedOperation =>
    recorded({ call, outcome: { at: call + 1, output: { kind: "read", row: null } } }, key);
  const told = (history: readonly RecordedOperation[]): string => {
    const limits = { nowMs: () => 0, budgetMs: 1, memoryBytes: DEFAULT_MEMORY_BYTES };
    const verdict = checkHistory(rowModel, history, limits);
    return verdict.kind === "violation" ? explainViolation(rowModel, verdict.violation) : "none";
  };

  test("goes by its line in the history, not by its place among those of the row", () => {
    const other = put("other", { call: 0, outcome: written(1, 5) });
    const text = told([lostRead("k", 4), other, put("k", { call: 2, outcome: written(3, 7) })]);
    expect(text).toContain(
      '+ line 3 of c: put {d:v="x"} if there is no row -> version 7\n      now version 7 {d:v="x"}\n',
    );
    expect(text).toContain("! line 1 of c: get -> no row\n");
  });

  test("made of several attempts goes by the lines of all", () => {
    const attempts = [{ call: 0 }, { call: 1, outcome: written(2, 7) }];
    const sent = attempts.map((attempt) => put("k", { request: "q", ...attempt }));
    expect(told([...sent, lostRead("k", 3)])).toContain("+ lines 1, 2 of c: put");
    const again = put("k", { request: "q", call: 4, outcome: written(5, 9) });
    expect(told([...sent, lostRead("z", 3), again])).toContain(
      "Contradiction: request q (lines 1, 2, 4) was answered differently twice.\n",
    );
  });

  test("names its row as the command line takes it", () => {
    const [write, read] = ["k\xff x", "k\xff x"].map((key, at) =>
      at === 0 ? put(key, { call: 0, outcome: written(1, 7) }) : lostRead(key, 2),
    );
    expect(told([write!, read!])).toMatch(/^Not linearizable: 'k\\xff x', 2 operations\.\n/);
  });
});
