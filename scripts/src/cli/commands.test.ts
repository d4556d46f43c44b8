import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RestHarness } from "@stele/frontend/rest/testing/rest-harness.adapter.ts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cliRun } from "./testing/cli-run.ts";
import type { CliResult, CliRunOptions } from "./testing/cli-run.ts";

let harness: RestHarness;
let directory: string;

beforeAll(async () => {
  harness = await RestHarness.start();
  directory = mkdtempSync(join(tmpdir(), "stele-cli-"));
});

afterAll(async () => {
  await harness.stop();
  rmSync(directory, { recursive: true, force: true });
});

function stele(args: readonly string[], options: CliRunOptions = {}): Promise<CliResult> {
  return cliRun(args, { ...options, env: { STELE_URL: harness.baseUrl, ...options.env } });
}

/** Whatever the clock decides is blanked. */
function golden({ stdout }: CliResult): string {
  return stdout.replaceAll(/\b\d{16}\b/g, "<version>");
}

describe("set, put, get and delete", () => {
  test("set merges cells; in a pipe each answer is one JSON line", async () => {
    await stele(["set", "t", "alice", "d:a=1"]);
    const set = await stele(["set", "t", "alice", "d:b=x=y", "d:c\\x3Dd=2"]);
    expect(JSON.parse(set.stdout)).toMatchObject({ key: "alice" });
    expect(golden(await stele(["get", "t", "alice"]))).toBe(
      '{"key":"alice","version":"<version>","columns":{"d:a":"1","d:b":"x=y","d:c=d":"2"}}\n',
    );
  });

  test("put replaces the row", async () => {
    await stele(["set", "t", "put", "d:a=1", "e:b=2"]);
    await stele(["put", "t", "put", "d:a=3"]);
    expect(JSON.parse((await stele(["get", "t", "put"])).stdout).columns).toEqual({ "d:a": "3" });
  });

  test("what get gives, put takes, history included", async () => {
    await stele(["set", "t", "from", "e:x=1", "d:n=5"]);
    await stele(["set", "t", "from", "e:x=2"]);
    const row = (await stele(["get", "t", "from", "--versions", "all", "-o", "json"])).stdout;
    await stele(["put", "t", "to", "--row", "-"], { stdin: row });
    const copy = await stele(["get", "t", "to", "--versions", "all"]);
    expect(JSON.parse(copy.stdout).cells).toEqual(JSON.parse(row).cells);
  });

  test("a value may come from a file or from standard input, byte by byte", async () => {
    const bytes = Buffer.from("00ff0a80", "hex");
    const file = join(directory, "value");
    writeFileSync(file, bytes);
    await stele(["set", "t", "bytes", `d:file=@${file}`, "d:in=-", "d:text=@@home"], {
      stdin: Buffer.from("from\nstdin\n"),
    });
    const get = (column: string) => stele(["get", "t", "bytes", column, "-o", "raw"]);
    expect((await get("d:file")).stdoutBytes).toEqual(bytes);
    expect((await get("d:in")).stdout).toBe("from\nstdin\n");
    expect((await get("d:text")).stdout).toBe("@home");
  });

  test("a value too large for JSON travels as bytes", async () => {
    const bytes = Buffer.alloc(9 * 1024 * 1024, 0xff);
    const set = await stele(["set", "t", "large", "d:x=-"], { stdin: bytes });
    expect(set.exitCode).toBe(0);
    const get = await stele(["get", "t", "large", "d:x", "-o", "raw"]);
    expect(get.stdoutBytes.equals(bytes)).toBe(true);
  });

  test("numbers are written and read as numbers", async () => {
    await stele(["set", "t", "n", "d:n=-42", "--int64"]);
    expect(JSON.parse((await stele(["get", "t", "n"])).stdout).columns).toEqual({
      "d:n": { int64: "-42" },
    });
    expect((await stele(["set", "t", "n", "d:n=9223372036854775808", "--int64"])).exitCode).toBe(2);
  });

  test.each(["..", ".", "a/b", "%41", "a b", "\\xff\\x00", "hex:2e2e"])(
    "the key %j survives the way to the server and back",
    async (key) => {
      const other = await stele(["set", "t", key, "d:a=1"]);
      expect(other).toMatchObject({ exitCode: 0, stderr: "" });
      const printed = (await stele(["get", "t", key, "-o", "keys"])).stdout.trimEnd();
      expect((await stele(["get", "t", printed, "-o", "keys"])).stdout.trimEnd()).toBe(printed);
      await stele(["delete", "t", key]);
      expect((await stele(["get", "t", key])).exitCode).toBe(3);
    },
  );

  test("delete takes a row, or columns and families of it", async () => {
    await stele(["set", "t", "del", "d:a=1", "d:b=2", "e:c=3"]);
    await stele(["delete", "t", "del", "d:a", "--columns", "e"]);
    expect(JSON.parse((await stele(["get", "t", "del"])).stdout).columns).toEqual({ "d:b": "2" });
    expect(await stele(["delete", "t", "del"])).toEqual(
      expect.objectContaining({ exitCode: 0, stdout: "" }),
    );
    expect((await stele(["delete", "t", "del"])).exitCode).toBe(0);
  });

  test("conditions that fail exit with 4 and change nothing", async () => {
    await stele(["put", "t", "cond", "d:a=1"]);
    const { version } = JSON.parse((await stele(["get", "t", "cond"])).stdout);
    expect((await stele(["put", "t", "cond", "d:a=2", "--if-absent"])).exitCode).toBe(4);
    expect((await stele(["set", "t", "none", "d:a=2", "--if-exists"])).exitCode).toBe(4);
    expect((await stele(["set", "t", "cond", "d:a=2", "--if-version", "1"])).exitCode).toBe(4);
    expect((await stele(["set", "t", "cond", "d:a=2", "--if-version", version])).exitCode).toBe(0);
  });

  test("a condition that failed is told by its option, with the next step", async () => {
    await stele(["put", "t", "a b", "d:a=1"]);
    const { version } = JSON.parse((await stele(["get", "t", "a b"])).stdout);
    const told = async (...args: readonly string[]) => {
      const { exitCode, stderr } = await stele(args);
      expect(exitCode).toBe(4);
      return stderr;
    };
    const exists = (option: string, verb: string) =>
      `stele: ${option}: the row is in version ${version}; nothing was changed (VERSION_MISMATCH)\n` +
      `  \`stele get t 'a b'\` reads it; --if-version ${version} will ${verb} just this version.\n`;
    const missing = (option: string, next: string) =>
      `stele: ${option}: there is no such row; nothing was changed (VERSION_MISMATCH)\n  ${next}\n`;
    expect(await told("set", "t", "a b", "d:a=2", "--if-absent")).toBe(
      exists("--if-absent", "write"),
    );
    expect(await told("delete", "t", "a b", "--if-version", "1")).toBe(
      exists("--if-version 1", "delete"),
    );
    expect(await told("put", "t", "none", "d:a=2", "--if-exists")).toBe(
      missing("--if-exists", "--if-absent in its place writes where there is no row."),
    );
    expect(await told("delete", "t", "none", "--if-exists")).toBe(
      missing("--if-exists", "There is nothing to delete."),
    );
  });

  test("a version to be met is not forgotten for --if-exists", async () => {
    await stele(["put", "t", "both", "d:a=1"]);
    const line = ["set", "t", "both", "d:a=2", "--if-version", "1", "--if-exists"];
    expect((await stele(line)).exitCode).toBe(4);
  });
});

