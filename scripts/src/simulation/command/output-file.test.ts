import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { assertWritable, OutputFile, writeWhole } from "./output-file.adapter.ts";

const FULL = "/dev/full";

let directory = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "stele-output-"));
});
afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

test("a file that cannot be written is named, with the reason in words", () => {
  const path = join(directory, "none", "x");
  const message = `cannot write ${path}: no such file or directory`;
  expect(() => assertWritable(path)).toThrow(message);
  expect(() => OutputFile.open(path)).toThrow(message);
  expect(() => assertWritable(directory)).toThrow("illegal operation on a directory");
});

test("what is written is in the file at once, and a check leaves what was there", () => {
  const path = join(directory, "x");
  writeFileSync(path, "before");
  assertWritable(path);
  expect(readFileSync(path, "utf8")).toBe("before");
  const file = OutputFile.open(path);
  file.write("one\n");
  file.write("two\n");
  expect(readFileSync(path, "utf8")).toBe("one\ntwo\n");
  file.close();
  writeWhole(path, "all");
  expect(readFileSync(path, "utf8")).toBe("all");
});

test.skipIf(!existsSync(FULL))("a write that fails is told when the file is closed", () => {
  const file = OutputFile.open(FULL);
  file.write("one\n");
  file.write("two\n");
  expect(() => file.close()).toThrow(`cannot write ${FULL}: no space left on device`);
});
