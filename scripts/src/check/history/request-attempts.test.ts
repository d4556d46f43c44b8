import { describe, expect, test } from "vitest";
import { checkHistory, DEFAULT_MEMORY_BYTES } from "../linearizability.ts";
import { rowModel } from "../models/row.ts";
import { HistoryRecorder } from "./history-recorder.ts";
import type { OpenCall } from "./history-recorder.ts";
import type {
  Expected,
  RecordedOperation,
  RowMutation,
  RowOutcome,
  WrittenOutcome,
} from "./row-operation.ts";

const SET: RowMutation = { kind: "set", column: "d:v", value: '"x"' };
const INCREMENT: RowMutation = { kind: "increment", column: "d:n", amount: "1" };
const DELETE: RowMutation = { kind: "delete-row" };
const DELETE_COLUMN: RowMutation = { kind: "delete", column: "d:v" };
const ANYTHING: Expected = { kind: "anything" };

/** A history written step by step; every step is a millisecond. */
class Script {
  readonly history: RecordedOperation[] = [];
  readonly #recorder: HistoryRecorder;
  #nowMs = 0;

  constructor() {
    this.#recorder = new HistoryRecorder({
      nowMs: () => this.#nowMs++,
      record: (operation) => void this.history.push(operation),
    });
  }

  write(
    mutation: RowMutation,
    ids: { request?: string; batch?: { id: string; index: number } } = {},
    expected: Expected = ANYTHING,
  ): OpenCall {
    const operation = { kind: "write", key: "k", expected, test: null } as const;
    return this.#recorder.begin({
      client: "c",
      operation: { ...operation, mutations: [mutation] },
      ...ids,
    });
  }

  /** What a read finds; null: no row. */
  read(version: number | null, columns: Record<string, string> = {}): void {
    const row = version === null ? null : { version, columns: new Map(Object.entries(columns)) };
    const open = this.#recorder.begin({
      client: "r",
      operation: { kind: "get", key: "k", columns: null },
    });
    open.returned({ kind: "read", row });
  }

  verdict(): string {
    this.#recorder.finish();
    const limits = { nowMs: () => 0, budgetMs: 1, memoryBytes: DEFAULT_MEMORY_BYTES };
    return checkHistory(rowModel, this.history, limits).kind;
  }
}

const done = (version: number | null, computed: Record<string, string> = {}): WrittenOutcome => ({
  kind: "written",
  version,
  matched: true,
  computed: new Map(Object.entries(computed)),
});
const mismatch = (version: number | null): RowOutcome => ({
  kind: "failed",
  code: "VERSION_MISMATCH",
  version,
});
const counted = (count: number): Record<string, string> => ({ "d:n": `{"int64":"${count}"}` });

describe("attempts of one request", () => {
  test("take effect once", () => {
    const once = new Script();
    once.write(INCREMENT, { request: "q" }).unknown();
    once.write(INCREMENT, { request: "q" }).returned(done(7, counted(1)));
    once.read(7, counted(1));
    expect(once.verdict()).toBe("linearizable");

    const twice = new Script();
    twice.write(INCREMENT, { request: "q" }).unknown();
    twice.write(INCREMENT, { request: "q" }).returned(done(8, counted(2)));
    expect(twice.verdict()).toBe("violation");

    const separate = new Script();
    separate.write(INCREMENT, { request: "q" }).unknown();
    separate.write(INCREMENT, { request: "p" }).returned(done(8, counted(2)));
    expect(separate.verdict()).toBe("linearizable");
  });

  test("take effect before the first answer", () => {
    const script = new Script();
    const again = script.write(SET, { request: "q" });
    script.write(SET, { request: "q" }).returned(done(7));
    script.read(null);
    again.returned(done(7));
    expect(script.verdict()).toBe("violation");
  });

  test("are answered alike, whichever attempt is", () => {
    const same = new Script();
    same.write(INCREMENT, { request: "q" }).returned(done(7, counted(1)));
    same.write(INCREMENT, { request: "q" }).returned(done(7, counted(1)));
    expect(same.verdict()).toBe("linearizable");

    const different = new Script();
    different.write(INCREMENT, { request: "q" }).returned(done(7, counted(1)));
    different.write(INCREMENT, { request: "q" }).returned(done(9, counted(2)));
    expect(different.verdict()).toBe("violation");
  });

  test("are one operation", () => {
    const script = new Script();
    script.write(SET, { request: "q" }).returned(done(7));
    script.write(INCREMENT, { request: "q" }).returned(done(7));
    expect(script.verdict()).toBe("violation");
  });

  test("are refused only before the request has taken effect", () => {
    const fresh: Expected = { kind: "no-row" };
    const before = new Script();
    before.write(SET).returned(done(5));
    before.write(SET, { request: "q" }, fresh).returned(mismatch(5));
    before.write(DELETE).returned(done(null));
    before.write(SET, { request: "q" }, fresh).returned(done(7));
    expect(before.verdict()).toBe("linearizable");

    const behind = new Script();
    behind.write(SET, { request: "q" }, fresh).returned(done(7));
    behind.write(SET, { request: "q" }, fresh).returned(mismatch(7));
    expect(behind.verdict()).toBe("violation");
  });

  test("that only delete may take effect late, when another found nothing", () => {
    const script = new Script();
    const late = script.write(DELETE, { request: "q" });
    script.write(DELETE, { request: "q" }).returned(done(null));
    script.write(SET).returned(done(7));
    script.read(null);
    late.unknown();
    expect(script.verdict()).toBe("linearizable");
  });

  test("that only delete may be evaluated again after having found nothing", () => {
    const script = new Script();
    script.write(DELETE, { request: "q" }).returned(done(null));
    script.write(SET).returned(done(7));
    script.write(DELETE, { request: "q" }).returned(done(null));
    script.read(null);
    expect(script.verdict()).toBe("linearizable");
  });

  test.each([DELETE, DELETE_COLUMN])("that only delete change the row once: $kind", (mutation) => {
    const script = new Script();
    script.write(SET).returned(done(5));
    script.write(mutation, { request: "q" }).returned(done(null));
    script.write(SET).returned(done(7));
    script.write(mutation, { request: "q" }).returned(done(null));
    script.read(null);
    expect(script.verdict()).toBe("violation");
  });

  test("that only delete are answered behind the effect as it was, whatever the row is then", () => {
    const answered = (version: number, shown: number): string => {
      const script = new Script();
      script.write(INCREMENT).returned(done(5, counted(1)));
      script.write(SET).returned(done(6));
      const lost = script.write(DELETE_COLUMN, { request: "q" });
      script.write(SET).returned(done(8));
      script.write(DELETE_COLUMN, { request: "q" }).returned(done(version));
      script.read(shown, shown === 8 ? { "d:v": '"x"', ...counted(1) } : counted(1));
      lost.unknown();
      return script.verdict();
    };
    expect(answered(7, 8)).toBe("linearizable");
    expect(answered(9, 9)).toBe("linearizable");
    expect(answered(6, 8)).toBe("violation");
    expect(answered(8, 8)).toBe("violation");
  });

  test("that only delete may be refused after having found nothing, and not after having deleted", () => {
    const refused = (expected: Expected): string => {
      const script = new Script();
      if (expected.kind === "version") script.write(SET).returned(done(expected.version));
      script.write(DELETE, { request: "q" }, expected).returned(done(null));
      script.write(SET).returned(done(7));
      script.write(DELETE, { request: "q" }, expected).returned(mismatch(7));
      return script.verdict();
    };
    expect(refused({ kind: "no-row" })).toBe("linearizable");
    expect(refused({ kind: "version", version: 5 })).toBe("violation");
  });
});

