import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { renderHistoryLine } from "../check/history/render-history-line.ts";
import { CLEAN, generateHistory } from "../check/testing/generated-history.ts";
import { cliRun } from "./testing/cli-run.ts";

const recorded = (name: string): string =>
  fileURLToPath(new URL(`../check/testdata/${name}`, import.meta.url));

function line(members: object): string {
  return JSON.stringify({ client: "c1", call: 1, return: 2, key: "k", ...members });
}
const put = line({
  op: { kind: "put", columns: { "d:v": "a" } },
  result: { version: "17" },
});
const staleRead = line({
  client: "c2",
  call: 3,
  return: 4,
  op: { kind: "get" },
  result: { version: null },
});
const emptyScan = JSON.stringify({
  client: "c3",
  call: 5,
  return: 6,
  op: { kind: "scan" },
  result: { rows: [], resume: null },
});

describe("stele check", () => {
  test("passes a clean history from standard input", async () => {
    const stdin = generateHistory(CLEAN).map(renderHistoryLine).join("\n");
    const result = await cliRun(["check", "-"], { stdin });
    expect(result).toMatchObject({ exitCode: 0, stderr: "" });
    expect(result.stdout).toMatch(/^linearizable: operations \d+, objects 10, /);
  });

  test("explains a violation and ends with 1", async () => {
    const result = await cliRun(["check", "-"], { stdin: `${put}\n${staleRead}\n` });
    expect(result).toMatchObject({ exitCode: 1, stderr: "" });
    expect(result.stdout).toContain("! line 2 of c2: get -> no row");
    expect(result.stdout).toMatch(/\nviolation: no order fits k; operations 2, objects 1, .*\n$/);
  });

  test("has a verdict of the whole in its last line, also where only a scan is wrong", async () => {
    const scans = await cliRun(["check", "-"], { stdin: `${put}\n${emptyScan}\n` });
    expect(scans.exitCode).toBe(1);
    expect(scans.stdout).toMatch(
      /^scan: missing k in the scan of c3 from 5 to 6 \(line 2\)\nviolation: 1 row missing from scans; operations 1, objects 1, .*\n$/,
    );
    const both = await cliRun(["check", "-"], { stdin: `${put}\n${staleRead}\n${emptyScan}\n` });
    expect(both.stdout).toMatch(/\nviolation: 1 row missing from scans; no order fits k; .*\n$/);
    const stdin = `${put}\n${emptyScan}\n`;
    const undecided = await cliRun(["check", "-", "--budget", "0s"], { stdin });
    expect(undecided.exitCode).toBe(1);
    expect(undecided.stdout).toMatch(
      /\nviolation: 1 row missing from scans; no time was left for k; .*\n$/,
    );
  });

  test("refuses a history without operations, which may come from a pipeline that failed", async () => {
    for (const format of ["stele", "porcupine-etcd", "porcupine-kv"]) {
      const result = await cliRun(["check", "-", "--format", format]);
      expect(result).toMatchObject({ exitCode: 2, stdout: "" });
      expect(result.stderr).toContain("there is no operation in it");
    }
  });

  test("gives the verdict as JSON, with the same exit code", async () => {
    const json = async (stdin: string, ...args: readonly string[]) => {
      const { exitCode, stdout, stderr } = await cliRun(["check", "-", ...args], { stdin });
      return { exitCode, stderr, verdict: JSON.parse(stdout) };
    };
    const history = `${put}\n${staleRead}\n${emptyScan}\n`.replaceAll('"k"', '{"b64":"a_8"}');
    expect(await json(history, "-o", "json")).toEqual({
      exitCode: 1,
      stderr: "",
      verdict: {
        verdict: "violation",
        operations: 2,
        objects: 1,
        steps: 1,
        seconds: expect.any(Number),
        scanProblems: {
          count: 1,
          first: [{ kind: "missing", key: "k\\xff", line: 3, client: "c3" }],
        },
        violation: {
          object: "k\\xff",
          explanation: expect.stringContaining("! line 2 of c2: get -> no row"),
        },
        undecided: null,
      },
    });
    expect(await json(put, "-o", "ndjson", "--budget", "0s")).toMatchObject({
      exitCode: 6,
      verdict: { verdict: "undecided", undecided: { object: "k", spent: "time" } },
    });
    expect(await json(put, "-o", "json")).toMatchObject({
      exitCode: 0,
      verdict: { verdict: "linearizable", violation: null, undecided: null },
    });
    const csv = await cliRun(["check", "-", "-o", "csv"], { stdin: put });
    expect(csv).toMatchObject({ exitCode: 2, stdout: "" });
  });

  test("says that it is undecided when its budget is spent, and ends with 6", async () => {
    const result = await cliRun(["check", "-", "--budget", "0s"], { stdin: put });
    expect(result).toMatchObject({ exitCode: 6, stdout: "" });
    expect(result.stderr).toContain("undecided, which is no pass: no time was left for k");
  });

  test("reads the histories of Porcupine", async () => {
    const run = (name: string, format: string) =>
      cliRun(["check", recorded(name), "--format", format]);
    expect((await run("etcd_002.log", "porcupine-etcd")).exitCode).toBe(0);
    expect((await run("etcd_000.log", "porcupine-etcd")).exitCode).toBe(1);
    expect((await run("c10-ok.txt", "porcupine-kv")).exitCode).toBe(0);
    expect((await run("c10-bad.txt", "porcupine-kv")).exitCode).toBe(1);
  });

  test("refuses what is not a history, with the line and the place", async () => {
    const bad = await cliRun(["check", "-"], { stdin: `${put}\n${line({ op: {}, result: {} })}` });
    expect(bad).toMatchObject({ exitCode: 2, stdout: "" });
    expect(bad.stderr).toContain("line 2: /op/kind: must be one of get, put, delete");
    const wrong = await cliRun(["check", recorded("c10-ok.txt"), "--format", "porcupine-etcd"]);
    expect(wrong).toMatchObject({ exitCode: 2 });
    expect(wrong.stderr).toContain("line 1: not an event of a register");
    const none = await cliRun(["check", "/no/such/file"]);
    expect(none).toMatchObject({ exitCode: 2 });
    expect(none.stderr).toContain("cannot read /no/such/file");
  });

  test("prints no byte of the file that a terminal would act on", async () => {
    const client = "\u001b[31m";
    const lines = [put, staleRead].map((text) => text.replace(/"c\d"/, JSON.stringify(client)));
    const result = await cliRun(["check", "-"], { stdin: lines.join("\n") });
    expect(result.exitCode).toBe(1);
    expect(result.stdout).not.toContain("\u001b");
  });

  test("stops at Ctrl-C", async () => {
    const interrupt = AbortSignal.abort();
    const result = await cliRun(["check", "-"], { stdin: put, interrupt });
    expect(result.exitCode).toBe(130);
  });
});
