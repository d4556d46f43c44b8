import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { makeDirectories } from "./make-directories.adapter.ts";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "stele-directories-"));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

test("directories are made from the first that is missing, and one that exists is fine", () => {
  const path = join(folder, "a", "b", "c");
  makeDirectories(path);
  makeDirectories(path);
  expect(statSync(path).isDirectory()).toBe(true);
});

test("a file in the way, itself or above, is refused", () => {
  const file = join(folder, "file");
  writeFileSync(file, "");
  expect(() => makeDirectories(file)).toThrow("EEXIST");
  expect(() => makeDirectories(join(file, "a", "b"))).toThrow("ENOTDIR");
});

test.runIf(existsSync("/proc/self"))(
  "a file system that takes no directory is no endless try",
  () => {
    expect(() => makeDirectories("/proc/stele-none/logs")).toThrow("ENOENT");
  },
);
