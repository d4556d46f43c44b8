import { describe, expect, test } from "vitest";
import type { RecordedOperation, RowMutation } from "./history/row-operation.ts";
import { describeScanProblem, scanProblems, summarizeScanProblems } from "./scan-coverage.ts";
import { CLEAN, generateHistory } from "./testing/generated-history.ts";

const SET: RowMutation = { kind: "set", column: "d:v", value: '"x"' };
const DELETE: RowMutation = { kind: "delete-row" };

function write(
  key: string,
  [call, returned]: [number, number | null],
  { mutation = SET, request = null }: { mutation?: RowMutation; request?: string | null } = {},
): RecordedOperation {
  const version = mutation === SET ? 1 : null;
  const output = { kind: "written", version, matched: true, computed: null } as const;
  return {
    client: "w",
    call,
    operation: {
      kind: "write",
      key,
      expected: { kind: "anything" },
      test: null,
      mutations: [mutation],
    },
    outcome: returned === null ? null : { at: returned, output },
    request,
    batch: null,
  };
}

interface ScanShape {
  readonly start?: string;
  readonly end?: string;
  readonly reverse?: boolean;
  readonly resume?: string;
  readonly columns?: readonly string[];
}

/** During 10 to 20. */
function scan(keys: string, shape: ScanShape = {}): RecordedOperation {
  const { start = null, end = null, reverse = false, resume = null, columns = null } = shape;
  const rows = keys.split("").map((key) => ({ key, version: 1, columns: null }));
  return {
    client: "s",
    call: 10,
    operation: { kind: "scan", start, end, reverse, columns },
    outcome: { at: 20, output: { kind: "scanned", rows, resume } },
    request: null,
    batch: null,
  };
}

const problems = (history: readonly RecordedOperation[]): string[] =>
  scanProblems(history).map(({ kind, key }) => `${kind} ${key}`);

describe("a scan must show a row", () => {
  test("that was acknowledged before the scan began", () => {
    expect(problems([write("a", [1, 2]), write("b", [1, 2]), scan("b")])).toEqual(["missing a"]);
    expect(problems([write("a", [1, 10]), scan("")])).toEqual([]);
    expect(problems([write("a", [1, null]), scan("")])).toEqual([]);
  });

  test("that an earlier scan showed", () => {
    const earlier = { ...scan("a"), call: 3, outcome: { ...scan("a").outcome!, at: 5 } };
    expect(problems([write("a", [1, null]), earlier, scan("")])).toEqual(["missing a"]);
  });

  test("unless a delete may have come between", () => {
    const made = write("a", [4, 5]);
    const remove = (call: number, returned: number | null): RecordedOperation =>
      write("a", [call, returned], { mutation: DELETE });
    expect(problems([made, remove(1, 3), scan("")])).toEqual(["missing a"]);
    expect(problems([made, remove(21, 22), scan("")])).toEqual(["missing a"]);
    expect(problems([made, remove(1, 4), scan("")])).toEqual([]);
    expect(problems([made, remove(6, 7), scan("")])).toEqual([]);
    expect(problems([made, remove(20, 25), scan("")])).toEqual([]);
    expect(problems([made, remove(1, null), scan("")])).toEqual([]);
  });

  test("unless the acknowledgement may repeat that of an attempt before a delete", () => {
    const attempts = [
      write("a", [1, null], { request: "q" }),
      write("a", [5, 6], { request: "q" }),
    ];
    const remove = write("a", [2, 3], { mutation: DELETE });
    expect(problems([...attempts, remove, scan("")])).toEqual([]);
  });

  test("only where it has read", () => {
    const rows = ["a", "b", "c", "d"].map((key) => write(key, [1, 2]));
    expect(problems([...rows, scan("b", { start: "b", end: "c" })])).toEqual([]);
    expect(problems([...rows, scan("a", { resume: "b" })])).toEqual([]);
    expect(problems([...rows, scan("a", { resume: "c" })])).toEqual(["missing b"]);
    expect(problems([...rows, scan("d", { reverse: true, resume: "d" })])).toEqual([]);
    expect(problems([...rows, scan("d", { reverse: true, resume: "c" })])).toEqual(["missing c"]);
    expect(problems([...rows, scan("", { columns: ["d:other"] })])).toEqual([]);
  });
});

describe("a scan must not show a row", () => {
  const rows = ["a", "b", "c"].map((key) => write(key, [1, 2]));

  test("twice, out of order, or out of its range", () => {
    expect(problems([...rows, scan("abcb")])).toEqual(["repeated b"]);
    expect(problems([...rows, scan("bac")])).toEqual(["out-of-order a"]);
    expect(problems([...rows, scan("cba", { reverse: true })])).toEqual([]);
    expect(problems([...rows, scan("abc", { reverse: true })])).toEqual([
      "out-of-order b",
      "out-of-order c",
    ]);
    expect(problems([...rows, scan("abc", { end: "c" })])).toEqual(["out-of-range c"]);
  });

  test("that nobody had tried to write", () => {
    expect(problems([...rows, write("d", [20, 30]), scan("abcd")])).toEqual(["never-written d"]);
  });
});

describe("a problem of a scan is told", () => {
  test("with its line, and the key as the command line takes it", () => {
    const [found] = scanProblems([write("s/\xff2", [1, 2]), scan("")]);
    expect(describeScanProblem(found!)).toBe(
      "missing 's/\\xff2' in the scan of s from 10 to 20 (line 2)",
    );
  });

  test("in a summary that counts rows, not scans", () => {
    const rows = ["a", "b"].map((key) => write(key, [1, 2]));
    const found = scanProblems([...rows, scan("b"), scan(""), scan("abb")]);
    expect(found).toHaveLength(4);
    expect(summarizeScanProblems(found)).toBe("2 rows missing from scans, 1 row repeated in scans");
  });
});

test("order is that of bytes, not of UTF-16", () => {
  const [low, high] = ["\uffee", "\u{10000}"].map((text) => Buffer.from(text).toString("latin1"));
  const rows = [low!, high!].map((key) => write(key, [1, 2]));
  const shown = scan("");
  const output = {
    kind: "scanned",
    rows: [low!, high!].map((key) => ({ key, version: 1, columns: null })),
    resume: null,
  } as const;
  expect(problems([...rows, { ...shown, outcome: { at: 20, output } }])).toEqual([]);
});

test("scans of clean histories have no problem, and lost rows are noticed", () => {
  let [scans, noticed] = [0, 0];
  for (let seed = 1; seed <= 200; seed++) {
    const history = generateHistory({ ...CLEAN, seed });
    expect(scanProblems(history), `seed ${seed}`).toEqual([]);
    const all = history.filter(({ operation }) => operation.kind === "scan");
    scans += all.length;
    noticed += all.filter(
      (target) => scanProblems(history.map(withoutOneRow(target))).length,
    ).length;
  }
  expect(scans).toBeGreaterThan(500);
  // A row that others may have deleted meanwhile is rightly not missed.
  expect(noticed / scans).toBeGreaterThan(0.5);
});

function withoutOneRow(target: RecordedOperation) {
  return (recorded: RecordedOperation): RecordedOperation => {
    if (recorded !== target || recorded.outcome?.output.kind !== "scanned") return recorded;
    const { at, output } = recorded.outcome;
    return { ...recorded, outcome: { at, output: { ...output, rows: output.rows.slice(1) } } };
  };
}
