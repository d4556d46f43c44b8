import { expect, test } from "vitest";
import type { WriteOperation } from "../check/history/row-operation.ts";
import { projectionOf, rangeOf, rowWriteOf } from "./product-writes.ts";
import { writeOperationOf } from "./testing/write-operations.ts";

const BASE: WriteOperation = {
  kind: "write",
  key: "\xff\x00k",
  expected: { kind: "anything" },
  test: null,
  mutations: [{ kind: "delete-row" }],
};

const WRITES: readonly WriteOperation[] = [
  BASE,
  { ...BASE, expected: { kind: "no-row" } },
  { ...BASE, expected: { kind: "version", version: 17 } },
  { ...BASE, test: { column: "d:v", equals: null } },
  { ...BASE, test: { column: "d:\\xFF", equals: '{"b64":"_w"}' } },
  {
    ...BASE,
    mutations: [
      { kind: "delete", column: "d:v" },
      { kind: "delete-family", family: "d" },
      { kind: "set", column: "d:v:w", value: '"ä"' },
      { kind: "set", column: "d:", value: '{"int64":"-5"}' },
      { kind: "increment", column: "d:n", amount: "-9223372036854775808" },
      { kind: "append", column: "d:l", value: '"x"' },
    ],
  },
];

test("a write of a history is the product's write that is recorded as it", () => {
  expect(WRITES.map((each) => writeOperationOf(rowWriteOf(each, null)))).toEqual(WRITES);
});

test("attempts of one request carry the same fingerprint, and others another", () => {
  const prints = [...WRITES, ...WRITES].map((each) => {
    const { idempotency } = rowWriteOf(each, "q1");
    return `${idempotency?.key} ${idempotency?.fingerprint.toString("hex")}`;
  });
  expect(new Set(prints).size).toBe(WRITES.length);
});

test("columns and ranges are those of the REST API", () => {
  expect(projectionOf(null).columns).toBeNull();
  expect(projectionOf(["d", "d:a:b"]).columns).toEqual([
    { family: "d", qualifier: null },
    { family: "d", qualifier: Buffer.from("a:b") },
  ]);
  const scan = { kind: "scan", start: "\xc3", end: null, reverse: true, columns: null } as const;
  expect(rangeOf(scan)).toEqual({ start: Buffer.from([0xc3]), end: null });
});
