import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { makeRunDirectory, removeWithoutFiles, RunDirectoryError } from "./run-directory.ts";

let parent: string;

beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), "stele-run-directory-"));
});

afterEach(() => rmSync(parent, { recursive: true, force: true }));

test("a directory goes if nothing was kept, in no round either", () => {
  const directory = makeRunDirectory(parent, 7);
  expect(dirname(directory)).toBe(parent);
  mkdirSync(join(directory, "seed-7"));
  writeFileSync(join(directory, "seed-7", "faults.ndjson"), "");
  expect(removeWithoutFiles(directory)).toBe(false);
  rmSync(join(directory, "seed-7", "faults.ndjson"));
  expect(removeWithoutFiles(directory)).toBe(true);
  expect(existsSync(directory)).toBe(false);
  expect(removeWithoutFiles(directory)).toBe(true);
});

test("a parent that takes no directory is named", () => {
  const file = join(parent, "file");
  writeFileSync(file, "");
  for (const wrong of [file, join(parent, "none")]) {
    expect(() => makeRunDirectory(wrong, 7)).toThrow(RunDirectoryError);
    expect(() => makeRunDirectory(wrong, 7)).toThrow(`cannot make a directory in ${wrong}: ENO`);
  }
});
