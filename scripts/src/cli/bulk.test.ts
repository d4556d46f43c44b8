import { existsSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { join } from "node:path";
import { RestHarness } from "@stele/frontend/rest/testing/rest-harness.adapter.ts";
import { DatabaseError } from "@stele/shared/errors.ts";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { cliRun } from "./testing/cli-run.ts";
import type { CliResult, CliRunOptions } from "./testing/cli-run.ts";
import { CuttingProxy } from "./testing/cutting-proxy.ts";

let harness: RestHarness;
let directory: string;
let file: string;
const proxies: CuttingProxy[] = [];

beforeEach(async () => {
  harness = await RestHarness.start();
  directory = mkdtempSync(join(tmpdir(), "stele-bulk-"));
  file = join(directory, "rows.ndjson");
});

afterEach(async () => {
  for (const proxy of proxies.splice(0)) await proxy.stop();
  await harness.stop();
  rmSync(directory, { recursive: true, force: true });
});

function stele(args: readonly string[], options: CliRunOptions = {}): Promise<CliResult> {
  return cliRun(args, { ...options, env: { STELE_URL: harness.baseUrl, ...options.env } });
}

async function cutting(afterBytes: number, times: number): Promise<CuttingProxy> {
  const proxy = await CuttingProxy.start(harness.port, { afterBytes, times });
  proxies.push(proxy);
  return proxy;
}

const rowKey = (index: number): string => `key-${String(index).padStart(5, "0")}`;

function rowLines(count: number): string[] {
  return Array.from({ length: count }, (_, index) => {
    return JSON.stringify({ key: rowKey(index), columns: { "d:n": `value ${index}` } });
  });
}

async function keysOf(table = "t"): Promise<string[]> {
  const { stdout } = await stele(["scan", table, "-o", "keys"]);
  return stdout.split("\n").slice(0, -1);
}

const allKeys = (count: number): string[] => Array.from({ length: count }, (_, i) => rowKey(i));

describe("an import", () => {
  test("loads what export writes, the end line of a stream included", async () => {
    const lines = [...rowLines(3000), JSON.stringify({ end: { rows: 3000 } })];
    writeFileSync(file, lines.join("\n"));
    const loaded = await stele(["import", "t", file]);
    expect(loaded).toMatchObject({ exitCode: 0, stdout: "" });
    expect(loaded.stderr).toMatch(/^stele: imported 3000 rows in \d+ s\n$/);
    expect(await keysOf()).toEqual(allKeys(3000));
    expect(existsSync(`${file}.stele-import`)).toBe(false);
    expect(existsSync(`${file}.rejects.ndjson`)).toBe(false);
  });

  test("reads standard input, and operations as well as rows", async () => {
    const lines = [
      { put: { key: "a", columns: { "d:x": "1" } } },
      { key: "b", columns: { "d:x": "2" } },
      { patch: { key: "a", set: { "d:y": "3" } } },
      { delete: { key: "b" } },
    ];
    const stdin = lines.map((line) => `${JSON.stringify(line)}\n`).join("\n");
    expect((await stele(["import", "t", "-"], { stdin })).exitCode).toBe(0);
    expect(JSON.parse((await stele(["scan", "t"])).stdout)).toMatchObject({
      key: "a",
      columns: { "d:x": "1", "d:y": "3" },
    });
  });

  test("writes what was refused to a file that can be mended and imported", async () => {
    const bad = JSON.stringify({ key: "bad", columns: { "nofamily:x": "1" } });
    writeFileSync(file, [...rowLines(10), bad, "{oops", ...rowLines(1)].join("\n"));
    const loaded = await stele(["import", "t", file]);
    expect(loaded).toMatchObject({ exitCode: 7 });
    const rejects = `${file}.rejects.ndjson`;
    expect(loaded.stderr).toContain(`They are in ${rejects} with the reasons`);
    const [first, second] = readFileSync(rejects, "utf8").trim().split("\n");
    expect(JSON.parse(first ?? "")).toMatchObject({
      line: 11,
      status: 422,
      code: "FAMILY_NOT_FOUND",
      input: { key: "bad" },
    });
    expect(JSON.parse(second ?? "")).toMatchObject({ line: 12, status: 400, input: "{oops" });
    expect(await keysOf()).toEqual(allKeys(10));
    writeFileSync(rejects, `${first?.replaceAll("nofamily", "d")}\n`);
    expect((await stele(["import", "t", rejects])).exitCode).toBe(0);
    expect(await keysOf()).toContain("bad");
  });

  test("survives a network that cuts it again and again", async () => {
    writeFileSync(file, rowLines(20_000).join("\n"));
    const proxy = await cutting(200_000, 4);
    const loaded = await stele(["import", "t", file, "--url", proxy.url]);
    expect(loaded).toMatchObject({ exitCode: 0 });
    expect(proxy.cuts).toBe(4);
    expect(loaded.stderr).toContain("trying again");
    expect(await keysOf()).toEqual(allKeys(20_000));
  });

  test("applies each increment once, however often it is cut", async () => {
    const line = JSON.stringify({ patch: { key: "sum", increment: { "d:n": 1 } } });
    writeFileSync(file, `${line}\n`.repeat(4000));
    const proxy = await cutting(100_000, 3);
    const loaded = await stele(["import", "t", file, "--url", proxy.url]);
    expect(loaded).toMatchObject({ exitCode: 0 });
    expect(proxy.cuts).toBe(3);
    const { columns } = JSON.parse((await stele(["get", "t", "sum"])).stdout);
    expect(columns).toEqual({ "d:n": { int64: "4000" } });
  });

  test("gives up after --retry-for without progress, and the same command goes on", async () => {
    writeFileSync(file, rowLines(50).join("\n"));
    const down = await stele([
      "import",
      "t",
      file,
      "--url",
      "http://127.0.0.1:1",
      "--retry-for",
      "300ms",
    ]);
    expect(down.exitCode).toBe(5);
    expect((await stele(["import", "t", file])).exitCode).toBe(0);
  });

  test("that was interrupted goes on behind the last decided line", async () => {
    const interrupt = new AbortController();
    let calls = 0;
    harness.operations.before = async () => {
      if (++calls < 10) return;
      while (!existsSync(`${file}.stele-import`)) await sleep(10);
      interrupt.abort();
    };
    writeFileSync(file, rowLines(20_000).join("\n"));
    const cut = await stele(["import", "t", file], { interrupt: interrupt.signal });
    expect(cut.exitCode).toBe(130);
    expect(cut.stderr).toContain("The same command goes on from there");
    const { line } = JSON.parse(readFileSync(`${file}.stele-import`, "utf8"));
    expect(line).toBeGreaterThan(0);
    harness.operations.before = () => Promise.resolve();
    const again = await stele(["import", "t", file]);
    expect(again).toMatchObject({ exitCode: 0 });
    expect(again.stderr).toContain(`going on behind line ${line}`);
    expect(again.stderr).toContain(`imported ${20_000 - line} rows`);
    expect(await keysOf()).toEqual(allKeys(20_000));
  });

  test("refuses to go on with a file that has changed", async () => {
    writeFileSync(file, rowLines(5).join("\n"));
    const state = { table: "t", id: "x", line: 1, offset: 9, rows: 1, failed: 0, rejectsBytes: 0 };
    writeFileSync(`${file}.stele-import`, JSON.stringify({ ...state, size: 1, mtimeMs: 1 }));
    utimesSync(file, 1, 1);
    const refused = await stele(["import", "t", file]);
    expect(refused).toMatchObject({ exitCode: 2 });
    expect(refused.stderr).toContain("--from-start");
    expect((await stele(["import", "t", file, "--from-start"])).exitCode).toBe(0);
    expect(await keysOf()).toHaveLength(5);
  });

  test("waits for a tablet without quorum and keeps the order of its lines", async () => {
    const same = (value: string) => JSON.stringify({ key: "same", columns: { "d:x": value } });
    writeFileSync(file, [same("first"), ...rowLines(100), same("last")].join("\n"));
    let failures = 3;
    harness.operations.before = () => {
      if (failures-- <= 0) return Promise.resolve();
      throw new DatabaseError({ code: "NO_QUORUM", detail: "tablet 1 has one of three replicas" });
    };
    const loaded = await stele(["import", "t", file]);
    expect(loaded).toMatchObject({ exitCode: 0 });
    expect(loaded.stderr).toMatch(/one of three replicas.*; trying again/);
    expect((await stele(["get", "t", "same", "d:x", "-o", "raw"])).stdout).toBe("last");
  });

  test.each([
    [{ end: { rows: 9 } }, "should hold 9 rows, but 3 came before"],
    [{ error: { code: "DEADLINE" } }, "it was cut by"],
  ])("of a file that ends with %j says that rows are missing", async (control, message) => {
    writeFileSync(file, [...rowLines(3), JSON.stringify(control)].join("\n"));
    const loaded = await stele(["import", "t", file]);
    expect(loaded).toMatchObject({ exitCode: 7 });
    expect(loaded.stderr).toContain(message);
    expect(await keysOf()).toHaveLength(3);
  });

  test("into no table, or of no file, changes nothing", async () => {
    writeFileSync(file, rowLines(3).join("\n"));
    expect((await stele(["import", "none", file])).exitCode).toBe(3);
    expect((await stele(["import", "t", `${file}.no`])).exitCode).toBe(2);
    expect((await stele(["import", "t", directory])).exitCode).toBe(2);
    expect(existsSync(`${file}.stele-import`)).toBe(false);
  });

  test("shows a bar on a terminal", async () => {
    writeFileSync(file, rowLines(3000).join("\n"));
    const loaded = await stele(["import", "t", file], { terminal: 100 });
    expect(loaded.stderr).toMatch(/\d+%.*rows, [\d.]+ MB\/s/);
    expect(loaded.stdout).toBe("");
  });
});

describe("CSV", () => {
  test("comes back as it went out", async () => {
    const rows = [
      { key: "a", columns: { "d:n": { int64: "-7" }, "d:text": 'one, "two"\nthree' } },
      { key: { b64: "_wA" }, columns: { "d:bytes": { b64: "gA" }, "d:empty": "" } },
      { key: "c", columns: { "d:text": '{"int64":"1"}' } },
    ];
    const stdin = rows.map((row) => JSON.stringify(row)).join("\n");
    await stele(["import", "t", "-"], { stdin });
    await stele(["table", "create", "copy"]);
    const csv = join(directory, "rows.csv");
    expect(await stele(["export", "t", "--out", csv])).toMatchObject({ exitCode: 0 });
    expect(await stele(["import", "copy", csv, "--int64", "d:n"])).toMatchObject({ exitCode: 0 });
    const shown = async (table: string) => {
      const { stdout } = await stele(["scan", table]);
      return stdout.replaceAll(/"version":"\d+"/g, "");
    };
    expect(await shown("copy")).toBe(await shown("t"));
  });

  test("records that are not whole are refused one by one", async () => {
    const csv = join(directory, "people.csv");
    writeFileSync(csv, "\ufeffkey,d:name\r\na,Ada\r\nb,Bob,extra\r\n,nobody\r\nc,Cy\r\n");
    const loaded = await stele(["import", "t", csv]);
    expect(loaded).toMatchObject({ exitCode: 7 });
    expect(await keysOf()).toEqual(["a", "c"]);
    const rejects = readFileSync(`${csv}.rejects.ndjson`, "utf8").trim().split("\n");
    expect(rejects.map((line) => JSON.parse(line).line)).toEqual([2, 3]);
  });

  test.each([
    ["id,d:x\n1,2\n", 'no column "key"'],
    ["key,name\n1,2\n", "is not family:qualifier"],
    ["key,d:x,d:x\n1,2,3\n", "occurs twice"],
  ])("with the header of %j is refused whole", async (text, message) => {
    const csv = join(directory, "wrong.csv");
    writeFileSync(csv, text);
    const loaded = await stele(["import", "t", csv]);
    expect(loaded).toMatchObject({ exitCode: 2 });
    expect(loaded.stderr).toContain(message);
  });
});

describe("an export", () => {
  beforeEach(async () => {
    await stele(["import", "t", "-"], { stdin: rowLines(5000).join("\n") });
  });

  const keysIn = (text: string): string[] =>
    text
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line).key);

  test("goes on behind the last row when it is cut: none twice, none missing", async () => {
    const proxy = await cutting(80_000, 3);
    const out = await stele(["export", "t", "--url", proxy.url]);
    expect(out).toMatchObject({ exitCode: 0 });
    expect(proxy.cuts).toBe(3);
    expect(keysIn(out.stdout)).toEqual(allKeys(5000));
    expect(out.stderr).toContain("exported 5000 rows");
  });

  test("of a range, downwards from a cut, or of some columns holds just that", async () => {
    const ranged = await stele(["export", "t", "--start", rowKey(10), "--end", rowKey(20)]);
    expect(keysIn(ranged.stdout)).toEqual(allKeys(20).slice(10));
    const proxy = await cutting(40_000, 2);
    const down = await stele(["scan", "t", "--reverse", "--limit", "3000", "--url", proxy.url]);
    expect(keysIn(down.stdout)).toEqual(allKeys(5000).toReversed().slice(0, 3000));
  });

  test("shows progress on a terminal only where no rows go", async () => {
    const out = join(directory, "out.ndjson");
    expect((await stele(["export", "t", "--out", out], { terminal: 100 })).stderr).toMatch(
      /rows, [\d.]+ MB\/s.*exported 5000 rows/s,
    );
    expect(await stele(["export", "t"], { terminal: 100 })).toMatchObject({ stderr: "" });
  });

  test("to a file grows as a part, and goes on with --resume", async () => {
    const out = join(directory, "out.ndjson");
    const interrupt = new AbortController();
    let chunks = 0;
    harness.operations.before = async (call) => {
      if (call === "scan" && ++chunks === 4) interrupt.abort();
    };
    const cut = await stele(["export", "t", "--out", out], { interrupt: interrupt.signal });
    expect(cut.exitCode).toBe(130);
    expect(cut.stderr).toContain("--resume");
    expect(existsSync(out)).toBe(false);
    const part = readFileSync(`${out}.part`, "utf8");
    writeFileSync(`${out}.part`, `${part}{"key":"half`);
    harness.operations.before = () => Promise.resolve();
    expect((await stele(["export", "t", "--out", out, "--resume"])).exitCode).toBe(0);
    expect(keysIn(readFileSync(out, "utf8"))).toEqual(allKeys(5000));
    expect(existsSync(`${out}.part`)).toBe(false);
  });
});

