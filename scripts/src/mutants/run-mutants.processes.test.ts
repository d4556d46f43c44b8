import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { systemClock } from "@stele/shared/clock.ts";
import { expect, test } from "vitest";
import { mutantsNamed } from "./all-mutants.ts";
import { hunt } from "./hunt/hunt.ts";
import type { Mutant } from "./mutant.ts";
import { reportOf } from "./report.ts";
import { runMutants } from "./run-mutants.ts";

const harmless: Mutant = {
  name: "Nothing is wrong",
  number: null,
  edits: [
    { file: "shared/src/version.ts", original: "export const", replacement: "export  const" },
  ],
  catchers: ["liveness"],
};

const main = fileURLToPath(new URL("main.ts", import.meta.url));
const root = fileURLToPath(new URL("../../../", import.meta.url));

test("a planted bug is told from a patch that changes nothing", async ({ signal }) => {
  const [bug] = mutantsNamed("A follower acknowledges entries before they are durable");
  if (bug === undefined) throw new Error("the bug is not planted any more");
  const results = await runMutants({
    mutants: [bug, harmless],
    range: { from: 1, seeds: 3 },
    jobs: 2,
    root,
    clock: systemClock,
    signal,
    progress: () => undefined,
  });
  expect(results.map(({ finding }) => finding.kind)).toEqual(["caught", "survived"]);
  expect(results[0]?.finding).toMatchObject({ by: bug.catchers[0] });
  expect(reportOf(results, 2)).toContain("2 planted bugs: 1 caught");
  expect(reportOf(results, 2)).toMatch(/Nothing is wrong +SURVIVED/);
});

test("an interrupt and its echo end a run with what it found, and leave no copy behind", async () => {
  const { TMPDIR, child, output } = started("--only", "votes right after", "--seeds", "9999");
  try {
    await once(child.stderr, "data");
    child.kill("SIGINT");
    child.kill("SIGINT");
    expect(await once(child, "close")).toEqual([130, null]);
    expect(output()).toMatch(/^\[1\/1\] trying: .*\nmutants: interrupted, stopping/);
    expect(output()).toContain("0 of 1 planted bugs: 0 caught, 0 survived");
    expect(readdirSync(TMPDIR).filter((name) => name.startsWith("stele-"))).toEqual([]);
  } finally {
    child.kill("SIGKILL");
    rmSync(TMPDIR, { recursive: true, force: true });
  }
});

/** `npm run mutants` in its own process, with a directory of its own for what it leaves. */
function started(...args: readonly string[]) {
  const TMPDIR = mkdtempSync(join(tmpdir(), "stele-mutants-test-"));
  const child = spawn(process.execPath, [main, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, TMPDIR },
  });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (some: string) => (text += some));
  }
  return { TMPDIR, child, output: () => text };
}

test("a hunt that is called off ends with the reason, and its process with it", async () => {
  const signal = AbortSignal.timeout(500);
  const hunted = hunt(root, { from: 1, seeds: 1_000_000 }, { signal, trying: () => undefined });
  await expect(hunted).rejects.toThrow("aborted due to timeout");
});
