import {
  closeSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { lastLogLines, openProcessLog } from "./process-log.ts";

let directory: string;
let path: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "stele-log-"));
  path = join(directory, "ts1.log");
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function append(text: string): void {
  const file = openProcessLog(path);
  writeSync(file, text);
  closeSync(file);
}

test("a log is appended to, until it is large and moved aside", () => {
  append("first\n");
  append("second\n");
  expect(readFileSync(path, "utf8")).toBe("first\nsecond\n");
  expect(existsSync(`${path}.1`)).toBe(false);
  truncateSync(path, 17 * 1024 * 1024);
  append("third\n");
  expect(readFileSync(path, "utf8")).toBe("third\n");
  expect(readFileSync(`${path}.1`, "utf8")).toMatch(/^first\nsecond\n/);
});

test("the last lines are those of the latest process, without reading all of it", () => {
  writeFileSync(path, `${"old\n".repeat(50_000)}new 1\n\nnew 2\n`);
  const from = 4 * 50_000;
  expect(lastLogLines(path, 8, from)).toEqual(["new 1", "new 2"]);
  expect(lastLogLines(path, 1, from)).toEqual(["new 2"]);
  expect(lastLogLines(path, 3)).toEqual(["old", "new 1", "new 2"]);
  expect(lastLogLines(join(directory, "none"), 3)).toEqual([]);
});
