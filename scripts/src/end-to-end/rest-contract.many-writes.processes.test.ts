// Section 4 of the REST contract as far as it writes, and section 5, against a real cluster.
import { randomUUID } from "node:crypto";
import { beforeEach, describe, expect, test } from "vitest";
import { ROWS, SCRATCH, startPeopleCluster } from "./people-cluster.ts";
import { expectProblem } from "./problem-check.ts";
import { linesOf, NDJSON } from "./rest.ts";
import type { Reply, Rest } from "./rest.ts";
import { setUpOnce } from "./set-up-once.ts";

const ndjson = { accept: NDJSON };
const load = { "content-type": NDJSON, accept: NDJSON };

let rest: Rest;
/** The same cluster by way of another front-end. */
let other: Rest;
/** A row of its own for each test. */
let key: string;
let tests = 0;

setUpOnce(startPeopleCluster, (started) => ({ rest, other } = started));

beforeEach(() => {
  key = `row-${++tests}`;
});

describe("rows:batch", () => {
  const batch = (ops: unknown[], headers = {}): Promise<Reply> =>
    rest.post(`${SCRATCH}:batch`, { ops }, { headers });

  test("answers each op in order, 207 when one failed", async () => {
    const columns = { "d:x": "1" };
    const good = await batch([
      { put: { key: `${key}-c`, columns } },
      { put: { key: `${key}-a`, columns } },
      { patch: { key: `${key}-a`, increment: { "n:c": 2 } } },
      { delete: { key: `${key}-c` } },
    ]);
    expect(good.status, good.text).toBe(200);
    expect(good.json()).toMatchObject({
      results: [
        { status: 201, version: expect.stringMatching(/^\d+$/) },
        { status: 201 },
        { status: 200, key: `${key}-a`, matched: true, columns: { "n:c": { int64: "2" } } },
        { status: 204 },
      ],
    });
    const mixed = await batch([
      { put: { key: `${key}-a`, columns }, ifVersion: null },
      { put: { key: `${key}-b`, columns }, ifVersion: null },
      { put: { key: `${key}-d`, columns: { "nope:x": "1" } } },
      { put: { key: `${key}-e`, columns: { "d:x": 1 } } },
      { nothing: {} },
      { delete: { key: `${key}-b` }, ifVersion: "1" },
    ]);
    expect(mixed.status, mixed.text).toBe(207);
    const failed = { detail: expect.any(String), retryable: false, applied: "no" };
    expect(mixed.json()).toMatchObject({
      results: [
        { status: 412, code: "VERSION_MISMATCH", ...failed },
        { status: 201 },
        { status: 422, code: "FAMILY_NOT_FOUND", ...failed },
        { status: 400, code: "INVALID_REQUEST", ...failed },
        { status: 400, code: "INVALID_REQUEST", ...failed },
        { status: 412, code: "VERSION_MISMATCH", ...failed },
      ],
    });
    expect((await rest.get(`${SCRATCH}/${key}-b`)).status).toBe(200);
  });

  test("ops on one row apply in the order given", async () => {
    const ops = Array.from({ length: 50 }, (_, index) => ({
      patch: { key, append: { "d:l": String(index % 10) } },
    }));
    const reply = await batch([{ put: { key, columns: { "d:l": "" } } }, ...ops]);
    expect(reply.status, reply.text).toBe(200);
    const read = await rest.get(`${SCRATCH}/${key}`);
    expect(read.json()).toMatchObject({ columns: { "d:l": "0123456789".repeat(5) } });
  });

  test("a bad envelope does nothing at all", async () => {
    const put = { put: { key, columns: { "d:x": "1" } } };
    for (const body of [{ ops: [put], more: 1 }, { ops: put }, [put]]) {
      expectProblem(await rest.post(`${SCRATCH}:batch`, body), 400, "INVALID_REQUEST");
    }
    expect((await rest.get(`${SCRATCH}/${key}`)).status).toBe(404);
  });
});

