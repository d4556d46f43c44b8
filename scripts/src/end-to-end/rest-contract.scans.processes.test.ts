// Section 4 of the REST contract as far as it reads, against a real cluster.
import { randomUUID } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { TestCluster } from "../launch/test-cluster.ts";
import { leaderOfRow } from "./cluster-views.ts";
import { KEYS, ROWS, startPeopleCluster } from "./people-cluster.ts";
import { expectProblem } from "./problem-check.ts";
import { linesOf, NDJSON } from "./rest.ts";
import type { Rest } from "./rest.ts";
import { setUpOnce } from "./set-up-once.ts";

const ndjson = { accept: NDJSON };

interface Row {
  readonly key: string;
  readonly version: string;
  readonly columns: Readonly<Record<string, unknown>>;
}

interface Page {
  readonly rows: readonly Row[];
  readonly nextPageToken?: string;
}

let cluster: TestCluster;
let rest: Rest;
/** The same cluster by way of another front-end. */
let other: Rest;

setUpOnce(startPeopleCluster, (started) => ({ cluster, rest, other } = started));

async function scan(query: string, by = rest): Promise<Page> {
  const reply = await by.get(`${ROWS}?${query}`);
  expect(reply.status, reply.text).toBe(200);
  return reply.json<Page>();
}

const keysOf = (rows: readonly Row[]): string[] => rows.map((row) => row.key);

/** Page by page, each from the other front-end than the one before. */
async function pages(query: string): Promise<string[]> {
  const keys: string[] = [];
  let token = "";
  for (let turn = 0; ; turn++) {
    const page = await scan(`${query}${token}`, turn % 2 === 0 ? rest : other);
    keys.push(...keysOf(page.rows));
    if (page.nextPageToken === undefined) return keys;
    token = `&pageToken=${encodeURIComponent(page.nextPageToken)}`;
  }
}

interface StreamLine extends Row {
  readonly end?: { readonly rows: number; readonly nextPageToken?: string };
}

async function stream(query: string): Promise<StreamLine[]> {
  const reply = await rest.get(`${ROWS}?${query}`, { headers: ndjson });
  expect(reply.headers["content-type"]).toMatch(/^application\/x-ndjson/);
  return linesOf<StreamLine>(reply);
}

describe("ranges", () => {
  const between = (from: string, to: string) => KEYS.filter((each) => each >= from && each < to);

  test.for<[query: string, range: object, expected: readonly string[]]>([
    ["", {}, KEYS],
    ["prefix=g", { prefix: "g" }, ["g0", "g1", "g2", "g3"]],
    ["prefix=zz", { prefix: "zz" }, []],
    ["start=f2&end=g2", { start: "f2", end: "g2" }, ["f2", "f3", "g0", "g1"]],
    ["startAfter=f2&end=g2", { startAfter: "f2", end: "g2" }, ["f3", "g0", "g1"]],
    ["start=x", { start: "x" }, between("x", "~")],
    ["end=c", { end: "c" }, between("a", "c")],
    ["prefix=g&start=g2", { prefix: "g", start: "g2" }, ["g2", "g3"]],
    ["prefix=g&end=b", { prefix: "g", end: "b" }, []],
    ["start=m&end=c", { start: "m", end: "c" }, []],
    ["start=m&end=m", { start: "m", end: "m" }, []],
  ])("%s are the same in every way of asking", async ([query, range, expected]) => {
    expect(await pages(`limit=7&${query}`)).toEqual(expected);
    expect(await pages(`limit=7&reverse=true&${query}`)).toEqual(expected.toReversed());
    const lines = await stream(query);
    expect(keysOf(lines.slice(0, -1))).toEqual(expected);
    expect(lines.at(-1)).toEqual({ end: expect.objectContaining({ rows: expected.length }) });
    const posted = await rest.post(`${ROWS}:scan`, { ...range, limit: 10_000 });
    expect(keysOf(posted.json<Page>().rows), posted.text).toEqual(expected);
    const counted = await rest.post(`${ROWS}:count`, range);
    expect(counted.json()).toEqual({ count: expected.length });
  });

  test("several ranges are sorted and merged, no row twice", async () => {
    const ranges = [{ start: "y2" }, { key: "c1" }, { prefix: "g" }, { start: "g1", end: "h1" }];
    const expected = ["c1", "g0", "g1", "g2", "g3", "h0", ...between("y2", "~")];
    const posted = await rest.post(`${ROWS}:scan`, { ranges, limit: 1000 });
    expect(keysOf(posted.json<Page>().rows), posted.text).toEqual(expected);
    const reverse = await rest.post(`${ROWS}:scan`, { ranges, reverse: true, limit: 1000 });
    expect(keysOf(reverse.json<Page>().rows)).toEqual(expected.toReversed());
    const count = await rest.post(`${ROWS}:count`, { ranges });
    expect(count.json()).toEqual({ count: expected.length });
    expect((await rest.post(`${ROWS}:scan`, { ranges: [] })).json()).toEqual({ rows: [] });
  });

  test("keys in queries are octets, also as base64 and hex", async () => {
    const table = "/tables/scratch/rows";
    for (const path of ["%FF%00", "%FF%01", "a%20b", "a%2Bb"]) {
      expect((await rest.put(`${table}/${path}`, { columns: { "d:x": "1" } })).status).toBe(201);
    }
    for (const [query, found] of [
      ["prefix=%FF", 2],
      ["prefix=_w&enc=b64", 2],
      ["prefix=%2Fw%3D%3D&enc=b64", 2],
      ["start=ff01&enc=hex", 1],
      ["prefix=a+b", 1],
      ["prefix=a%2Bb", 1],
    ] as const) {
      const page = (await rest.get(`${table}?${query}`)).json<Page>();
      expect(page.rows, query).toHaveLength(found);
    }
    const body = { ranges: [{ prefix: { b64: "_w" } }] };
    const posted = (await rest.post(`${table}:scan`, body)).json<Page>();
    expect(posted.rows.map((row) => row.key)).toEqual([{ b64: "_wA" }, { b64: "_wE" }]);
  });

  test("columns, view, versions and keysOnly are as in a single read", async () => {
    expect(await scan("prefix=g0&columns=d:x")).toMatchObject({
      rows: [{ columns: { "d:x": "g0" } }],
    });
    const cells = await scan("prefix=g0&view=cells&versions=all");
    expect(cells.rows[0]).toMatchObject({
      key: "g0",
      cells: { "d:x": [{ value: "g0", timestamp: expect.stringMatching(/^\d+$/) }] },
    });
    expect(Object.keys((await scan("prefix=g0&keysOnly=true")).rows[0] ?? {})).toEqual([
      "key",
      "version",
    ]);
    await rest.put("/tables/scratch/rows/only-n", { columns: { "n:y": "1" } });
    const without = await rest.get("/tables/scratch/rows?prefix=only-n&columns=d");
    expect(without.json()).toEqual({ rows: [] });
  });
});