describe("forms of output", () => {
  test("on a terminal a row is a table, controls escaped, long values elided", async () => {
    await stele(["set", "t", "table\\x1b", "d:a=\u001b[31mred", `d:long=${"x".repeat(80)}`]);
    const get = await stele(["get", "t", "table\\x1b"], { terminal: 200 });
    expect(get.stdout).toBe(
      "key        d:a          d:long\n" +
        `table\\x1b  \\x1b[31mred  ${"x".repeat(60)}...(+20 B)\n`,
    );
    const full = await stele(["get", "t", "table\\x1b", "--full"], { terminal: 300 });
    expect(full.stdout).toContain("x".repeat(80));
  });

  test("what does not fit the terminal becomes a cell a line", async () => {
    await stele(["set", "t", "narrow", "d:first=one", "d:second=two", "e:third=three"]);
    const get = await stele(["get", "t", "narrow"], { terminal: 30 });
    expect(get.stdout).toBe(
      [
        "key     column    value",
        "narrow  d:first   one",
        "        d:second  two",
        "        e:third   three",
        "",
      ].join("\n"),
    );
  });

  test("the form may be named anywhere on the line", async () => {
    await stele(["set", "t", "form", "d:a=1"]);
    const lines = [
      ["-o", "json", "get", "t", "form"],
      ["get", "-o", "json", "t", "form"],
      ["get", "t", "form", "--output=json"],
    ];
    const outputs = await Promise.all(lines.map(async (line) => golden(await stele(line))));
    expect(new Set(outputs).size).toBe(1);
    expect(outputs[0]).toBe(
      '{\n  "key": "form",\n  "version": "<version>",\n  "columns": {\n    "d:a": "1"\n  }\n}\n',
    );
  });

  test("raw needs exactly one cell", async () => {
    await stele(["set", "t", "raw", "d:a=1", "d:b=2"]);
    const several = await stele(["get", "t", "raw", "-o", "raw"]);
    expect(several).toMatchObject({ exitCode: 2, stdout: "" });
    expect(several.stderr).toContain("the row has 2");
    expect((await stele(["get", "t", "raw", "d", "-o", "raw"])).exitCode).toBe(2);
    expect((await stele(["get", "t", "raw", "d:b", "-o", "raw"])).stdout).toBe("2");
    expect((await stele(["get", "t", "raw", "d:none", "-o", "raw"])).exitCode).toBe(3);
  });

  test("CSV tells an empty value from no value, and bytes from text", async () => {
    await stele(["put", "t", "csv", "d:empty=", 'd:comma=a,"b"', 'd:n={"int64":"1"}']);
    await stele(["set", "t", "csv", "d:bytes=-"], { stdin: Buffer.of(0xff) });
    expect((await stele(["get", "t", "csv", "-o", "csv"])).stdout).toBe(
      'key,d:bytes,d:comma,d:empty,d:n\ncsv,"{""b64"":""_w""}","a,""b""","","{""b64"":""eyJpbnQ2NCI6IjEifQ""}"\n',
    );
  });
});

