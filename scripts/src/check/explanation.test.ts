import { expect, test } from "vitest";
import { explainViolation } from "./explanation.ts";
import { parseJepsenRegisterLog } from "./formats/jepsen-register-log.ts";
import { checkHistory, DEFAULT_MEMORY_BYTES } from "./linearizability.ts";
import { registerModel } from "./models/register.ts";

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
      + #1 0: write 1 -> done
          now 1
      + #4 0: read -> 1
          now 1
      + #2 1: write 2 -> done
          now 2
    Nothing leads on from there. What overlaps, and cannot come next or does not help:
      ! #5 0: read -> 1
      ? #3 2: compare-and-set 7 to 8 -> unknown

    By time (ms); + placed, ! cannot come next, ? no answer:
      + 0 #1  |------|                                                   1 .. 2
      + 1 #2                |--------------------------|                 3 .. 7
      ? 2 #3                       |---------------------------------->  4 ..
      + 0 #4                              |-----|                        5 .. 6
      ! 0 #5                                                  |------|   8 .. 9
    "
  `);
});
