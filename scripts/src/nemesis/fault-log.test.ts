import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "@stele/shared/clock.ts";
import { FaultLog } from "./fault-log.ts";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "stele-fault-log-"));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

test("the first line of the faults says what wall time their clock began at", () => {
  const path = join(folder, "faults.ndjson");
  const wallMicros = (): number => Date.parse("2026-03-01T12:00:05.250Z") * 1000;
  const clock = { ...systemClock, monotonicMs: () => 5_250, wallMicros };
  const log = new FaultLog({ path, clock, tell: () => {} });
  expect(existsSync(path)).toBe(false);
  log.note("the tables are there");
  log.fault(1, "kill", "inflict", "kill ts1");
  expect(readFileSync(path, "utf8").trimEnd().split("\n")).toEqual([
    '{"atMs":0,"wallTime":"2026-03-01T12:00:00.000Z"}',
    '{"atMs":5250,"note":"the tables are there"}',
    '{"atMs":5250,"fault":1,"kind":"kill","stage":"inflict","text":"kill ts1"}',
  ]);
});
