import { expect, test } from "vitest";
import { SeededRandom } from "@stele/shared/random.ts";
import { HotRows } from "./hot-rows.ts";

function hotRows(count: number) {
  const marks: string[] = [];
  const mark = (name: string): void => void marks.push(name);
  const rows = new HotRows({ prefix: "r", count, random: new SeededRandom(1), mark });
  return { rows, marks };
}

test("a row has three open writes at most, those whose outcome is unknown among them", () => {
  const { rows } = hotRows(1);
  const row = rows.take(2);
  if (row === null) throw new Error("a new row has room");
  expect(rows.take(2)).toBeNull();
  expect(rows.take()).toBe(row);
  expect(rows.take()).toBeNull();
  rows.settle(row, { writes: 2, unknown: 1 });
  expect(rows.take()).toBe(row);
  expect(rows.take()).toBeNull();
});

test("a row with two unknown writes makes place for one with a fresh key", () => {
  const { rows, marks } = hotRows(1);
  const row = rows.take(3);
  if (row === null) throw new Error("a new row has room");
  rows.settle(row, { writes: 2, unknown: 2 });
  expect(marks).toEqual(["row retired after unknowns"]);
  expect(rows.any().key).not.toBe(row.key);
  rows.settle(row, { writes: 1, unknown: 1 });
  expect(marks).toHaveLength(1);
  expect(rows.all.map(({ key }) => key)).toEqual([row.key, rows.any().key]);
});

test("keys differ, and their order by bytes is not that of their characters", () => {
  const { rows } = hotRows(20);
  const keys = rows.all.map(({ key }) => key);
  expect(new Set(keys).size).toBe(20);
  const byUtf16 = [...keys].sort((a, b) => (utf8(a) < utf8(b) ? -1 : 1));
  expect(byUtf16).not.toEqual([...keys].sort());
});

function utf8(key: string): string {
  return Buffer.from(key, "latin1").toString();
}
