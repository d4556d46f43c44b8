import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { cliRun } from "../cli/testing/cli-run.ts";
import { ClusterDirectory } from "./cluster-directory.ts";
import { isAlive } from "./process-identity.ts";

const stele = fileURLToPath(new URL("../../bin/stele.mjs", import.meta.url));

let directory: ClusterDirectory;
let started: ChildProcess[];

beforeEach(() => {
  directory = new ClusterDirectory(mkdtempSync(join(tmpdir(), "stele-start-")));
  started = [];
});

afterEach(async () => {
  for (const child of started) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill("SIGTERM");
    await once(child, "close");
  }
  rmSync(directory.path, { recursive: true, force: true });
});

interface Started {
  readonly child: ChildProcess;
  readonly output: () => { readonly stdout: string; readonly stderr: string };
}

function start(...args: readonly string[]): Started {
  const child = spawn(process.execPath, [stele, "start", "--data-dir", directory.path, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  started.push(child);
  const output = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output.stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (output.stderr += text));
  return { child, output: () => output };
}

/** The ready line, or why there is none. */
async function readyLine({ child, output }: Started): Promise<string> {
  const ended = once(child, "close").then(() => {
    throw new Error(`ended before it was ready:\n${output().stderr}`);
  });
  while (!output().stdout.includes("\n")) await Promise.race([once(child.stdout!, "data"), ended]);
  ended.catch(() => {});
  return output().stdout;
}

test("stele start runs a cluster, says one line, stops at Ctrl-C, and goes on with its data", async () => {
  const first = start("--port", "0", "--masters", "1", "--tablet-servers", "1");
  const line = await readyLine(first);
  const url = /^Stele is ready at (http:\/\/127\.0\.0\.1:\d+) .*\n$/.exec(line)?.[1] ?? "";
  expect(line).toContain(directory.path);
  const env = { STELE_URL: url };
  expect(await cliRun(["table", "create", "t"], { env })).toMatchObject({ exitCode: 0 });
  expect(await cliRun(["set", "t", "k", "d:a=1"], { env })).toMatchObject({ exitCode: 0 });

  const second = start();
  expect(await once(second.child, "close")).toEqual([1, null]);
  expect(second.output().stderr).toContain(`a cluster is already running on ${directory.path}`);

  const processes = directory.readProcesses();
  expect(processes.map(({ id }) => id)).toEqual(["m1", "ts1", "fe1"]);
  for (const { id } of processes) expect(readFileSync(directory.logPath(id), "utf8")).not.toBe("");
  first.child.kill("SIGINT");
  // As it comes to a member of a process group whose starter hands on what it got itself.
  first.child.kill("SIGTERM");
  expect(await once(first.child, "close")).toEqual([0, null]);
  expect(first.output().stderr).not.toContain("killed");
  expect(first.output().stderr).toContain(`stopped; the data stays in ${directory.path}`);
  expect(processes.some(({ pid }) => isAlive(pid))).toBe(false);
  expect(existsSync(join(directory.path, "cluster.json"))).toBe(false);

  await readyLine(start());
  expect(directory.readProcesses().at(-1)?.url).toBe(url);
  expect(await cliRun(["get", "t", "k", "d:a", "-o", "raw"], { env })).toMatchObject({
    exitCode: 0,
    stdout: "1",
  });
});
