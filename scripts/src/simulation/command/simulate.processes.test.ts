import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { SEEDS_FOR_MARKS } from "./run-figures.ts";
import { runSeeds } from "./run-seeds.adapter.ts";
import { simulate } from "./simulate.adapter.ts";
import { FATES } from "./testing/fabricated-run.ts";

const runModule = new URL("./testing/fabricated-run.ts", import.meta.url);
const HANG_LIMIT_MS = 1_500;

let directory = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "stele-simulate-"));
});
afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

async function command(...args: string[]): Promise<{ exitCode: number; out: string; err: string }> {
  let out = "";
  let err = "";
  const exitCode = await simulate(args, {
    stdout: { write: (text) => (out += text) },
    stderr: { write: (text) => (err += text) },
    cores: 2,
    runModule,
  });
  return { exitCode, out, err };
}

test("a seed that hangs, dies or throws is named, and the seeds around it run", async () => {
  const { figures, failures } = await runSeeds({
    from: FATES.violated - 3,
    seeds: 10,
    jobs: 2,
    keepGoing: true,
    limitMs: HANG_LIMIT_MS,
    runModule,
  });
  expect(failures.map(({ seed, trouble }) => [seed, trouble.kind])).toEqual([
    [FATES.violated, "violation"],
    [FATES.hangs, "hung"],
    [FATES.dies, "crashed"],
    [FATES.throws, "threw"],
  ]);
  expect(failures[2]?.trouble).toMatchObject({
    detail: "its process ended with 7\na last word",
  });
  expect(figures.view()).toMatchObject({ seeds: 10, failures: 4, operations: 70 });
});

test("many seeds end with a line of figures, which may be written as JSON", async () => {
  const json = join(directory, "figures.json");
  const { exitCode, out } = await command("--seeds", "6", "--from", "20", "--json", json);
  expect(exitCode).toBe(0);
  expect(out.trimEnd().split("\n").at(-1)).toMatch(/^6 seeds .* 0 failed$/);
  const figures: unknown = JSON.parse(readFileSync(json, "utf8"));
  expect(figures).toMatchObject({ seeds: 6, faultsByKind: { crash: 48 }, failures: 0 });
});

test("a failure ends the command with 1, the faults that it needs and how to replay it", async () => {
  const { exitCode, out } = await command("--seeds", "30", "--from", "13", "--jobs", "1");
  expect(exitCode).toBe(1);
  expect(out).toContain("shrunk to 1 of 8 faults");
  const [, faults = ""] = /--seed 13 --faults '(.*)' --verbose/.exec(out) ?? [];
  const replayed = await command("--seed", "13", "--faults", faults, "--verbose");
  expect(replayed.exitCode).toBe(1);
  expect(replayed.out).toContain("runs seed 13 with 1 faults");
  expect(replayed.out).toContain("seed 13: liveness, at 1235 ms: a write hangs");
});

test("marks that no run met end the command with 1, once there are many runs", async () => {
  const few = await command("--seeds", String(SEEDS_FOR_MARKS - 1), "--from", "2000");
  expect(few.exitCode).toBe(0);
  expect(few.out).toMatch(/^marks at zero: .*write refused/m);
  const many = await command("--seeds", String(SEEDS_FOR_MARKS), "--from", "2000");
  expect(many.exitCode).toBe(1);
  expect(many.out).toMatch(/^failed: 2000 seeds, .*never met: .*write refused/m);
  expect(many.out).not.toMatch(/never met: .*write acknowledged/);
});

test("a replay writes its trace to a file", async () => {
  const file = join(directory, "trace");
  const { exitCode, out } = await command("--seed", "20", "--trace", file);
  expect(exitCode).toBe(0);
  expect(readFileSync(file, "utf8")).toBe("    0.1000 ts1  runs seed 20 with 8 faults\n");
  expect(out).toContain("options: masters=3 tablets=5\n8 faults:\n  #1 at 0 ms");
  expect(out).toContain("trace hash hash of 20");
});

test("options that make no sense are refused", async () => {
  const refused = [
    [],
    ["--seed", "1", "--seeds", "2"],
    ["--seeds", "many"],
    ["--seeds", "0"],
    ["--seeds", "2", "--jobs", "0"],
    ["--seed", "1", "--faults", '[{"id":1}]'],
    ["--seeds", "2", "--verbose"],
  ];
  for (const args of refused) {
    const { exitCode, out, err } = await command(...args);
    expect([exitCode, out], args.join(" ")).toEqual([2, ""]);
    expect(err, args.join(" ")).toMatch(/^error: /);
  }
});