describe("tables", () => {
  test("are created, listed, shown and dropped", async () => {
    const families = "--family grade,maxVersions=5 --family log";
    const line = `table create made ${families} --split g --split \\xff -o json`;
    const created = await stele(line.split(" "));
    expect(JSON.parse(created.stdout)).toMatchObject({
      name: "made",
      families: { grade: { maxVersions: 5 }, log: { maxVersions: 1 } },
      tablets: 3,
    });
    expect((await stele(["table", "create", "made"])).exitCode).toBe(4);
    expect((await stele(["table", "create", "made", "--if-not-exists"])).exitCode).toBe(0);
    expect((await stele(["table", "ls", "-o", "keys"])).stdout).toBe("made\nt\n");
    const show = await stele(["table", "show", "made", "-o", "table"]);
    expect(show.stdout).toMatch(
      /^name {2}families +partitioning .*\nmade {2}grade,maxVersions=5 log/,
    );
    expect((await stele(["table", "drop", "made", "--yes"])).exitCode).toBe(0);
    expect((await stele(["table", "show", "made"])).exitCode).toBe(3);
  });

  test("are not dropped unasked where nobody can be asked", async () => {
    await stele(["table", "create", "kept"]);
    const drop = await stele(["table", "drop", "kept"]);
    expect(drop).toMatchObject({ exitCode: 2, stdout: "" });
    expect(drop.stderr).toContain("--yes");
    expect((await stele(["table", "show", "kept"])).exitCode).toBe(0);
  });

  test("are dropped on a terminal by typing their name", async () => {
    await stele(["table", "create", "asked"]);
    const no = await stele(["table", "drop", "asked"], { terminal: 80, stdin: "y\n" });
    expect(no.exitCode).toBe(1);
    expect(no.stderr).toMatch(/\(1 tablet, \d replicas?\)/);
    const yes = await stele(["table", "drop", "asked"], { terminal: 80, stdin: "asked\n" });
    expect(yes).toMatchObject({ exitCode: 0 });
    expect((await stele(["table", "show", "asked"])).exitCode).toBe(3);
  });
});

describe("the cluster", () => {
  test("says how it is, and lists servers and tablets", async () => {
    const status = await stele(["status", "-o", "table"]);
    expect(status).toMatchObject({ exitCode: 0 });
    expect(status.stdout).toMatch(/^(green|yellow|red)\n/);
    expect(await stele(["server", "ls", "-o", "json"])).toMatchObject({ exitCode: 0 });
    const tablets = await stele(["tablet", "ls", "t"]);
    const [first = "", second = ""] = tablets.stdout.trim().split("\n");
    expect(JSON.parse(first)).toMatchObject({ table: "t", start: null, end: "m" });
    expect(JSON.parse(second)).toMatchObject({ start: "m", end: null });
    const id = String(JSON.parse(first).id);
    expect(JSON.parse((await stele(["tablet", "show", id])).stdout)).toMatchObject({ id });
    expect((await stele(["tablet", "show", "999999"])).exitCode).toBe(3);
    expect(JSON.parse((await stele(["tablet", "verify", id])).stdout)).toMatchObject({
      equal: true,
    });
  });
});

