import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import { serverId } from "../ids.ts";
import { silentLog } from "../log.ts";
import type { Log } from "../log.ts";
import { openAddressBook } from "./address-book-file.adapter.ts";
import { AddressBook } from "./address-book.ts";
import type { AddressEntry } from "../wire/address-entry.ts";

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "stele-addresses-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function entry(number: number, announcedAtMicros: number, port = 7000): AddressEntry {
  const id = serverId(`00000000-0000-4000-8000-${String(number).padStart(12, "0")}`);
  const role = number === 0 ? "master" : "tablet-server";
  const url = `http://127.0.0.1:${port}`;
  return { serverId: id, name: `s${number}`, role, url, announcedAtMicros };
}

test("books agree whatever the order in which they hear of addresses", () => {
  const number = fc.integer({ min: 0, max: 5 });
  const announced = fc.tuple(number, number, number).map(([a, b, c]) => entry(a, b, c + 1));
  const property = fc.property(fc.array(announced), (entries) => {
    const book = new AddressBook();
    const other = new AddressBook();
    book.merge(entries);
    for (const each of entries.toReversed()) other.merge([each]);
    expect(other.entries()).toEqual(book.entries());
    expect(other.merge(book.entries())).toBe(false);
  });
  fc.assert(property);
});

test("a later announcement replaces an earlier one, never the reverse", () => {
  const book = new AddressBook();
  expect(book.merge([entry(1, 5, 7001)])).toBe(true);
  expect(book.merge([entry(1, 4, 7002)])).toBe(false);
  expect(book.merge([entry(1, 6, 7003)])).toBe(true);
  expect(book.get(entry(1, 0).serverId)?.url).toBe("http://127.0.0.1:7003");
});

test("a full book forgets who was silent longest, but keeps masters", () => {
  const book = new AddressBook(3);
  book.merge([entry(0, 1), entry(1, 5), entry(2, 3), entry(3, 4)]);
  expect(book.entries()).toEqual([entry(0, 1), entry(1, 5), entry(3, 4)]);
  expect(book.merge([entry(4, 2)])).toBe(false);
});

test("a book is found again by the next process", async () => {
  const path = join(directory, "addresses.json");
  const first = await openAddressBook(path, silentLog);
  await Promise.all([
    first.merge([entry(1, 1)]),
    first.merge([entry(2, 1)]),
    first.merge([entry(3, 1)]),
  ]);
  const second = await openAddressBook(path, silentLog);
  expect(second.book.entries()).toEqual([entry(1, 1), entry(2, 1), entry(3, 1)]);
});

test("a damaged book is left behind with a warning", async () => {
  const path = join(directory, "addresses.json");
  for (const text of [
    "{",
    "{}",
    `[{"serverId": "x"}]`,
    JSON.stringify([{ ...entry(1, 1), url: "x" }]),
  ]) {
    writeFileSync(path, text);
    const warnings: string[] = [];
    const log: Log = { ...silentLog, warn: (_, message) => warnings.push(message) };
    const { book, merge } = await openAddressBook(path, log);
    expect(book.entries()).toEqual([]);
    expect(warnings).toHaveLength(1);
    await merge([entry(1, 1)]);
    expect((await openAddressBook(path, silentLog)).book.entries()).toEqual([entry(1, 1)]);
  }
});
