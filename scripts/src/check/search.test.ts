import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { checkHistory, checkInSlices, DEFAULT_MEMORY_BYTES } from "./linearizability.ts";
import type { RecordedOperation } from "./history/row-operation.ts";
import type { CheckLimits } from "./linearizability.ts";
import { registerModel } from "./models/register.ts";
import type { RegisterOperation } from "./models/register.ts";
import { rowModel } from "./models/row.ts";
import { isLinearizableExhaustively } from "./testing/exhaustive-check.ts";
import { generateHistory } from "./testing/generated-history.ts";

const limits: CheckLimits = {
  nowMs: () => performance.now(),
  budgetMs: 60_000,
  memoryBytes: DEFAULT_MEMORY_BYTES,
};

const value = fc.constantFrom(1, 2);
const registerStep = fc.oneof(
  fc.record({
    input: fc.constant({ kind: "read" as const }),
    output: fc.record({
      kind: fc.constant("value" as const),
      value: fc.constantFrom("empty" as const, 1, 2),
    }),
  }),
  fc.record({
    input: fc.record({ kind: fc.constant("write" as const), value }),
    output: fc.constant({ kind: "done" as const }),
  }),
  fc.record({
    input: fc.record({ kind: fc.constant("compare-and-set" as const), expected: value, value }),
    output: fc.constantFrom({ kind: "done" as const }, { kind: "refused" as const }),
  }),
);
const registerOperation = fc
  .tuple(registerStep, fc.nat(12), fc.nat(5), fc.nat(5))
  .map(([{ input, output }, call, length, luck]): RegisterOperation => {
    const outcome = luck === 0 ? null : { at: call + length, output };
    return { client: "c", lines: [1], call, input, outcome };
  });

describe("the search agrees with trying every order", () => {
  test("of a register's operations", () => {
    const verdicts = { linearizable: 0, violation: 0, undecided: 0 };
    const history = fc.array(registerOperation, { minLength: 3, maxLength: 6 });
    fc.assert(
      fc.property(history, (operations) => {
        const { kind } = checkHistory(registerModel, operations, limits);
        const [partition] = registerModel.partition(operations);
        const expected = isLinearizableExhaustively(registerModel, partition!);
        expect(kind).toBe(expected ? "linearizable" : "violation");
        verdicts[kind]++;
      }),
      { numRuns: 5000 },
    );
    expect(Math.min(verdicts.linearizable, verdicts.violation)).toBeGreaterThan(100);
  });

  test("of a row's, with lost answers, requests sent again, batches and faults", () => {
    const verdicts = { linearizable: 0, violation: 0, undecided: 0 };
    const shape = fc.record({
      seed: fc.nat(1_000_000),
      keys: fc.constantFrom(1, 2),
      clients: fc.constantFrom(2, 3, 4),
      operations: fc.constantFrom(6, 8, 10),
      unknownsPerKey: fc.constantFrom(0, 3),
      mix: fc.constantFrom("everything" as const, "counters" as const),
      fault: fc.option(
        fc.record({
          kind: fc.constantFrom(
            "lost-write" as const,
            "double-increment" as const,
            "stale-read" as const,
          ),
          at: fc.nat(2),
        }),
      ),
    });
    fc.assert(
      fc.property(shape, (drawn) => {
        const history = generateHistory(drawn);
        const { kind } = checkHistory(rowModel, history, limits);
        const expected = rowModel
          .partition(history)
          .every(
            (partition) =>
              (partition.contradictions ?? []).length === 0 &&
              isLinearizableExhaustively(rowModel, partition),
          );
        expect(kind).toBe(expected ? "linearizable" : "violation");
        verdicts[kind]++;
      }),
      { numRuns: 600 },
    );
    expect(Math.min(verdicts.linearizable, verdicts.violation)).toBeGreaterThan(50);
  });
});

