import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { HistoryFormatError } from "./history-format-error.ts";
import { CLEAN, generateHistory } from "../testing/generated-history.ts";
import { parseHistoryLine } from "./history-line.ts";
import { renderHistoryLine } from "./render-history-line.ts";
import type { RecordedOperation, RowMutation } from "./row-operation.ts";

const parse = (line: string, number: number): RecordedOperation =>
  parseHistoryLine(Buffer.from(line), number);

const octets = fc
  .uint8Array({ minLength: 1, maxLength: 6 })
  .map((bytes) => Buffer.from(bytes).toString("latin1"));
const column = fc.constantFrom("d:", "d:v", "e:ä", "d:\\xFF", "d:\\\\");
const value = fc.constantFrom('""', '"v"', '"\\u0000\\""', '{"b64":"_w"}', '{"int64":"-5"}');
const version = fc.nat();
const columns = fc
  .uniqueArray(column)
  .chain((names) =>
    fc
      .array(value, { minLength: names.length, maxLength: names.length })
      .map((values) => new Map(names.map((name, at) => [name, values[at] as string]))),
  );
const mutation: fc.Arbitrary<RowMutation> = fc.oneof(
  fc.record({ kind: fc.constant("set" as const), column, value }),
  fc.record({ kind: fc.constant("append" as const), column, value }),
  fc.record({ kind: fc.constant("delete" as const), column }),
  fc.record({ kind: fc.constant("delete-family" as const), family: fc.constant("d") }),
  fc.constant({ kind: "delete-row" as const }),
  fc.record({
    kind: fc.constant("increment" as const),
    column,
    amount: fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n).map(String),
  }),
);
const names = fc.option(fc.uniqueArray(fc.oneof(column, fc.constant("d")), { minLength: 1 }));
const write = fc.record({
  kind: fc.constant("write" as const),
  key: octets,
  expected: fc.oneof(
    fc.constant({ kind: "anything" as const }),
    fc.constant({ kind: "no-row" as const }),
    version.map((known) => ({ kind: "version" as const, version: known })),
  ),
  test: fc.option(fc.record({ column, equals: fc.option(value) })),
  mutations: fc.array(mutation, { minLength: 1, maxLength: 4 }),
});
const written = fc.record({
  kind: fc.constant("written" as const),
  version: fc.option(version),
  matched: fc.boolean(),
  computed: fc.option(columns),
});
const failed = fc.oneof(
  fc.record({
    kind: fc.constant("failed" as const),
    code: fc.constantFrom("VERSION_MISMATCH" as const, "ROW_EXISTS" as const),
    version: fc.option(version),
  }),
  fc.constant({ kind: "failed" as const, code: "THROTTLED" as const, version: null }),
);
const get = fc.record({ kind: fc.constant("get" as const), key: octets, columns: names });
const read = fc.record({
  kind: fc.constant("read" as const),
  row: fc.option(fc.record({ version, columns })),
});
const scan = fc.record({
  kind: fc.constant("scan" as const),
  start: fc.option(octets),
  end: fc.option(octets),
  reverse: fc.boolean(),
  columns: names,
});
const scanned = fc.record({
  kind: fc.constant("scanned" as const),
  rows: fc.array(fc.record({ key: octets, version, columns: fc.option(columns) }), {
    maxLength: 3,
  }),
  resume: fc.option(octets),
});
const time = fc.nat().map((micros) => micros / 1000);

function recorded(
  operation: fc.Arbitrary<RecordedOperation["operation"]>,
  output: fc.Arbitrary<NonNullable<RecordedOperation["outcome"]>["output"]>,
  request: fc.Arbitrary<string | null>,
): fc.Arbitrary<RecordedOperation> {
  return fc
    .record({
      client: fc.string({ minLength: 1 }),
      call: time,
      operation,
      outcome: fc.option(fc.record({ at: time, output })),
      request,
      batch: fc.option(fc.record({ id: fc.string({ minLength: 1 }), index: fc.nat() })),
    })
    .map((drawn) => {
      if (drawn.outcome === null) return drawn;
      const at = drawn.call + drawn.outcome.at;
      return { ...drawn, outcome: { ...drawn.outcome, at } };
    });
}

const any = fc.oneof(
  recorded(write, fc.oneof(written, failed), fc.option(fc.string({ minLength: 1 }))),
  recorded(get, fc.oneof(read, failed), fc.constant(null)),
  recorded(scan, scanned, fc.constant(null)),
);

