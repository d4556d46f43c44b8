import { expect, test } from "vitest";
import { importLine } from "./import-line.ts";

const key = (): string => "id/7";
const line = (value: unknown) => importLine(Buffer.from(JSON.stringify(value)), key);
const sent = (value: unknown): unknown => {
  const result = line(value);
  return result.kind === "send" ? JSON.parse(result.bytes.toString()) : result.kind;
};

test("rows and repeatable operations are sent as they are", () => {
  for (const value of [
    { key: "a", columns: { "d:x": "1" } },
    { version: "1", key: "a", columns: {} },
    { put: { key: "a", columns: {} } },
    { delete: { key: "a" } },
    { patch: { key: "a", idempotencyKey: "own" } },
  ]) {
    expect(sent(value)).toEqual(value);
  }
});

test("what must not be applied twice gets a key of its line", () => {
  expect(sent({ patch: { key: "a", increment: { "d:n": 1 } } })).toEqual({
    patch: { key: "a", increment: { "d:n": 1 }, idempotencyKey: "id/7" },
  });
  for (const name of ["put", "delete"]) {
    expect(sent({ [name]: { key: "a", ifVersion: null } })).toEqual({
      [name]: { key: "a", ifVersion: null, idempotencyKey: "id/7" },
    });
  }
  expect(sent({ delete: { key: "a" }, ifVersion: "5" })).toEqual({
    delete: { key: "a" },
    ifVersion: "5",
    idempotencyKey: "id/7",
  });
});

test("control lines and blank lines are not sent", () => {
  expect(line({ progress: { nextPageToken: "x" } })).toEqual({ kind: "skip" });
  expect(line({ end: { rows: 3 } })).toEqual({ kind: "end", rows: 3 });
  expect(line({ error: { code: "DEADLINE" } })).toMatchObject({ kind: "error" });
  expect(importLine(Buffer.from(" \r"), key)).toEqual({ kind: "skip" });
});

test("a line of a rejects file is its input", () => {
  const row = { key: "a", columns: {} };
  expect(sent({ line: 3, status: 422, code: "X", detail: "", input: row })).toEqual(row);
  expect(sent({ line: 3, status: 422, code: "X", detail: "", input: JSON.stringify(row) })).toEqual(
    row,
  );
});

test("what is not JSON is the server's to refuse", () => {
  const bytes = Buffer.from("{oops");
  expect(importLine(bytes, key)).toEqual({ kind: "send", bytes, isRow: false });
});