describe("writes of one batch to one row", () => {
  const batch = (index: number) => ({ batch: { id: "b", index } });
  const set = (value: string): RowMutation => ({ kind: "set", column: "d:v", value });
  const written = (...order: readonly [number, number]): string => {
    const script = new Script();
    const [first, second] = [
      script.write(set('"1"'), batch(0)),
      script.write(set('"2"'), batch(1)),
    ];
    first.returned(done(order[0]));
    second.returned(done(order[1]));
    return script.verdict();
  };

  test("take effect in their order", () => {
    expect(written(5, 6)).toBe("linearizable");
    expect(written(6, 5)).toBe("violation");
  });

  test("without an outcome never come behind later ones that have one", () => {
    const script = new Script();
    const first = script.write(set('"1"'), batch(0));
    script.write(set('"2"'), batch(1)).returned(done(6));
    script.read(7, { "d:v": '"1"' });
    first.unknown();
    expect(script.verdict()).toBe("violation");
  });
});

describe("versions", () => {
  test("grow, also over delete and re-create", () => {
    const script = new Script();
    script.write(SET).returned(done(7));
    script.write(DELETE).returned(done(null));
    script.write(SET).returned(done(7));
    expect(script.verdict()).toBe("violation");
  });

  test("of writes without an outcome are what somebody sees, above those before and below those behind", () => {
    const seen = (version: number, next: number): string => {
      const script = new Script();
      script.write(SET).returned(done(7));
      script.write(INCREMENT).unknown();
      script.read(version, { "d:v": '"x"', ...counted(1) });
      script.write(SET).returned(done(next));
      return script.verdict();
    };
    expect(seen(8, 9)).toBe("linearizable");
    expect(seen(7, 9)).toBe("violation");
    expect(seen(8, 8)).toBe("violation");
  });

  test("leave room for every write without an outcome between two that are known", () => {
    const between = (last: number): string => {
      const script = new Script();
      script.write(SET).returned(done(7));
      script.write(INCREMENT).unknown();
      script.write(INCREMENT).returned(done(last, counted(2)));
      return script.verdict();
    };
    expect(between(9)).toBe("linearizable");
    expect(between(8)).toBe("violation");
  });
});

test("no two recorded events have the same time, on a clock that stands still", () => {
  const history: RecordedOperation[] = [];
  const recorder = new HistoryRecorder({
    nowMs: () => 5,
    record: (operation) => void history.push(operation),
  });
  const operation = { kind: "get", key: "k", columns: null } as const;
  const [first, second] = [0, 1].map(() => recorder.begin({ client: "c", operation }));
  first?.returned({ kind: "read", row: null });
  expect(() => first?.unknown()).toThrow("ends twice");
  second?.unknown();
  recorder.begin({ client: "c", operation });
  recorder.finish();
  expect(history.map(({ call, outcome }) => [call, outcome?.at ?? null])).toEqual([
    [5, 5.002],
    [5.001, null],
    [5.003, null],
  ]);
});