describe("a scan", () => {
  beforeEach(async () => {
    await stele(["import", "t", "-"], { stdin: rowLines(300).join("\n") });
  });

  test("without bounds on a terminal stops at 100 rows and says how to go on", async () => {
    const short = await stele(["scan", "t"], { terminal: 100 });
    expect(short.stdout.trim().split("\n")).toHaveLength(101);
    expect(short.stderr).toContain(`stele scan t --after ${rowKey(99)}`);
    const all = await stele(["scan", "t", "--all"], { terminal: 100 });
    expect(all.stdout.trim().split("\n")).toHaveLength(301);
    const piped = await stele(["scan", "t", "-o", "table"]);
    expect(piped.stdout.trim().split("\n")).toHaveLength(301);
  });

  test("of a prefix, an exclusive start, or nothing gives just that", async () => {
    const keys = async (...args: string[]) => {
      return (await stele(["scan", "t", "-o", "keys", ...args])).stdout.split("\n").slice(0, -1);
    };
    expect(await keys("--prefix", "key-0001")).toEqual(allKeys(20).slice(10));
    expect(await keys("--after", rowKey(297))).toEqual([rowKey(298), rowKey(299)]);
    expect(await keys("--prefix", "x")).toEqual([]);
    expect((await stele(["scan", "t", "--prefix", "x", "-o", "json"])).stdout).toBe("[]\n");
    const json = await stele(["scan", "t", "--limit", "3", "-o", "json"]);
    expect(JSON.parse(json.stdout)).toHaveLength(3);
  });

  test("that is interrupted exits with 130 and prints the command that goes on", async () => {
    await stele(["import", "t", "-"], { stdin: rowLines(20_000).join("\n") });
    const interrupt = new AbortController();
    const cut = await stele(["scan", "t"], {
      interrupt: interrupt.signal,
      onOutput: () => interrupt.abort(),
    });
    expect(cut.exitCode).toBe(130);
    const last = JSON.parse(cut.stdout.trim().split("\n").at(-1) ?? "").key;
    expect(cut.stderr).toContain(`stele scan t --after ${last}`);
  });

  test("counts the same rows as count", async () => {
    expect((await stele(["count", "t", "--prefix", "key-0001"])).stdout).toBe('{"count":10}\n');
    expect((await stele(["count", "t", "-o", "raw"])).stdout).toBe("300\n");
  });
});