describe("loading NDJSON", () => {
  const send = (lines: readonly unknown[], query = ""): Promise<Reply> => {
    const text = lines.map((line) => (typeof line === "string" ? line : JSON.stringify(line)));
    return rest.post(`${SCRATCH}:batch${query}`, `${text.join("\n")}\n`, { headers: load });
  };

  test("takes rows as streams give them, and ops, and reports each failure by line", async () => {
    const exported = await rest.get(`${ROWS}?prefix=g`, { headers: ndjson });
    const lines = exported.text.trimEnd().split("\n");
    const loaded = await send(lines);
    expect(loaded.status).toBe(200);
    expect(linesOf(loaded).at(-1)).toEqual({ end: { ok: 4, failed: 0 } });
    expect((await rest.get(`${SCRATCH}/g2`)).json()).toMatchObject({
      columns: { "d:x": "g2", "n:y": "1" },
    });
    const mixed = await send([
      { put: { key: `${key}-a`, columns: { "d:x": "1" } } },
      { key: `${key}-b`, columns: { "nope:x": "1" } },
      "{broken",
      { patch: { key: `${key}-a`, append: { "d:x": "2" } } },
      { delete: { key: `${key}-none` } },
    ]);
    expect(mixed.status).toBe(200);
    const answers = linesOf<{ line?: number; end?: object }>(mixed);
    const failures = answers.filter(({ line }) => line !== undefined);
    expect(failures.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0))).toMatchObject([
      { line: 2, status: 422, code: "FAMILY_NOT_FOUND", detail: expect.any(String) },
      { line: 3, status: 400, code: "INVALID_REQUEST", detail: expect.any(String) },
    ]);
    expect(answers.at(-1)).toEqual({ end: { ok: 3, failed: 2 } });
    expect((await rest.get(`${SCRATCH}/${key}-a`)).json()).toMatchObject({
      columns: { "d:x": "12" },
    });
  });

  test("checks the end line against the rows seen, and an error line fails the load", async () => {
    const row = { key, columns: { "d:x": "1" } };
    const short = await send([row, { end: { rows: 2 } }]);
    expect(linesOf(short).at(-1)).not.toMatchObject({ end: { failed: 0 } });
    const cut = await send([row, { error: { status: 503, code: "NO_QUORUM", detail: "cut" } }]);
    expect(linesOf(cut).at(-1)).not.toMatchObject({ end: { failed: 0 } });
  });

  test("stops after maxFailures", async () => {
    const bad = Array.from({ length: 10 }, () => ({ key: "x", columns: { "nope:x": "1" } }));
    const reply = await send(bad, "?maxFailures=3");
    const last = linesOf(reply).at(-1);
    expect(last).toMatchObject({ error: { code: "TOO_MANY_FAILURES" } });
  });

  test("a thousand lines with the same key end with the last", async () => {
    const lines = Array.from({ length: 1000 }, (_, n) => ({ key, columns: { "d:x": String(n) } }));
    expect(linesOf(await send(lines)).at(-1)).toEqual({ end: { ok: 1000, failed: 0 } });
    expect((await rest.get(`${SCRATCH}/${key}`)).json()).toMatchObject({
      columns: { "d:x": "999" },
    });
  });
});

