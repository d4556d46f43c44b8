import fc from "fast-check";
import { expect, test } from "vitest";
import { checkHistory, DEFAULT_MEMORY_BYTES } from "../linearizability.ts";
import { rowModel } from "../models/row.ts";
import { evaluateAttempt, isExplainedByRequests, NAIVE_ROW } from "../testing/naive-requests.ts";
import type {
  Columns,
  Expected,
  GetOperation,
  OneRowOperation,
  RowMutation,
  RowOutcome,
  WriteOperation,
} from "./row-operation.ts";

/** Above all that nine steps give. */
const VERSION_MAX = 16;

const DELETE_ROW: RowMutation = { kind: "delete-row" };
const DELETE_COLUMN: RowMutation = { kind: "delete", column: "d:a" };
const set = (column: string): RowMutation => ({ kind: "set", column, value: '"v"' });
const write = (mutations: RowMutation[], expected: Expected): WriteOperation => ({
  kind: "write",
  key: "k",
  expected,
  test: null,
  mutations,
});
const A_ONLY: Columns = new Map([["d:a", '"v"']]);
const GET: GetOperation = { kind: "get", key: "k", columns: null };

const expected: fc.Arbitrary<Expected> = fc.oneof(
  { weight: 6, arbitrary: fc.constant({ kind: "anything" as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: "no-row" as const }) },
  {
    weight: 2,
    arbitrary: fc
      .integer({ min: 1, max: 4 })
      .map((version) => ({ kind: "version" as const, version })),
  },
);
const put = fc
  .constantFrom<RowMutation[][]>([set("d:a")], [DELETE_ROW, set("d:a"), set("d:b")])
  .chain((mutations) => expected.map((condition) => write(mutations, condition)));
const removal = fc
  .constantFrom(DELETE_ROW, DELETE_COLUMN)
  .chain((mutation) => expected.map((condition) => write([mutation], condition)));
/** What requests q and p do, whenever they are tried. */
const requests = fc.record({ q: removal, p: fc.oneof(removal, put) });

type Does = "q" | "p" | GetOperation | WriteOperation;

interface Step {
  readonly does: Does;
  readonly call: number;
  readonly length: number;
  /** When it is evaluated, behind the call. */
  readonly after: number;
  readonly fate: "answered" | "late" | "lost";
  readonly raise: number;
}

const step: fc.Arbitrary<Step> = fc.record({
  does: fc.oneof<fc.WeightedArbitrary<Does>[]>(
    { weight: 3, arbitrary: fc.constant("q" as const) },
    { weight: 1, arbitrary: fc.constant("p" as const) },
    { weight: 3, arbitrary: put },
    { weight: 1, arbitrary: removal },
    { weight: 2, arbitrary: fc.constant(GET) },
  ),
  call: fc.nat(20),
  length: fc.constantFrom(0, 1, 3, 8),
  after: fc.nat(8),
  fate: fc.constantFrom<Step["fate"][]>("answered", "answered", "answered", "late", "lost"),
  raise: fc.constantFrom(1, 1, 2),
});

/** A history as a row that keeps to the contract gives it. */
function recorded(
  steps: readonly Step[],
  operations: { readonly q: WriteOperation; readonly p: WriteOperation },
): OneRowOperation[] {
  let row = NAIVE_ROW;
  const inTurn = steps
    .map((drawn) => ({
      ...drawn,
      turn:
        drawn.call + (drawn.fate === "late" ? drawn.after : Math.min(drawn.after, drawn.length)),
    }))
    .toSorted((a, b) => a.turn - b.turn);
  return inTurn.map(({ does, call, length, fate, raise }) => {
    const operation = typeof does === "string" ? operations[does] : does;
    const request = typeof does === "string" ? does : null;
    const attempt = { client: "c", call, operation, request, batch: null };
    if (fate === "lost") return { ...attempt, outcome: null };
    const evaluation = evaluateAttempt(row, operation, request, row.version + raise);
    row = evaluation.row;
    const outcome = { at: call + length, output: evaluation.output };
    return { ...attempt, outcome: fate === "late" ? null : outcome };
  });
}

/** Another answer, as a faulty row might have given it. */
function spoiled(output: RowOutcome): RowOutcome {
  if (output.kind === "read") {
    if (output.row === null) return { kind: "read", row: { version: 1, columns: A_ONLY } };
    return { kind: "read", row: null };
  }
  if (output.kind === "written") return { ...output, version: (output.version ?? 0) + 1 };
  if (output.kind === "failed")
    return { kind: "written", version: null, matched: true, computed: null };
  return output;
}

function verdict(history: readonly OneRowOperation[]): string {
  const limits = { nowMs: () => 0, budgetMs: 1, memoryBytes: DEFAULT_MEMORY_BYTES };
  return checkHistory(rowModel, history, limits).kind;
}

test("attempts of requests that a row evaluates as it should are linearizable", () => {
  const steps = fc.array(step, { minLength: 3, maxLength: 9 });
  fc.assert(
    fc.property(steps, requests, (drawn, operations) => {
      expect(verdict(recorded(drawn, operations))).toBe("linearizable");
    }),
    { numRuns: 3000 },
  );
});

test("what is found of attempts of requests is what trying every order finds", () => {
  const verdicts = new Map<string, number>();
  const steps = fc.array(step, { minLength: 3, maxLength: 7 });
  fc.assert(
    fc.property(steps, requests, fc.nat(6), (drawn, operations, at) => {
      const history = recorded(drawn, operations).map((attempt, place): OneRowOperation => {
        const { outcome } = attempt;
        if (place !== at || outcome === null) return attempt;
        return { ...attempt, outcome: { ...outcome, output: spoiled(outcome.output) } };
      });
      const found = verdict(history);
      const isLegal = isExplainedByRequests(history, VERSION_MAX);
      expect(found).toBe(isLegal ? "linearizable" : "violation");
      verdicts.set(found, (verdicts.get(found) ?? 0) + 1);
    }),
    { numRuns: 3000 },
  );
  expect(
    Math.min(...["linearizable", "violation"].map((kind) => verdicts.get(kind) ?? 0)),
  ).toBeGreaterThan(300);
});