describe("a line of a history", () => {
  test("that was rendered parses to the same operation", () => {
    fc.assert(
      fc.property(any, (operation) => {
        const line = renderHistoryLine(operation);
        expect(line).not.toContain("\n");
        expect(parse(line, 1)).toEqual(operation);
      }),
      { numRuns: 500 },
    );
  });

  test("of a generated history too", () => {
    const history = generateHistory(CLEAN);
    const lines = history.map(renderHistoryLine);
    expect(lines.map((line, at) => parse(line, at + 1))).toEqual(history);
  });

  test("with bytes changed is refused with its number, or means something valid", () => {
    const line = fc.tuple(any, fc.nat(), fc.string({ minLength: 1, maxLength: 3 }));
    fc.assert(
      fc.property(line, ([operation, place, noise]) => {
        const text = renderHistoryLine(operation);
        const at = place % text.length;
        const damaged = text.slice(0, at) + noise + text.slice(at + noise.length);
        try {
          const parsed = parse(damaged, 7);
          expect(parse(renderHistoryLine(parsed), 7)).toEqual(parsed);
        } catch (error) {
          expect(error).toBeInstanceOf(HistoryFormatError);
          expect((error as Error).message).toMatch(/^line 7: /);
        }
      }),
      { numRuns: 500 },
    );
  });

  const good = {
    client: "c1",
    call: 1,
    return: 2,
    key: "k",
    op: { kind: "put", columns: { "d:v": "a" } } as object,
    result: { version: "17" } as object,
  };

  test("names what is wrong with it", () => {
    const problem = (change: object): string => {
      try {
        parse(JSON.stringify({ ...good, ...change }), 3);
      } catch (error) {
        return (error as Error).message;
      }
      return "none";
    };
    expect(problem({})).toBe("none");
    const cases: [object, string][] = [
      [{ extra: 1 }, "line 3: /extra: is not known here"],
      [{ client: 5 }, "line 3: /client: must be a string"],
      [{ call: "1" }, "line 3: /call: must be milliseconds"],
      [{ call: -1 }, "line 3: /call: must be milliseconds, from 0 on"],
      [{ return: 2 ** 43 }, "line 3: /return: must be milliseconds below 8796093022208: larger"],
      [{ return: 0 }, "line 3: /return: is before the call"],
      [{ return: null }, "line 3: /return: is null, but the result is known"],
      [{ result: { unknown: true } }, "line 3: /return: must be null"],
      [{ key: undefined }, "line 3: /key: is missing"],
      [{ key: "" }, "line 3: /key: is not a row key"],
      [{ op: { kind: "scan" } }, "line 3: /key: a scan has no key"],
      [{ op: { kind: "move" } }, "line 3: /op/kind: must be one of get, put"],
      [{ op: { kind: "put", columns: {} } }, "line 3: /op/columns: has no column"],
      [{ op: { kind: "put", columns: { d: "a" } } }, "line 3: /op/columns/d: names a family"],
      [{ op: { kind: "put", columns: { "d:v": 5 } } }, "line 3: /op/columns/d:v: must be a string"],
      [{ op: { kind: "mutate", mutations: [{}] } }, "line 3: /op/mutations/0/delete: must be"],
      [{ op: { kind: "put", columns: { "d:v": "a" }, ifVersion: 17 } }, "line 3: /op/ifVersion: "],
      [{ result: { version: "-1" } }, "line 3: /result/version: must be microseconds"],
      [{ result: { failed: "NO_SUCH" } }, "line 3: /result/failed: must be an error code"],
      [{ result: { failed: "VERSION_MISMATCH" } }, "line 3: /result/version: must be"],
      [{ result: { failed: "THROTTLED", version: null } }, "line 3: /result/version: does not"],
      [{ op: { kind: "get" }, request: "q" }, "line 3: /request: belongs to writes only"],
      [{ batch: { id: "b" } }, "line 3: /batch/index: must be an integer"],
    ];
    for (const [change, message] of cases) expect(problem(change)).toContain(message);
    expect(() => parse("{", 9)).toThrow(/^line 9: the line is not JSON: /);
  });

  test("is refused where it would be read as something else", () => {
    const text = JSON.stringify(good);
    const refused = (line: string, encoding: "utf8" | "latin1" = "utf8"): (() => unknown) => {
      expect(line).not.toBe(text);
      return () => parseHistoryLine(Buffer.from(line, encoding), 3);
    };
    const value = text.replace('"d:v":"a"', '"d:v":"\xff"');
    expect(refused(value)).not.toThrow();
    expect(refused(value, "latin1")).toThrow("line 3: the line is not UTF-8");
    expect(refused(text.replace('"a"', '"\\ud800"'))).toThrow("line 3: the line holds a lone surr");
    const result = text.replace('"result":', '"result":{"version":"16"},"result":');
    expect(refused(result)).toThrow("line 3: /result: is given twice");
    const column = text.replace('"d:v":"a"', '"d:v":"a","d:v":"b"');
    expect(refused(column)).toThrow("line 3: /op/columns/d:v: is given twice");
    expect(refused(text.replace('"return":2', '"return":1e999'))).toThrow("line 3: /return: must");
  });

  test("keeps times apart that differ by a microsecond, up to the latest", () => {
    const [call, end] = [2 ** 43 - 0.002, 2 ** 43 - 0.001];
    const { call: read, outcome } = parse(JSON.stringify({ ...good, call, return: end }), 1);
    expect(read).toBeLessThan(outcome?.at ?? 0);
  });
});
