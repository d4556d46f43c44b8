import { once } from "node:events";
import { connect } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { RestHarness } from "./testing/rest-harness.adapter.ts";

let rest: RestHarness;
beforeAll(async () => {
  rest = await RestHarness.start();
});
afterAll(() => rest.stop());
afterEach(() => {
  rest.operations.before = () => Promise.resolve();
  rest.operations.failingKeys.clear();
});

const path = "/v1/tables/t/rows:batch";
const batch = (ops: unknown, headers?: Record<string, string>) =>
  rest.call("POST", path, { ops }, headers);
const read = async (key: string) =>
  (await rest.call("GET", `/v1/tables/t/rows/${key}`)).json.columns;

describe("a batch in JSON", () => {
  test("gives a result an operation, in order, with the statuses of single calls", async () => {
    const answer = await batch([
      { put: { key: "b1", columns: { "d:a": "1" } } },
      { put: { key: "b1", columns: { "d:a": "2" } } },
      { patch: { key: "b1", increment: { "d:n": 5 } } },
      { delete: { key: "b1" } },
    ]);
    expect(answer.status).toBe(200);
    const version = expect.stringMatching(/^\d+$/) as string;
    expect(answer.json.results).toEqual([
      { status: 201, version },
      { status: 200, version },
      { status: 200, key: "b1", version, matched: true, columns: { "d:n": { int64: "5" } } },
      { status: 204, version: null },
    ]);
    expect(answer.headers.get("stele-session")).toMatch(/^\d+$/);
  });

  test("what is wrong inside an operation is its own result: 207, and the others are done", async () => {
    const answer = await batch([
      { put: { key: "", columns: { "d:a": "1" } } },
      { put: { key: "b2", columns: { "d:a": "1" } } },
      { put: { key: "b2", columns: { "x:a": "1" } } },
      { put: { key: "b2", columns: { "d:a": 1 } } },
      { put: { key: "b2", columns: { "d:a": "1", "d:\\x61": "2" } } },
      { put: { key: "b2" } },
      { patch: { key: "b2", set: {} } },
      { nothing: {} },
      { put: { key: "b2", columns: { "d:a": "1" } }, delete: { key: "b2" } },
      5,
      { delete: { key: "b2", why: 1 } },
      { patch: { key: "b3", set: { "d:a": "x" }, increment: { "d:a": 1 } } },
    ]);
    expect(answer.status).toBe(207);
    const results = answer.json.results as Record<string, unknown>[];
    expect(results.map(({ status, code }) => code ?? status)).toEqual([
      "INVALID_KEY",
      201,
      "FAMILY_NOT_FOUND",
      ...Array.from({ length: 8 }, () => "INVALID_REQUEST"),
      "NOT_A_NUMBER",
    ]);
    expect(results[3]).toMatchObject({
      applied: "no",
      retryable: false,
      errors: [{ pointer: "/ops/3/put/columns/d:a" }],
    });
    expect(await read("b2")).toEqual({ "d:a": "1" });
  });

  test("ifVersion guards an operation; null means the row must not exist", async () => {
    const first = await batch([{ put: { key: "b4", columns: { "d:a": "1" }, ifVersion: null } }]);
    const { version } = (first.json.results as { version: string }[])[0] ?? { version: "" };
    const answer = await batch([
      { put: { key: "b4", columns: { "d:a": "2" }, ifVersion: null } },
      { put: { key: "b4", columns: { "d:a": "3" } }, ifVersion: "1" },
      { put: { key: "b4", columns: { "d:a": "4" }, ifVersion: version } },
      { delete: { key: "b4", ifVersion: version } },
      { put: { key: "b4", columns: { "d:a": "5" }, ifVersion: version }, ifVersion: version },
    ]);
    const results = answer.json.results as Record<string, unknown>[];
    expect(results.map(({ status }) => status)).toEqual([412, 412, 200, 412, 400]);
    expect(results[0]).toMatchObject({ code: "VERSION_MISMATCH", version, applied: "no" });
  });

  test("a bad envelope is 400, and nothing is done", async () => {
    const good = { put: { key: "b5", columns: { "d:a": "1" } } };
    for (const body of [
      { ops: good },
      { ops: [good], more: 1 },
      { operations: [good] },
      [good],
      {},
    ]) {
      const answer = await rest.call("POST", path, body);
      expect([answer.status, answer.code], JSON.stringify(body)).toEqual([400, "INVALID_REQUEST"]);
    }
    expect((await batch(Array.from({ length: 10_001 }, () => good))).status).toBe(400);
    expect(await read("b5")).toBeUndefined();
    expect((await batch([])).json).toEqual({ results: [] });
  });

  test("an Idempotency-Key counts for each operation by its place, unless it has its own", async () => {
    const ops = [
      { patch: { key: "b6", increment: { "d:n": 1 } } },
      { patch: { key: "b7", increment: { "d:n": 1 }, idempotencyKey: "own" } },
    ];
    await batch(ops, { "idempotency-key": "batch" });
    const again = await batch(ops.toReversed(), { "idempotency-key": "batch" });
    const results = again.json.results as Record<string, unknown>[];
    expect(results[0]).toMatchObject({ replayed: true, columns: { "d:n": { int64: "1" } } });
    expect(results[1]).toMatchObject({ columns: { "d:n": { int64: "2" } } });
    const third = await batch(ops, { "idempotency-key": "batch" });
    expect((third.json.results as object[])[0]).toMatchObject({ replayed: true });
  });

  test("an operation whose tablet cannot be reached says whether it may have happened", async () => {
    rest.operations.failingKeys.set("b8", { code: "NO_QUORUM", detail: "x", applied: "unknown" });
    const answer = await batch([{ delete: { key: "b8" } }, { delete: { key: "b9" } }]);
    expect(answer.status).toBe(207);
    expect(answer.json.results).toMatchObject([
      { status: 503, retryable: true, applied: "unknown", retryAfterMs: 1000 },
      { status: 204 },
    ]);
  });
});

