/** A short run of the nemesis: three masters and three tablet servers, killed, stopped and cut off. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
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

test("an interrupt and its echo end a start that is under way, and nothing is left of it", async () => {
  const main = fileURLToPath(new URL("main.ts", import.meta.url));
  const child = spawn(process.execPath, [main, "--seed", "7"], {
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...process.env, TMPDIR: directory },
  });
  try {
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
    await once(child.stderr, "data");
    child.kill("SIGINT");
    child.kill("SIGINT");
    expect(await once(child, "close")).toEqual([130, null]);
    expect(said).toMatch(/^seed 7; .*\nnemesis: interrupted, stopping \(again: at once\)\n$/);
    expect(readdirSync(directory).filter((name) => name.startsWith("stele-"))).toEqual([]);
  } finally {
    child.kill("SIGKILL");
  }
});
