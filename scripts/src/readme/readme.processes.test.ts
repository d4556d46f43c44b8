/**
 * Runs every shell block of the README, in order, as a newcomer would: `npm start` in the background, everything else
 * to its end. Only the port and the places of files differ, so that the test disturbs nobody, and what npx found once is
 * called without it from then on.
 */
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { shellBlocks } from "./shell-blocks.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const blocks = shellBlocks(readFileSync(join(root, "README.md"), "utf8"));
const START = "npm start";
const COMMAND = "npx stele";
const FOUND_BY_NPX = "scripts/bin/stele.mjs";
/** The first block with the command shows that npx finds it; npx takes longer than what it starts. */
const firstWithCommand = blocks.find(({ text }) => text.includes(COMMAND));
const READY_WITHIN_MS = 60_000;
const STOPPED_WITHIN_MS = 20_000;

let folder: string;
let port: number;
let started: ChildProcess;
let said = "";

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "stele-readme-"));
  port = await freePort();
  const data = join(folder, "data");
  started = spawn("npm", ["start", "--", "--port", String(port), "--data-dir", data], {
    cwd: root,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  for (const stream of [started.stdout, started.stderr]) {
    stream?.on("data", (chunk: Buffer) => (said += chunk.toString()));
  }
  const ends = Date.now() + READY_WITHIN_MS;
  while (!said.includes("Stele is ready")) {
    if (started.exitCode !== null || Date.now() > ends) throw new Error(`npm start said: ${said}`);
    await sleep(50);
  }
}, READY_WITHIN_MS + 5_000);

afterAll(async () => {
  const { pid } = started;
  if (pid !== undefined && started.exitCode === null) {
    const ended = new Promise((resolve) => started.once("exit", resolve));
    process.kill(pid, "SIGTERM");
    const clean = await Promise.race([ended.then(() => true), sleep(STOPPED_WITHIN_MS, false)]);
    // The launcher's children end with it; the group is what npm started.
    if (!clean) process.kill(-pid, "SIGKILL");
  }
  rmSync(folder, { recursive: true, force: true });
}, STOPPED_WITHIN_MS + 10_000);

test("the README begins with the start", () => {
  expect(blocks[0]?.text).toBe(START);
});

test("npx stele is the checkout's own command", () => {
  const { bin } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    readonly bin: Readonly<Record<string, string>>;
  };
  expect(bin).toEqual({ stele: FOUND_BY_NPX });
  expect(firstWithCommand).toBeDefined();
});

for (const { line, text } of blocks.slice(1)) {
  test(`the block of line ${line} runs`, { timeout: 120_000 }, () => {
    const isFirst = text === firstWithCommand?.text;
    const script = here(isFirst ? text : text.replaceAll(COMMAND, `node ${FOUND_BY_NPX}`));
    const { status, stdout, stderr } = spawnSync("bash", ["-euo", "pipefail", "-c", script], {
      cwd: root,
      env: { ...process.env, STELE_URL: `http://127.0.0.1:${port}` },
      encoding: "utf8",
      timeout: 110_000,
      maxBuffer: 64 * 1024 * 1024,
    });
    expect({ status, stderr }, stdout).toMatchObject({ status: 0 });
    // curl succeeds on an error answer too.
    expect(stdout).not.toContain('"requestId"');
  });
}

test("the blocks left what the README says", async () => {
  const count = await get("/v1/tables/cities/rows:count", { method: "POST", body: "{}" });
  const cities = /cities, ([\d ]+) rows/.exec(readFileSync(join(root, "README.md"), "utf8"));
  expect(count).toEqual({ count: Number(cities?.[1]?.replaceAll(" ", "")) });
  const alice = (await get("/v1/tables/grades/rows/alice", {})) as { columns: unknown };
  expect(alice.columns).toEqual({ "grade:cs214": "90" });
});

/** The same commands against this test's cluster, with files in its folder. */
function here(script: string): string {
  return script
    .replaceAll("localhost:7070", `127.0.0.1:${port}`)
    .replaceAll(/(?<=[\s>])(cities|germany)\.ndjson/g, `${folder}/$1.ndjson`);
}

async function get(path: string, init: RequestInit): Promise<unknown> {
  const headers = { "content-type": "application/json" };
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, { ...init, headers });
  return await answer.json();
}

/** A port with room for the launcher's block above it. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port: found } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return found > 60_000 ? found - 10_000 : found;
}
