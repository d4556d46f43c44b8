import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { RestHarness } from "@stele/frontend/rest/testing/rest-harness.adapter.ts";
import { afterAll, beforeAll, expect, test } from "vitest";

const stele = fileURLToPath(new URL("../../bin/stele.mjs", import.meta.url));

let harness: RestHarness;

beforeAll(async () => {
  harness = await RestHarness.start();
  const rows = Array.from({ length: 5000 }, (_, n) => `{"key":"k${n}","columns":{"d:x":"${n}"}}\n`);
  const headers = { "content-type": "application/x-ndjson" };
  await harness.call("POST", "/v1/tables/t/rows:batch", rows.join(""), headers);
});

afterAll(() => harness.stop());

interface Ran {
  readonly code: number | string | null | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

function run(args: readonly string[], env: Record<string, string> = {}): Promise<Ran> {
  return new Promise((resolve) => {
    const environment = { ...process.env, STELE_URL: harness.baseUrl, ...env };
    execFile(process.execPath, [stele, ...args], { env: environment }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : error.code, stdout, stderr });
    });
  });
}

test("the command writes data to standard output, errors to standard error, and exits with a code", async () => {
  expect(await run(["get", "t", "k1", "d:x", "-o", "raw"])).toEqual({
    code: 0,
    stdout: "1",
    stderr: "",
  });
  const missing = await run(["get", "t", "none"]);
  expect(missing).toMatchObject({ code: 3, stdout: "" });
  expect(missing.stderr).toMatch(/^stele: .*\(ROW_NOT_FOUND\)\n/);
  expect(await run(["--version"])).toMatchObject({ code: 0, stdout: "0.1.0\n" });
});

test("a reader that leaves the pipe early is no error", async () => {
  const shell = spawn("sh", ["-c", `${process.execPath} ${stele} scan t | head -1; echo "done"`], {
    env: { ...process.env, STELE_URL: harness.baseUrl },
  });
  let stdout = "";
  let stderr = "";
  shell.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  shell.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  await once(shell, "close");
  expect(stdout).toMatch(/^\{"key":"k0",.*\}\ndone\n$/);
  expect(stderr).toBe("");
});

test("Ctrl-C ends a waiting command with 130", async () => {
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  const { promise: reached, resolve: reach } = Promise.withResolvers<void>();
  harness.operations.before = () => (reach(), released);
  const child = spawn(process.execPath, [stele, "get", "t", "k1"], {
    env: { ...process.env, STELE_URL: harness.baseUrl },
    stdio: ["ignore", "ignore", "pipe"],
  });
  try {
    await reached;
    child.kill("SIGINT");
    const [code] = (await once(child, "exit")) as [number];
    expect(code).toBe(130);
  } finally {
    child.kill("SIGKILL");
    release();
    harness.operations.before = () => Promise.resolve();
  }
});

test("an open standard input holds no command that is over or interrupted", async () => {
  const start = (args: readonly string[]) =>
    spawn(process.execPath, [stele, ...args], {
      env: { ...process.env, STELE_URL: harness.baseUrl },
      stdio: ["pipe", "ignore", "pipe"],
    });
  const over = start(["import", "t", "-"]);
  over.stdin.write('{"error":{"code":"DEADLINE"}}\n');
  const reading = start(["set", "t", "k", "d:x=-", "-v"]);
  try {
    const [code] = (await once(over, "exit")) as [number];
    expect(code).toBe(7);
    // Whether it reads already or still starts, it ends.
    reading.kill("SIGINT");
    const [readingCode, signal] = (await once(reading, "exit")) as [number | null, string | null];
    expect(readingCode ?? signal).toBeOneOf([130, "SIGINT"]);
  } finally {
    over.kill("SIGKILL");
    reading.kill("SIGKILL");
  }
});