/** Reads of a value that one of many concurrent writes of unknown outcome may have left: hard to refute. */
function hardHistory(writes: number): RegisterOperation[] {
  const unknown = Array.from({ length: writes }, (_, at): RegisterOperation => {
    const input = { kind: "compare-and-set", expected: at, value: at + 1 } as const;
    return { client: `w${at}`, lines: [1], call: 0, input, outcome: null };
  });
  const back = Array.from({ length: writes }, (_, at): RegisterOperation => {
    const input = { kind: "write", value: at } as const;
    return { client: `b${at}`, lines: [1], call: 0, input, outcome: null };
  });
  const read: RegisterOperation = {
    client: "r",
    lines: [1],
    call: 1,
    input: { kind: "read" },
    outcome: { at: 2, output: { kind: "value", value: 1_000_000 } },
  };
  return [...unknown, ...back, read];
}

describe("limits", () => {
  test("a search that runs out of time is undecided, not passed", () => {
    let nowMs = 0;
    const verdict = checkHistory(registerModel, hardHistory(40), {
      ...limits,
      nowMs: () => nowMs++,
      budgetMs: 20,
    });
    expect(verdict).toMatchObject({ kind: "undecided", spent: "time", partition: "register" });
  });

  test("a search that runs out of memory is undecided, not passed", () => {
    const verdict = checkHistory(registerModel, hardHistory(40), {
      ...limits,
      memoryBytes: 100_000,
    });
    expect(verdict).toMatchObject({ kind: "undecided", spent: "memory" });
  });

  test("a check in slices lets others run and ends with the same verdict", () => {
    const history = hardHistory(6);
    const check = checkInSlices(registerModel, history, limits);
    let slices = 0;
    let slice = check.next();
    for (; slice.done !== true; slice = check.next()) slices++;
    expect(slices).toBeGreaterThan(1);
    expect(slice.value).toEqual(checkHistory(registerModel, history, limits));
  });

  test("open operations that mean the same are not tried in every order", () => {
    const increments = Array.from({ length: 40 }, (_, at) => ({
      client: `c${at}`,
      call: at,
      operation: {
        kind: "write",
        key: "k",
        expected: { kind: "anything" },
        test: null,
        mutations: [{ kind: "increment", column: "d:n", amount: "1" }],
      } as const,
      outcome: null,
      request: null,
      batch: null,
    }));
    const columns = new Map([["d:n", '{"int64":"41"}']]);
    const read = {
      client: "r",
      call: 50,
      operation: { kind: "get", key: "k", columns: null } as const,
      outcome: { at: 51, output: { kind: "read", row: { version: 99, columns } } as const },
      request: null,
      batch: null,
    };
    const verdict = checkHistory(rowModel, [...increments, read], limits);
    expect(verdict.kind).toBe("violation");
    expect(verdict.figures.entered).toBeLessThan(100);
  });

  test("which attempt of a request deleted the row is not tried again and again", () => {
    const rounds = 40;
    const history = Array.from({ length: rounds }, (_, round): RecordedOperation[] => {
      const from = round * 10;
      const expected = { kind: "anything" } as const;
      const base = { client: "c", batch: null };
      const write = { kind: "write", key: "k", expected, test: null } as const;
      const put = { ...write, mutations: [{ kind: "set", column: "d:v", value: '"x"' }] } as const;
      const removal = { ...write, mutations: [{ kind: "delete-row" }] } as const;
      const done = { kind: "written", matched: true, computed: null } as const;
      const told = (at: number, version: number | null) => ({ at, output: { ...done, version } });
      const request = `q${round}`;
      return [
        { ...base, operation: put, call: from, outcome: told(from + 1, round + 1), request: null },
        { ...base, operation: removal, call: from + 2, outcome: null, request },
        { ...base, operation: removal, call: from + 3, outcome: told(from + 4, null), request },
      ];
    }).flat();
    const read: RecordedOperation = {
      client: "r",
      call: rounds * 10,
      operation: { kind: "get", key: "k", columns: null },
      outcome: {
        at: rounds * 10,
        output: { kind: "read", row: { version: 1, columns: new Map() } },
      },
      request: null,
      batch: null,
    };
    expect(checkHistory(rowModel, history, limits).kind).toBe("linearizable");
    const verdict = checkHistory(rowModel, [...history, read], limits);
    expect(verdict.kind).toBe("violation");
    expect(verdict.figures.entered).toBeLessThan(4 * rounds);
  });
});