describe("pages and streams", () => {
  test("a page holds at most 100 rows unless limit says otherwise", async () => {
    const page = await scan("");
    expect(page.rows).toHaveLength(100);
    expect(page.nextPageToken).toMatch(/./);
    expect((await scan("limit=10000")).rows).toHaveLength(KEYS.length);
  });

  test("limit, timeout and consistency may change between pages, nothing else", async () => {
    const { nextPageToken } = await scan("prefix=g&limit=1");
    const token = encodeURIComponent(nextPageToken ?? "");
    const next = await scan(`prefix=g&limit=2&timeout=5s&consistency=any&pageToken=${token}`);
    expect(keysOf(next.rows)).toEqual(["g1", "g2"]);
    const posted = await rest.post(`${ROWS}:scan`, { prefix: "g", pageToken: nextPageToken });
    expect(keysOf(posted.json<Page>().rows), posted.text).toEqual(["g1", "g2", "g3"]);
    for (const change of ["prefix=h", "prefix=g&reverse=true", "prefix=g&columns=d"]) {
      const reply = await rest.get(`${ROWS}?${change}&pageToken=${token}`);
      expectProblem(reply, 400, "PAGE_TOKEN_MISMATCH");
    }
  });

  test("a token outlives the deletion of the row it points behind", async () => {
    const table = "/tables/scratch/rows";
    const ops = ["p1", "p2", "p3"].map((each) => ({
      put: { key: each, columns: { "d:x": "1" } },
    }));
    await rest.post(`${table}:batch`, { ops });
    const page = (await rest.get(`${table}?prefix=p&limit=2`)).json<Page>();
    await rest.delete(`${table}/p2`);
    const token = encodeURIComponent(page.nextPageToken ?? "");
    const next = (await rest.get(`${table}?prefix=p&limit=2&pageToken=${token}`)).json<Page>();
    expect(next.rows.map((row) => row.key)).toEqual(["p3"]);
  });

  test("the token of a dropped table is refused", async () => {
    const make = () => rest.post("/tables", { name: "brief" });
    const path = "/tables/brief/rows";
    expect((await make()).status).toBe(201);
    for (const each of ["a", "b"]) await rest.put(`${path}/${each}`, { columns: { "d:x": "1" } });
    const { nextPageToken = "" } = (await rest.get(`${path}?limit=1`)).json<Page>();
    expect((await rest.delete("/tables/brief")).status).toBe(204);
    expect((await make()).status).toBe(201);
    const reply = await rest.get(`${path}?limit=1&pageToken=${encodeURIComponent(nextPageToken)}`);
    expectProblem(reply, 400, "INVALID_PAGE_TOKEN");
    expect((await rest.get(path)).json()).toEqual({ rows: [] });
  });

  test("a stream with a limit ends with a token to go on from", async () => {
    const lines = await stream("limit=5");
    expect(lines).toHaveLength(6);
    const token = lines[5]?.end?.nextPageToken ?? "";
    expect(lines[5]?.end?.rows).toBe(5);
    expect(keysOf((await scan(`limit=2&pageToken=${encodeURIComponent(token)}`)).rows)).toEqual([
      "b1",
      "b2",
    ]);
  });

  test.for([
    ["application/x-ndjson", true],
    ["application/x-ndjson, application/json;q=0.5", true],
    ["application/json, application/x-ndjson;q=0.5", false],
    ["*/*", false],
    ["text/html", false],
    ["image/png", false],
  ] as const)("Accept: %s is answered with NDJSON: %s", async ([accept, isNdjson]) => {
    const reply = await rest.get(`${ROWS}?limit=1`, { headers: { accept } });
    expect(reply.status).toBe(200);
    const type = isNdjson ? /^application\/x-ndjson/ : /^application\/json/;
    expect(reply.headers["content-type"]).toMatch(type);
    expect(reply.headers["vary"]).toMatch(/accept/i);
    expect(reply.headers["cache-control"]).toBe("no-store");
  });
});