describe("Idempotency-Key", () => {
  const path = () => `/tables/scratch/rows/${key}`;
  const once = () => ({ "idempotency-key": randomUUID() });

  test("a retry gets the first answer again, before conditions are judged", async () => {
    const headers = once();
    const first = await rest.post(path(), { columns: { "d:x": "1" } }, { headers });
    expect(first.status).toBe(201);
    expect(first.headers["stele-replayed"]).toBeUndefined();
    const retry = await other.post(path(), { columns: { "d:x": "1" } }, { headers });
    expect([retry.status, retry.text]).toEqual([first.status, first.text]);
    expect(retry.headers["stele-replayed"]).toBe("true");
    expect(retry.headers["etag"]).toBe(first.headers["etag"]);
  });

  test("increments are applied once, however often and concurrently they are sent", async () => {
    const headers = once();
    const body = { increment: { "n:c": 5 } };
    const replies = await Promise.all(
      Array.from({ length: 10 }, (_, turn) =>
        (turn % 2 === 0 ? rest : other).patch(path(), body, { headers }),
      ),
    );
    expect(new Set(replies.map(({ text }) => text)).size).toBe(1);
    expect((await rest.get(path())).json()).toMatchObject({ columns: { "n:c": { int64: "5" } } });
  });

  test("another method, column, condition or body is a mismatch", async () => {
    const headers = once();
    const body = { columns: { "d:x": "1" } };
    expect((await rest.put(path(), body, { headers })).status).toBe(201);
    const changed = { headers: { ...headers, "if-match": "*" } };
    for (const reply of [
      await rest.put(path(), { columns: { "d:x": "2" } }, { headers }),
      await rest.post(path(), body, { headers }),
      await rest.put(path(), body, changed),
      await rest.delete(path(), { headers }),
      await rest.put(`${path()}/cells/d:x`, "1", { headers }),
    ]) {
      expectProblem(reply, 422, "IDEMPOTENCY_MISMATCH");
    }
    // The scope is the row.
    expect((await rest.put(`${path()}-other`, body, { headers })).status).toBe(201);
  });

  test("a write that failed is not stored: the key is free for the next attempt", async () => {
    const headers = once();
    const body = { columns: { "d:x": "1" } };
    const failed = await rest.put(path(), body, { headers: { ...headers, "if-match": "*" } });
    expect(failed.status).toBe(412);
    expect((await rest.put(path(), body, { headers })).status).toBe(201);
  });

  test("ops of a batch use <key>/<i>, so a repeated batch changes nothing", async () => {
    const headers = once();
    const body = { ops: [0, 1, 2].map(() => ({ patch: { key, increment: { "n:c": 1 } } })) };
    const first = await rest.post("/tables/scratch/rows:batch", body, { headers });
    const second = await other.post("/tables/scratch/rows:batch", body, { headers });
    expect(second.json()).toMatchObject(first.json<object>());
    expect((await rest.get(path())).json()).toMatchObject({ columns: { "n:c": { int64: "3" } } });
  });

  test.for(["", "a b", "x".repeat(129), "schön"])("%j is no key", async (text) => {
    const headers = { "idempotency-key": Buffer.from(text).toString("latin1") };
    const reply = await rest.put(path(), { columns: { "d:x": "1" } }, { headers });
    expectProblem(reply, 400, "INVALID_REQUEST");
  });
});

describe("consistency and time", () => {
  test.for([
    "consistency=strong",
    "consistency=any",
    "consistency=bounded&maxStaleness=5s",
    "consistency=session",
  ])("%s sees what was written", async (query) => {
    const path = `/tables/scratch/rows/${key}`;
    const written = await rest.put(path, { columns: { "d:x": "1" } });
    const session = written.headers["stele-session"] ?? "";
    expect(session).toMatch(/^\d+$/);
    const headers = { "stele-session": session };
    const read = await other.get(`${path}?${query}`, { headers });
    expect(read.json(), read.text).toMatchObject({ columns: { "d:x": "1" } });
    const count = await other.post(
      `/tables/scratch/rows:count?${query}`,
      { ranges: [{ key }] },
      { headers },
    );
    expect(count.json(), count.text).toEqual({ count: 1 });
    expect(count.headers["stele-session"]).toMatch(/^\d+$/);
    expect(count.headers["stele-staleness"]).toMatch(/^\d+(\.\d+)?$/);
  });

  test.for(["500ms", "2s", "1m", "1h"])("a timeout of %s is taken", async (timeout) => {
    expect((await rest.get(`${ROWS}/a0?timeout=${timeout}`)).status).toBe(200);
  });

  test("every reply carries its own request id", async () => {
    const ids = await Promise.all(
      ["/tables", `${ROWS}/a0`, `${ROWS}/none`, "/nowhere"].map(
        async (path) => (await rest.get(path)).headers["stele-request-id"],
      ),
    );
    expect(ids.every((id) => id !== undefined && id !== "")).toBe(true);
    expect(new Set(ids).size).toBe(4);
  });
});