describe("mistakes and trouble", () => {
  test.each([
    [["gett"], 2, "Did you mean get?"],
    [["get", "t", "k", "--colums", "d"], 2, "Did you mean --columns?"],
    [["get", "t"], 2, "stele: missing required argument 'key'\n  `stele get --help` tells how"],
    [["get", "t", "nobody"], 3, "`stele scan t --keys-only --limit 10` shows keys"],
    [["get", "t", "nobody"], 3, "`stele get --help` tells how to call it."],
    [["table"], 2, "Usage: stele table"],
    [["table", "lss"], 2, "`stele table --help` lists its commands."],
    [["scan", "t", "--limit", "-1"], 2, "a whole number from 0 to 999999999999999"],
    [["set", "t", "k", "d:a=1", "--if-absent", "--if-exists"], 2, "exclude each other"],
    [["get", "t", "k", "-o", "yaml"], 2, "Allowed choices are table"],
    [["get", "t", "k", "--timeout", "5"], 2, "duration"],
    [["set", "t", "k", "a=1"], 2, "is not FAMILY:QUALIFIER=VALUE"],
    [["set", "t", "k", "d:a=@/no/such/file"], 2, "cannot read /no/such/file"],
    [["set", "t", "k", "nofamily:a=1"], 3, "(FAMILY_NOT_FOUND)"],
    [["set", "t", "k", "d:\\q=1"], 2, "INVALID_REQUEST"],
    [["get", "none", "k"], 3, "(TABLE_NOT_FOUND)"],
    [["get", "t", ""], 2, "stele: the key is empty\n  `stele get --help` tells how to call it.\n"],
    [["scan", "t", "--filter", "{}"], 2, "unknown option '--filter'"],
    [["scan", "t", "--start", "a", "--after", "b"], 2, "exclude each other"],
  ])("stele %j exits with %i", async (args, exitCode, message) => {
    const result = await stele(args);
    expect(result).toMatchObject({ exitCode, stdout: "" });
    expect(result.stderr).toContain(message);
  });

  test("a table that does not exist brings the near name, or where names are listed", async () => {
    await stele(["table", "create", "grades"]);
    for (const args of [
      ["get", "gardes", "k"],
      ["table", "show", "gardes"],
      ["scan", "gardes"],
    ]) {
      expect((await stele(args)).stderr).toMatch(
        /TABLE_NOT_FOUND.*\n {2}Did you mean grades\? `stele table ls` lists the tables\.\n$/,
      );
    }
    const far = await stele(["get", "nothing-like-it", "k", "-o", "json"]);
    expect(JSON.parse(far.stderr).hint).toBe("`stele table ls` lists the tables.");
    await stele(["table", "drop", "grades", "--yes"]);
  });

  test("what is wrong with a request is said once", async () => {
    const stdin = '{"columns":{"d:a":1}}';
    const { exitCode, stderr } = await stele(["put", "t", "k", "--row", "-"], { stdin });
    expect(exitCode).toBe(2);
    expect(stderr.match(/must be a string/g)).toHaveLength(1);
    expect(stderr).toMatch(
      /^stele: \/columns\/d:a: must be a string, .* \(INVALID_REQUEST\)\n {2}`stele put --help`.*\n$/,
    );
  });

  test("with -o json the problem is JSON on standard error", async () => {
    const { stderr } = await stele(["get", "t", "nobody", "-o", "json"]);
    expect(JSON.parse(stderr)).toMatchObject({ status: 404, code: "ROW_NOT_FOUND" });
  });

  test("an address where nobody listens exits with 5 and a way out", async () => {
    const result = await stele(["table", "ls", "--url", "http://127.0.0.1:1"]);
    expect(result.exitCode).toBe(5);
    expect(result.stderr).toContain("npm start");
  });

  test("a server that does not answer in time exits with 6", async () => {
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    harness.operations.before = () => released;
    try {
      const result = await stele(["get", "t", "slow", "--timeout", "50ms"]);
      expect(result.exitCode).toBe(6);
    } finally {
      harness.operations.before = () => Promise.resolve();
      release();
    }
  });

  test("--curl prints the request and sends nothing", async () => {
    const result = await stele(["set", "t", "it's", "d:a=1", "--curl"]);
    expect(result).toMatchObject({ exitCode: 0, stderr: "" });
    expect(result.stdout).toBe(
      `curl -sS --path-as-is -X PATCH ${harness.baseUrl}/v1/tables/t/rows/it%27s ` +
        `-H 'content-type: application/json' --data-binary '{"set":{"d:a":"1"}}'\n`,
    );
    expect((await stele(["get", "t", "it's"])).exitCode).toBe(3);
  });

  test("-v prints the request and its answer on standard error", async () => {
    const result = await stele(["table", "ls", "-v"]);
    expect(result.stderr).toMatch(/^> curl .*\/v1\/tables\n< 200 after [\d.]+ ms\n$/);
  });

  test("an interrupted call exits with 130", async () => {
    const interrupt = new AbortController();
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    harness.operations.before = async () => {
      interrupt.abort();
      await released;
    };
    try {
      const result = await stele(["get", "t", "slow"], { interrupt: interrupt.signal });
      expect(result).toMatchObject({ exitCode: 130, stdout: "" });
    } finally {
      harness.operations.before = () => Promise.resolve();
      release();
    }
  });
});
