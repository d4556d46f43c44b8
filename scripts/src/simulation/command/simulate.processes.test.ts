import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { SEEDS_FOR_MARKS } from "./run-figures.ts";
import { runSeeds } from "./run-seeds.adapter.ts";
import { simulate } from "./simulate.adapter.ts";
import { FATES } from "./testing/fabricated-run.ts";

const runModule = new URL("./testing/fabricated-run.ts", import.meta.url);
const main = fileURLToPath(new URL("./testing/fabricated-main.ts", import.meta.url));
const HANG_LIMIT_MS = 1_500;

let directory = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "stele-simulate-"));
});
afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

interface Ran {
  readonly exitCode: number;
  readonly out: string;
  readonly err: string;
}

function command(...args: string[]): Promise<Ran> {
  return commandOn({ isTTY: false, interrupted: new AbortController().signal }, args);
}

async function commandOn(
  { isTTY, interrupted }: { readonly isTTY: boolean; readonly interrupted: AbortSignal },
  args: readonly string[],
): Promise<Ran> {
  let out = "";
  let err = "";
  const exitCode = await simulate(args, {
    stdout: { write: (text) => (out += text) },
    stderr: { write: (text) => (err += text), isTTY },
    cores: 2,
    runModule,
    interrupted: () => interrupted,
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
  const last = out.trimEnd().split("\n").at(-1);
  const [, faults = ""] = /^replay: .* --seed 13 --faults '(.*)' --verbose$/.exec(last ?? "") ?? [];
  const replayed = await command("--seed", "13", "--faults", faults, "--verbose");
  expect(replayed.exitCode).toBe(1);
  expect(replayed.out).toContain("runs seed 13 with 1 faults");
  expect(replayed.out).toContain("seed 13: liveness, at 1235 ms: a write hangs");
});

test("marks that none of many runs met end the command with 1", async () => {
  const many = await command("--seeds", String(SEEDS_FOR_MARKS), "--from", "2000");
  expect(many.exitCode).toBe(1);
  expect(many.out).toMatch(/^marks at zero: .*write refused/m);
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
  const { err } = await command("--seed", "99999999999999999999");
  expect(err).toContain("It must be a whole number from 0 to 999999999999999.");
});

test("a file that cannot be written is refused before anything runs", async () => {
  const path = join(directory, "none", "x");
  const err = `error: cannot write ${path}: no such file or directory\n`;
  const refused = { exitCode: 2, out: "", err };
  expect(await command("--seeds", "1", "--json", path)).toEqual(refused);
  // It would end this process.
  expect(await command("--seed", String(FATES.dies), "--trace", path)).toEqual(refused);
});

test("an interrupted range gives a terminal its cursor back, and tells how far it came", async () => {
  const isTTY = true;
  const interrupted = AbortSignal.abort("SIGTERM");
  const { exitCode, out, err } = await commandOn({ isTTY, interrupted }, ["--seeds", "5"]);
  expect(exitCode).toBe(143);
  expect(out).toMatch(/^0 seeds from 1 on, .* 0 failed$/m);
  const [, shown = ""] = err.split("\x1b[?25l");
  expect(shown).toContain("\x1b[?25h");
  expect(shown).toMatch(/simulate: interrupted after 0 of 5 seeds\n$/);
});

test("a process that a signal asked to end stops the range, and is no failure of its seed", async () => {
  const result = await runSeeds({ from: FATES.asked - 1, seeds: 3, jobs: 1, runModule });
  expect(result).toMatchObject({ failures: [], figures: { seeds: 1 }, stoppedBy: "SIGTERM" });
});

test("Ctrl-C keeps what was found, and ends a run that hangs", async () => {
  const args = ["--from", "12", "--seeds", "3", "--jobs", "1", "--keep-going"];
  // In a process group of its own, which tells whether any process is left.
  const child = spawn(process.execPath, [main, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  const group = -(child.pid ?? 0);
  try {
    let out = "";
    let err = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (err += text));
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      // Once when there is something to lose, and again while it is told, as npm hands on what it got.
      child.kill("SIGINT");
      out += text;
    });
    const ended = await once(child, "close");
    expect(ended).toEqual([130, null]);
    expect(out).toMatch(/^seed 13: liveness, at 1235 ms: a write hangs\nreplay: /m);
    expect(out).toMatch(/^2 seeds from 12 on, .* 1 failed\nfailed: seed 13\nreplay: .*\n$/m);
    expect(err).toBe("simulate: interrupted after 2 of 3 seeds\n");
    expect(() => process.kill(group, 0)).toThrow("ESRCH");
  } finally {
    const isOver = child.exitCode !== null || child.signalCode !== null;
    if (!isOver) process.kill(group, "SIGKILL");
  }
});

test("a reader that leaves the pipe early is no error", async () => {
  const child = spawn(process.execPath, [main, "--seed", "20", "--verbose"], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  child.stdout.destroy();
  let err = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (err += text));
  const [code] = (await once(child, "close")) as [number | null];
  expect([code, err]).toEqual([0, ""]);
});