describe("a load in NDJSON", () => {
  const load = (lines: unknown[], query = "", headers: Record<string, string> = {}) =>
    rest.call(
      "POST",
      path + query,
      lines.map((line) => (typeof line === "string" ? line : JSON.stringify(line))).join("\n"),
      { "content-type": "application/x-ndjson", ...headers },
    );

  test("takes operations and bare rows, and reports each line that failed", async () => {
    const answer = await load([
      { put: { key: "n1", columns: { "d:a": "1" } } },
      { key: "n2", version: "17", columns: { "d:a": "2" } },
      "",
      "{broken",
      { key: "n3", columns: { "x:a": "1" } },
      { key: "n3", found: false },
      { delete: { key: "n1" } },
    ]);
    expect(answer.status).toBe(200);
    expect(answer.headers.get("content-type")).toBe("application/x-ndjson");
    const failures = answer.lines.slice(0, -1).sort((a, b) => Number(a.line) - Number(b.line));
    expect(failures).toMatchObject([
      { line: 4, status: 400, code: "INVALID_REQUEST", applied: "no" },
      { line: 5, status: 422, code: "FAMILY_NOT_FOUND" },
      { line: 6, status: 400, code: "INVALID_REQUEST" },
    ]);
    expect(answer.lines.at(-1)).toEqual({ end: { ok: 3, failed: 3 } });
    expect([await read("n1"), await read("n2")]).toEqual([undefined, { "d:a": "2" }]);
  });

  test("takes what streams give, and checks their end", async () => {
    await batch(["e1", "e2", "e3"].map((key) => ({ put: { key, columns: { "d:a": key } } })));
    const stream = await rest.call("GET", "/v1/tables/t/rows?prefix=e", undefined, {
      accept: "application/x-ndjson",
    });
    const twice = `${stream.text}${stream.text}`.split("\n");
    expect((await load(twice)).lines.at(-1)).toEqual({ end: { ok: 6, failed: 0 } });
    const cut = stream.text.split("\n").slice(1);
    expect((await load(cut)).lines.at(-1)).toMatchObject({ error: { code: "INVALID_REQUEST" } });
    const failed = await load([...stream.text.split("\n").slice(0, 3), { error: { status: 503 } }]);
    expect(failed.lines.at(-1)).toMatchObject({ error: { code: "INVALID_REQUEST" } });
  });

  test("stops after maxFailures, and what it read last is told", async () => {
    const bad = Array.from({ length: 50 }, () => ({ put: { key: "", columns: {} } }));
    const answer = await load(
      [{ put: { key: "m1", columns: { "d:a": "1" } } }, ...bad],
      "?maxFailures=3",
    );
    expect(answer.lines).toHaveLength(4);
    expect(answer.lines.at(-1)).toMatchObject({
      error: { status: 400, code: "TOO_MANY_FAILURES", failed: 3 },
    });
    expect((await load(bad, "?maxFailures=0")).status).toBe(400);
    expect((await rest.call("POST", `${path}?maxFailures=3`, { ops: [] })).status).toBe(400);
  });

  test("an unknown table is 404, also for an empty load", async () => {
    const type = { "content-type": "application/x-ndjson" };
    const line = JSON.stringify({ delete: { key: "k" } });
    for (const body of [line, "\n", ""]) {
      const answer = await rest.call("POST", "/v1/tables/nowhere/rows:batch", body, type);
      expect([answer.status, answer.code], body).toEqual([404, "TABLE_NOT_FOUND"]);
    }
  });

  test("writes of one row apply in their order, and never travel in two requests at once", async () => {
    let inFlight: string[] = [];
    rest.operations.before = async (call) => {
      if (call !== "writeMany") return;
      const own = rest.operations.sentWrites.at(-1) ?? [];
      const rows = [...new Set(own)];
      expect(inFlight.filter((key) => rows.includes(key))).toEqual([]);
      inFlight.push(...rows);
      await new Promise((resolve) => setTimeout(resolve, 1 + (rows.length % 3)));
      inFlight = inFlight.filter((key) => !rows.includes(key));
    };
    const lines = Array.from({ length: 6000 }, (_, index) => ({
      patch: { key: `o${index % 7}`, append: { "d:l": `${Math.floor(index / 7)},` } },
    }));
    const answer = await load(lines);
    expect(answer.lines.at(-1)).toEqual({ end: { ok: 6000, failed: 0 } });
    const wanted = Array.from({ length: 858 }, (_, index) => `${index},`).join("");
    expect(await read("o0")).toEqual({ "d:l": wanted });
  });

  test("line i has its own Idempotency-Key", async () => {
    const line = { patch: { key: "i1", increment: { "d:n": 1 } } };
    const headers = { "idempotency-key": "load" };
    await load([line, line], "", headers);
    await load([line, line], "", headers);
    expect(await read("i1")).toEqual({ "d:n": { int64: "2" } });
  });

  test("reading pauses while nothing is decided: what is held is bounded", async () => {
    const releases: (() => void)[] = [];
    rest.operations.before = (call) =>
      call === "writeMany" ? new Promise((resolve) => releases.push(resolve)) : Promise.resolve();
    const value = "v".repeat(100_000);
    const body = Array.from({ length: 600 }, (_, index) =>
      JSON.stringify({ put: { key: `p${index}`, columns: { "d:a": value } } }),
    ).join("\n");
    const socket = connect(rest.port, "127.0.0.1");
    let received = "";
    socket.on("data", (chunk) => {
      received += chunk.toString();
    });
    socket.write(
      `POST ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n` +
        `Content-Type: application/x-ndjson\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    const notTaken = 25_000_000;
    await expect.poll(() => releases.length).toBe(4);
    let left = -1;
    // Until no more is taken from one look to the next.
    await expect
      .poll(() => {
        const before = left;
        left = socket.bytesWritten - rest.bytesRead;
        return left === before;
      })
      .toBe(true);
    expect(left).toBeGreaterThan(notTaken);
    rest.operations.before = () => Promise.resolve();
    for (const release of releases) release();
    await once(socket, "close");
    expect(received).toContain('{"end":{"ok":600,"failed":0}}');
  });
});
