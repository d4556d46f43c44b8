/** A short run of the nemesis: three masters and three tablet servers, killed, stopped and cut off. */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { runNemesis } from "./nemesis-run.ts";

/** Draws every one of the kinds within its first four seconds. */
const SEED = 225;
const KINDS = ["cut", "kill", "one-way", "pause"] as const;

let directory: string;
const told: string[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "stele-nemesis-test-"));
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

test("what clients were told holds while processes are killed, stopped and cut off", async () => {
  const report = await runNemesis({
    sizes: { masters: 3, tabletServers: 3, frontends: 1 },
    durationMs: 6_000,
    seed: SEED,
    kinds: KINDS,
    clients: 6,
    directory,
    tell: (line) => void told.push(line),
    stop: new AbortController().signal,
  });
  expect(report.problems, told.join("\n")).toEqual([]);
  expect([...report.faults.keys()].toSorted()).toEqual(KINDS);
  expect(report.marks.get("write acknowledged")).toBeGreaterThan(20);
  expect(report.tabletsCompared).toBeGreaterThan(0);
  // Nothing found: nothing kept.
  expect(existsSync(directory)).toBe(false);
});
