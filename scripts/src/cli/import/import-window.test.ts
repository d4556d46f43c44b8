import { expect, test } from "vitest";
import { ImportWindow } from "./import-window.ts";
import type { PendingLine } from "./import-window.ts";

function windowOf(...texts: (string | null)[]): ImportWindow {
  const window = new ImportWindow({ maxLines: 5, maxBytes: 1000 });
  for (const [index, text] of texts.entries()) {
    window.add({
      number: index + 1,
      endOffset: 0,
      rows: 0,
      bytes: text === null ? null : Buffer.from(text),
      input: Buffer.from(text ?? "unreadable"),
      failure: text === null ? { status: 400, code: "INVALID_REQUEST", detail: "" } : null,
    });
  }
  return window;
}

const numbers = (lines: readonly PendingLine[]): number[] => lines.map(({ number }) => number);
const failure = { status: 422, code: "FAMILY_NOT_FOUND", detail: "" };

test("lines leave in order as they are decided, those never sent with those before them", () => {
  const window = windowOf(null, "a", "b", null, "c");
  expect(window.takeUnsent(100).toString()).toBe("a\nb\nc\n");
  expect(window.requestLines).toBe(3);
  expect(numbers(window.decideThrough(0))).toEqual([1]);
  window.fail(2, failure);
  const decided = window.decideThrough(2);
  expect(numbers(decided)).toEqual([2, 3, 4]);
  expect(decided.map((line) => line.failure?.code)).toEqual([
    undefined,
    "FAMILY_NOT_FOUND",
    "INVALID_REQUEST",
  ]);
  expect(numbers(window.decideThrough(3))).toEqual([5]);
  expect(window.isEmpty).toBe(true);
});

test("a new request sends what is undecided, and forgets the failures of the old one", () => {
  const window = windowOf("a", "b", "c");
  window.takeUnsent(100);
  window.decideThrough(1);
  window.fail(3, failure);
  window.beginRequest();
  expect(window.takeUnsent(100).toString()).toBe("b\nc\n");
  expect(window.decideThrough(2).map((line) => line.failure)).toEqual([null, null]);
});

test("a failure that may pass holds back its line and all behind it", () => {
  const window = windowOf("a", "b", "c");
  window.takeUnsent(100);
  window.hold(2);
  expect(window.isHeld).toBe(true);
  expect(numbers(window.decideThrough(3))).toEqual([1]);
  window.beginRequest();
  expect(window.isHeld).toBe(false);
  expect(window.takeUnsent(100).toString()).toBe("b\nc\n");
});

test("chunks are about as large as asked, and the window says when it is full", () => {
  const window = windowOf("aaaa", "bbbb", "cccc", "d", "e");
  expect(window.isFull).toBe(true);
  expect(window.takeUnsent(6).toString()).toBe("aaaa\nbbbb\n");
  window.decideThrough(1);
  expect(window.isFull).toBe(false);
  expect(window.takeUnsent(100).toString()).toBe("cccc\nd\ne\n");
  expect(window.hasUnsent).toBe(false);
});