describe("rows:get", () => {
  test("gives rows in the order asked for, duplicates and missing ones included", async () => {
    const keys = ["z3", "none", "a0", "z3", "h1"];
    const reply = await rest.post(`${ROWS}:get`, { keys, columns: ["d:x"] });
    const found = (each: string) => ({ key: each, found: true, columns: { "d:x": each } });
    expect(reply.status).toBe(200);
    expect(reply.json()).toMatchObject({
      rows: [found("z3"), { key: "none", found: false }, found("a0"), found("z3"), found("h1")],
    });
    const streamed = await rest.post(`${ROWS}:get`, { keys }, { headers: ndjson });
    const lines = linesOf<StreamLine>(streamed);
    expect(lines.slice(0, -1).map((line) => line.key)).toEqual(keys);
    expect(lines.at(-1)).toMatchObject({ end: { rows: 5 } });
    expect((await rest.post(`${ROWS}:get`, { keys: [] })).json()).toEqual({ rows: [] });
  });
});

describe("after a failover", () => {
  test("page tokens go on and retries are still recognised", async () => {
    const headers = { "idempotency-key": randomUUID() };
    const path = `${ROWS}/g0-counter`;
    const body = { increment: { "n:c": 1 } };
    const first = await rest.patch(path, body, { headers });
    expect(first.status, first.text).toBe(200);
    const { nextPageToken = "" } = await scan("start=f&end=h&limit=3");

    const leader = await leaderOfRow(rest, "people", "g0-counter");
    await cluster.kill(leader);
    const retry = await other.patch(path, body, { headers });
    expect([retry.status, retry.text]).toEqual([200, first.text]);
    expect(retry.headers["stele-replayed"]).toBe("true");
    expect(await leaderOfRow(rest, "people", "g0-counter")).not.toBe(leader);
    const token = encodeURIComponent(nextPageToken);
    const next = await scan(`start=f&end=h&limit=100&pageToken=${token}`, other);
    expect(keysOf(next.rows)).toEqual(["f3", "g0", "g0-counter", "g1", "g2", "g3"]);

    // Everybody else as well: what is left knows it from disk or log.
    for (const id of ["ts1", "ts2", "ts3"]) await cluster.kill(id);
    await Promise.all(["ts1", "ts2", "ts3"].map((id) => cluster.restart(id)));
    const late = await rest.patch(path, body, { headers });
    expect([late.status, late.text]).toEqual([200, first.text]);
    expect((await rest.delete(path)).status).toBe(204);
  });

  test("a stream that the front-end cannot finish has no end line", async () => {
    const value = "v".repeat(100_000);
    const fillings = ["a", "h", "p", "w"].map((each) => {
      const ops = Array.from({ length: 60 }, (_, index) => ({
        put: { key: `${each}-large-${index}`, columns: { "d:x": value } },
      }));
      return rest.post("/tables/scratch/rows:batch", { ops });
    });
    for (const { status, text } of await Promise.all(fillings)) {
      expect(status, text.slice(0, 500)).toBe(200);
    }
    // 24 MB: more than the buffers on the way hold, so the front-end is amid it when it dies.
    const stream = await fetch(`${other.url}/v1/tables/scratch/rows`, { headers: ndjson });
    const reader = stream.body?.getReader();
    await reader?.read();
    await cluster.kill("fe2");
    const reading = (async () => {
      while ((await reader?.read())?.done === false);
    })();
    await expect(reading, "a cut stream must not look complete").rejects.toThrow();
  });
});
