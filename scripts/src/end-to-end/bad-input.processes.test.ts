// Bad input of every kind, against a real front-end and tablet server: the documented problem, and
// nothing changes.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { TestCluster } from "../launch/test-cluster.ts";
import { expectProblem, pointersOf } from "./problem-check.ts";
import { exchange } from "./raw-http.ts";
import { NDJSON, Rest } from "./rest.ts";
import type { Call, Reply } from "./rest.ts";
import { complaintsOf } from "./server-logs.ts";

const ROWS = "/tables/people/rows";
const ROW = `${ROWS}/alice`;
const CELL = `${ROW}/cells/d:name`;
const ABSENT = "/tables/nowhere";
const json = { "content-type": "application/json" };
const MIB = 1024 * 1024;

let cluster: TestCluster;
let rest: Rest;
let before: string;

beforeAll(async () => {
  cluster = await TestCluster.start();
  rest = new Rest(cluster.url);
  const families = { d: {}, stats: { maxVersions: 3 } };
  const created = await rest.post("/tables", { name: "people", families });
  expect(created.status, created.text).toBe(201);
  for (const key of ["alice", "bob", "carol", "dave"]) {
    const columns = { "d:name": key, "stats:n": { int64: "7" }, "stats:text": "seven" };
    expect((await rest.put(`${ROWS}/${key}`, { columns })).status).toBe(201);
  }
  before = await contents();
});

afterEach(async () => {
  const now = await contents();
  // Not compared by the matcher: a large cell left behind would be a large message.
  if (now !== before) throw new Error(`something changed: ${now.slice(0, 2000)}`);
});

afterAll(async () => {
  await rest?.[Symbol.asyncDispose]();
  const complaints = cluster === undefined ? [] : complaintsOf(cluster);
  await cluster?.[Symbol.asyncDispose]();
  expect(complaints).toEqual([]);
});

/** All tables, and every version of every cell. */
async function contents(): Promise<string> {
  const tables = await rest.get("/tables");
  const rows = await rest.get(`${ROWS}?view=cells&versions=all&limit=10000`);
  expect([tables.status, rows.status]).toEqual([200, 200]);
  return `${tables.text}\n${rows.text}`;
}

/** Sends octets as they are. `target` is the request target, one character an octet. */
function raw(method: string, target: string, lines: readonly string[] = [], body?: Buffer) {
  const { host } = new URL(rest.url);
  const head = [`${method} ${target} HTTP/1.1`, `Host: ${host}`, "Connection: close", ...lines];
  if (body === undefined) return exchange(rest.url, { head });
  const length = `Content-Length: ${body.length}`;
  return exchange(rest.url, { head: [...head, length], body });
}

describe("an unknown table", () => {
  test.for<[method: string, path: string, call?: Call]>([
    ["GET", ABSENT],
    ["DELETE", ABSENT],
    ["GET", `${ABSENT}/tablets`],
    ["GET", `${ABSENT}/rows`],
    ["GET", `${ABSENT}/rows/k`],
    ["PUT", `${ABSENT}/rows/k`, { body: { columns: { "d:x": "1" } } }],
    ["POST", `${ABSENT}/rows/k`, { body: { columns: { "d:x": "1" } } }],
    ["PATCH", `${ABSENT}/rows/k`, { body: { set: { "d:x": "1" } } }],
    ["DELETE", `${ABSENT}/rows/k`],
    ["GET", `${ABSENT}/rows/k/cells/d:x`],
    ["PUT", `${ABSENT}/rows/k/cells/d:x`, { body: "v" }],
    ["DELETE", `${ABSENT}/rows/k/cells/d:x`],
    ["POST", `${ABSENT}/rows:scan`, { body: {} }],
    ["POST", `${ABSENT}/rows:count`, { body: {} }],
    ["POST", `${ABSENT}/rows:get`, { body: { keys: ["k"] } }],
    ["POST", `${ABSENT}/rows:batch`, { body: { ops: [{ delete: { key: "k" } }] } }],
  ])("%s %s is TABLE_NOT_FOUND", async ([method, path, call]) => {
    expectProblem(await rest.send(method, path, call), 404, "TABLE_NOT_FOUND");
  });

  test("a HEAD of it has no body", async () => {
    const reply = await rest.head(`${ABSENT}/rows/k`);
    expect([reply.status, reply.bytes.length]).toEqual([404, 0]);
  });
});

describe("keys", () => {
  const long = "k".repeat(4097);

  test.for(["GET", "PUT", "POST", "PATCH", "DELETE"])(
    "a key of 4097 bytes is INVALID_KEY for %s, one of 4096 is not",
    async (method) => {
      const body = method === "PATCH" ? { set: { "d:x": "1" } } : { columns: { "d:x": "1" } };
      const call = method === "GET" || method === "DELETE" ? {} : { body };
      expectProblem(await rest.send(method, `${ROWS}/${long}`, call), 400, "INVALID_KEY");
      const encoded = "%FF".repeat(4097);
      expectProblem(await rest.send(method, `${ROWS}/${encoded}`, call), 400, "INVALID_KEY");
      if (method !== "GET") return;
      expectProblem(await rest.get(`${ROWS}/${"k".repeat(4096)}`), 404, "ROW_NOT_FOUND");
      expectProblem(await rest.get(`${ROWS}/${"%FF".repeat(4096)}`), 404, "ROW_NOT_FOUND");
    },
  );

  test.for([
    ["the empty key", ""],
    ["a key of 4097 bytes", long],
    ["a key of 4097 bytes of UTF-8", `a${"é".repeat(2048)}`],
  ] as const)("%s is INVALID_KEY in bodies", async ([, key]) => {
    expectProblem(await rest.post(`${ROWS}:get`, { keys: ["alice", key] }), 400, "INVALID_KEY");
    const ops = [{ put: { key, columns: { "d:x": "1" } } }, { delete: { key } }];
    const batch = await rest.post(`${ROWS}:batch`, { ops });
    expect(batch.status, batch.text).toBe(207);
    const due = { status: 400, code: "INVALID_KEY", applied: "no" };
    expect(batch.json()).toMatchObject({ results: [due, due] });
  });

  test("an empty key in a path is another path, which does not exist", async () => {
    for (const method of ["GET", "PUT", "DELETE"]) {
      const call = method === "PUT" ? { body: { columns: { "d:x": "1" } } } : {};
      expectProblem(await rest.send(method, `${ROWS}/`, call), 404, "PATH_NOT_FOUND");
    }
    expectProblem(await rest.delete("/tables/people/"), 404, "PATH_NOT_FOUND");
    expectProblem(await rest.get("/tables//people"), 404, "PATH_NOT_FOUND");
    expectProblem(await rest.get(`${ROWS}//alice`), 404, "PATH_NOT_FOUND");
  });

  test.for(["%zz", "a%F", "%"])("the broken escape %s is 400", async (key) => {
    const reply = await raw("GET", `/v1${ROWS}/${key}`);
    expect(reply.status, reply.text).toBe(400);
    expectProblem(reply, 400, reply.json<{ code: string }>().code);
  });

  test.for([
    ["b64", "*"],
    ["b64", "A"],
    ["hex", "f"],
    ["hex", "fg"],
  ] as const)("a key that is no %s (%s) is 400", async ([enc, key]) => {
    const reply = await rest.get(`${ROWS}/${key}?enc=${enc}`);
    expect(reply.status, reply.text).toBe(400);
  });

  test("keys of any octets are valid, in each of their spellings", async () => {
    const spellings = ["%FF%00k", "%ff%00%6b", "_wBr?enc=b64", "/wBr?enc=b64", "ff006b?enc=hex"];
    const put = await rest.put(`${ROWS}/%FF%00k`, { columns: { "d:x": "1" } });
    expect(put.status, put.text).toBe(201);
    expect(put.json()).toMatchObject({ key: { b64: "_wBr" } });
    for (const spelling of spellings) {
      const reply = await rest.get(`${ROWS}/${spelling.replace("/wBr", "%2FwBr")}`);
      expect(reply.json(), spelling).toMatchObject({ key: { b64: "_wBr" } });
    }
    expect((await rest.delete(`${ROWS}/%FF%00k`)).status).toBe(204);
  });

  test("a key may hold a slash, a space, a plus, a question mark and a percent sign", async () => {
    for (const key of ["a/b", "a b", "a+b", "a?b", "a%b", "日本", "a:b", "rows:scan"]) {
      const path = `${ROWS}/${encodeURIComponent(key)}`;
      expect((await rest.put(path, { columns: { "d:x": key } })).status).toBe(201);
      expect((await rest.get(path)).json()).toMatchObject({ key, columns: { "d:x": key } });
      const query = `prefix=${encodeURIComponent(key)}`;
      expect((await rest.get(`${ROWS}?${query}`)).json()).toMatchObject({ rows: [{ key }] });
      expect((await rest.delete(path)).status).toBe(204);
    }
  });

  test("the keys . and .. never reach the table, and work where they are really sent", async () => {
    for (const dots of ["..", ".", "%2E%2E", "%2E"]) {
      await raw("DELETE", `/v1${ROWS}/${dots}`);
      expect((await rest.get("/tables/people")).status, `DELETE ${dots}`).toBe(200);
    }
    // What URL libraries make of it.
    expectProblem(await rest.delete("/tables/people/"), 404, "PATH_NOT_FOUND");
    const body = Buffer.from('{"columns":{"d:x":"1"}}');
    const put = await raw("PUT", `/v1${ROWS}/%2E%2E`, ["Content-Type: application/json"], body);
    expect(put.status, put.text).toBe(201);
    expect(put.json()).toMatchObject({ key: ".." });
    expect((await rest.get(`${ROWS}/Li4?enc=b64`)).json()).toMatchObject({ key: ".." });
    expect((await rest.delete(`${ROWS}/Li4?enc=b64`)).status).toBe(204);
  });
});

describe("bodies", () => {
  test.for<[what: string, body: string | Buffer]>([
    ["nothing", ""],
    ["half an object", '{"columns":{"d:x":"1"'],
    ["a missing value", '{"columns":{"d:x":}}'],
    ["two objects", '{"columns":{"d:x":"1"}}{}'],
    ["a list", "[]"],
    ["null", "null"],
    ["a number", "42"],
    ["bytes that are not UTF-8", Buffer.from('{"columns":{"d:x":"\xff"}}', "latin1")],
    ["a lone surrogate", String.raw`{"columns":{"d:x":"\ud800"}}`],
    ["a lone surrogate in a name", String.raw`{"columns":{"d:\udc00":"x"}}`],
    ["a column twice", '{"columns":{"d:x":"1","d:x":"2"}}'],
    ["a column twice in two spellings", String.raw`{"columns":{"d:x":"1","d:\\x78":"2"}}`],
    ["no cell", '{"columns":{}}'],
    ["no member", "{}"],
  ])("%s is INVALID_REQUEST for PUT, POST and PATCH", async ([, body]) => {
    for (const method of ["PUT", "POST"]) {
      const reply = await rest.send(method, ROW, { body, headers: json });
      expect(expectProblem(reply, 400, "INVALID_REQUEST").applied).toBe("no");
    }
    const patch = typeof body === "string" ? body.replace("columns", "set") : body;
    expectProblem(
      await rest.send("PATCH", ROW, { body: patch, headers: json }),
      400,
      "INVALID_REQUEST",
    );
  });

  test.for<[what: string, value: unknown]>([
    ["a number", 1],
    ["a boolean", true],
    ["null", null],
    ["a list", ["1"]],
    ["an empty object", {}],
    ["b64 of a number", { b64: 1 }],
    ["b64 of no base64", { b64: "*" }],
    ["int64 of a number", { int64: 42 }],
    ["int64 of no number", { int64: "4x" }],
    ["int64 of a fraction", { int64: "4.0" }],
    ["two forms at once", { b64: "AA", int64: "1" }],
    ["an unknown form", { hex: "00" }],
  ])("%s is no value", async ([, value]) => {
    const bodies = { PUT: { columns: { "d:x": value } }, PATCH: { set: { "d:x": value } } };
    for (const [method, body] of Object.entries(bodies)) {
      const problem = expectProblem(await rest.send(method, ROW, { body }), 400, "INVALID_REQUEST");
      expect(pointersOf(problem).join(), JSON.stringify(problem)).toMatch(/^\/(columns|set)\/d:x/);
    }
  });

  test.for<[method: string, path: string, body: unknown, pointer: string]>([
    ["PUT", ROW, { columns: { "d:x": "1" }, colums: {} }, "/colums"],
    ["PATCH", ROW, { set: { "d:x": "1" }, remove: [] }, "/remove"],
    ["PATCH", ROW, { set: { "d:x": "1" }, if: { exist: true } }, "/if"],
    ["PATCH", ROW, { set: { "d:x": "1" }, if: { column: "d:x", equals: 1 } }, "/if"],
    ["PATCH", ROW, { set: { "d:x": "1" }, if: { filter: { pass: true } } }, "/if"],
    ["PATCH", ROW, { increment: { "stats:n": 1.5 } }, "/increment"],
    ["PATCH", ROW, { increment: { "stats:n": "1.5" } }, "/increment"],
    ["PATCH", ROW, { increment: { "stats:n": 2 ** 53 } }, "/increment"],
    ["PATCH", ROW, { append: { "d:x": 1 } }, "/append"],
    ["PATCH", ROW, { delete: "d:x" }, "/delete"],
    ["PATCH", ROW, { set: { "d:x": "1" }, timestamp: 5 }, "/timestamp"],
    ["PATCH", ROW, { set: { "d:x": "1" }, timestamp: "-1" }, "/timestamp"],
    ["PATCH", ROW, { set: { "d:x": "1" }, else: { if: { exists: true } } }, "/else"],
    ["POST", `${ROWS}:scan`, { prefix: "a", limt: 5 }, "/limt"],
    ["POST", `${ROWS}:scan`, { limit: "5" }, "/limit"],
    ["POST", `${ROWS}:scan`, { limit: 10_001 }, "/limit"],
    ["POST", `${ROWS}:scan`, { reverse: "true" }, "/reverse"],
    ["POST", `${ROWS}:scan`, { filter: { pass: true } }, "/filter"],
    ["POST", `${ROWS}:scan`, { ranges: [{ prefix: "a", start: 1 }] }, "/ranges/0"],
    ["POST", `${ROWS}:scan`, { columns: "d:x" }, "/columns"],
    ["POST", `${ROWS}:get`, {}, "/keys"],
    ["POST", `${ROWS}:get`, { keys: "alice" }, "/keys"],
    ["POST", `${ROWS}:get`, { keys: [1] }, "/keys/0"],
    ["POST", `${ROWS}:count`, { start: "a", startAfter: "b" }, ""],
    ["POST", `${ROWS}:batch`, { ops: {} }, "/ops"],
    ["POST", `${ROWS}:batch`, { ops: [], atomic: true }, "/atomic"],
    ["POST", "/tables", {}, "/name"],
    ["POST", "/tables", { name: 1 }, "/name"],
    ["POST", "/tables", { name: "has space" }, "/name"],
    ["POST", "/tables", { name: "x".repeat(51) }, "/name"],
    ["POST", "/tables", { name: "-x" }, "/name"],
    ["POST", "/tables", { name: "x", familys: {} }, "/familys"],
    ["POST", "/tables", { name: "x", families: { "a:b": {} } }, "/families"],
    ["POST", "/tables", { name: "x", families: { ["f".repeat(65)]: {} } }, "/families"],
    ["POST", "/tables", { name: "x", families: { a: { maxVersions: 0 } } }, "/families/a"],
    ["POST", "/tables", { name: "x", families: { a: { maxVersions: "1" } } }, "/families/a"],
    ["POST", "/tables", { name: "x", families: { a: { maxAgeSeconds: 5 } } }, "/families/a"],
    ["POST", "/tables", { name: "x", families: { a: { all: [{}, {}] } } }, "/families/a"],
    ["POST", "/tables", { name: "x", partitioning: "hash", tablets: 8 }, "/partitioning"],
    ["POST", "/tables", { name: "x", replicas: 2 }, "/replicas"],
    ["POST", "/tables", { name: "x", replicas: "3" }, "/replicas"],
    ["POST", "/tables", { name: "x", splitKeys: "m" }, "/splitKeys"],
    ["POST", "/tables", { name: "x", splitKeys: [1] }, "/splitKeys/0"],
    ["POST", "/tables", { name: "x", deletionProtection: "no" }, "/deletionProtection"],
  ])("%s %s refuses %j", async ([method, path, body, pointer]) => {
    const problem = expectProblem(await rest.send(method, path, { body }), 400, "INVALID_REQUEST");
    const named = pointersOf(problem).some((named) => named.startsWith(pointer));
    expect(named, `${JSON.stringify(problem.errors)} names ${pointer}`).toBe(true);
  });

  test("__proto__ is no family name", async () => {
    const body = '{"name":"x","families":{"__proto__":{}}}';
    const reply = await rest.send("POST", "/tables", { body, headers: json });
    expectProblem(reply, 400, "INVALID_REQUEST");
  });

  test.for<[columns: Record<string, string>, status: number, code: string]>([
    [{ d: "1" }, 400, "INVALID_REQUEST"],
    [{ "": "1" }, 400, "INVALID_REQUEST"],
    [{ ":x": "1" }, 400, "INVALID_REQUEST"],
    [{ [String.raw`d:\q`]: "1" }, 400, "INVALID_REQUEST"],
    [{ [String.raw`d:\x4`]: "1" }, 400, "INVALID_REQUEST"],
    [{ "nope:x": "1" }, 422, "FAMILY_NOT_FOUND"],
    [{ "d:x": "1", "nope:x": "1" }, 422, "FAMILY_NOT_FOUND"],
  ])("%j are no columns of the table", async ([columns, status, code]) => {
    expectProblem(await rest.put(ROW, { columns }), status, code);
    expectProblem(await rest.patch(ROW, { set: columns }), status, code);
  });

  test("arithmetic on what is no number is refused", async () => {
    const text = await rest.patch(ROW, { increment: { "stats:text": 1 }, set: { "d:y": "1" } });
    expect(expectProblem(text, 422, "NOT_A_NUMBER").applied).toBe("no");
    const over = await rest.patch(ROW, { increment: { "stats:n": "9223372036854775807" } });
    expectProblem(over, 422, "INT64_OVERFLOW");
  });

  test("too many keys, ranges or operations are 400", async () => {
    const many = Array.from({ length: 10_001 }, () => "k");
    for (const [path, body] of [
      [":get", { keys: many }],
      [":scan", { ranges: many.map((key) => ({ key })) }],
      [":batch", { ops: many.map((key) => ({ delete: { key } })) }],
    ] as const) {
      expectProblem(await rest.post(`${ROWS}${path}`, body), 400, "INVALID_REQUEST");
    }
  });
});

describe("sizes", () => {
  test("a JSON body of more than 12 MiB is TOO_LARGE, announced or not", async () => {
    const body = `{"columns":{"d:x":"${"v".repeat(12 * MIB)}"}}`;
    expectProblem(await rest.send("PUT", ROW, { body, headers: json }), 413, "TOO_LARGE");
    const size = (body.length + 1).toString(16);
    const chunked = ["Content-Type: application/json", "Transfer-Encoding: chunked"];
    const { host } = new URL(rest.url);
    const reply = await exchange(rest.url, {
      head: [`PUT /v1${ROW} HTTP/1.1`, `Host: ${host}`, "Connection: close", ...chunked],
      body: Buffer.from(`${size}\r\n${body} \r\n0\r\n\r\n`),
    });
    expectProblem(reply, 413, "TOO_LARGE");
  });

  test("a cell of more than 10 MiB is TOO_LARGE, one of 10 MiB is not", async () => {
    const path = `${ROWS}/large/cells/d:x`;
    const value = Buffer.alloc(10 * MIB + 1, "v");
    expectProblem(await rest.put(path, value), 413, "TOO_LARGE");
    const put = await rest.put(path, value.subarray(1));
    expect(put.status, put.text).toBe(201);
    const read = await rest.get(path);
    expect([read.status, read.bytes.length]).toEqual([200, 10 * MIB]);
    expect(read.bytes.equals(value.subarray(1))).toBe(true);
    expect((await rest.delete(`${ROWS}/large`)).status).toBe(204);
  });

  test("a URL above 64 KiB is URI_TOO_LONG, headers above it are HEADERS_TOO_LARGE", async () => {
    const long = "a".repeat(70 * 1024);
    expectProblem(await raw("GET", `/v1${ROWS}?prefix=${long}`), 414, "URI_TOO_LONG");
    expectProblem(await raw("GET", "/v1/tables", [`X-Long: ${long}`]), 431, "HEADERS_TOO_LARGE");
  });

  test("a qualifier of more than 16 KiB is refused", async () => {
    const columns = { [`d:${"q".repeat(16 * 1024 + 1)}`]: "1" };
    const reply = await rest.put(ROW, { columns });
    expect([400, 413], reply.text).toContain(reply.status);
  });
});

describe("parameters", () => {
  test.for<[method: string, path: string, names: readonly string[]]>([
    ["GET", `${ROWS}?limt=5`, ["?limt"]],
    ["GET", `${ROWS}?limit=1&limit=2`, ["?limit"]],
    ["GET", `${ROWS}?limit=abc`, ["?limit"]],
    ["GET", `${ROWS}?limit=0`, ["?limit"]],
    ["GET", `${ROWS}?limit=-1`, ["?limit"]],
    ["GET", `${ROWS}?limit=1.5`, ["?limit"]],
    ["GET", `${ROWS}?limit=10001`, ["?limit"]],
    ["GET", `${ROWS}?reverse=yes`, ["?reverse"]],
    ["GET", `${ROWS}?keysOnly=1`, ["?keysOnly"]],
    ["GET", `${ROWS}?view=rows`, ["?view"]],
    ["GET", `${ROWS}?view=cells&versions=0`, ["?versions"]],
    ["GET", `${ROWS}?consistency=eventual`, ["?consistency"]],
    ["GET", `${ROWS}?enc=base64`, ["?enc"]],
    ["GET", `${ROWS}?timeout=2`, ["?timeout"]],
    ["GET", `${ROWS}?timeout=2h`, ["?timeout"]],
    ["GET", `${ROWS}?timeout=0s`, ["?timeout"]],
    ["GET", `${ROWS}?start=a&startAfter=b`, ["?startAfter"]],
    ["GET", `${ROWS}?limt=5&revers=true`, ["?limt", "?revers"]],
    ["GET", `${ROW}?limit=5`, ["?limit"]],
    ["GET", `${ROW}?consistency=bounded&maxStaleness=soon`, ["?maxStaleness"]],
    ["DELETE", `${ROW}?consistency=strong`, ["?consistency"]],
    ["DELETE", `${ROW}?force=true`, ["?force"]],
    ["DELETE", `${CELL}?timestamp=abc`, ["?timestamp"]],
    ["DELETE", `${CELL}?timestamp=-1`, ["?timestamp"]],
    ["GET", "/tables?x=1", ["?x"]],
    ["DELETE", "/tables/people?force=true", ["?force"]],
    ["GET", "/status?verbose=true", ["?verbose"]],
  ])("%s %s names what is wrong", async ([method, path, names]) => {
    const problem = expectProblem(await rest.send(method, path), 400, "INVALID_REQUEST");
    expect(pointersOf(problem)).toEqual(expect.arrayContaining([...names]));
  });

  test("columns= knows the families and the one escape rule", async () => {
    expectProblem(await rest.get(`${ROW}?columns=nope:x`), 422, "FAMILY_NOT_FOUND");
    expectProblem(await rest.get(`${ROW}?columns=nope`), 422, "FAMILY_NOT_FOUND");
    expectProblem(await rest.get(`${ROW}?columns=d:%5Cq`), 400, "INVALID_REQUEST");
    expectProblem(await rest.get(`${ROW}/cells/d`), 400, "INVALID_REQUEST");
  });
});

describe("methods and media types", () => {
  test.for<[method: string, path: string, allow: readonly string[]]>([
    ["DELETE", ROWS, ["GET"]],
    ["PUT", `${ROWS}:scan`, ["POST"]],
    ["GET", `${ROWS}:batch`, ["POST"]],
    ["GET", `${ROWS}:count`, ["POST"]],
    ["PUT", "/tables", ["GET", "POST"]],
    ["POST", "/tables/people", ["DELETE", "GET", "HEAD"]],
    ["POST", CELL, ["DELETE", "GET", "HEAD", "PUT"]],
    ["PATCH", CELL, ["DELETE", "GET", "HEAD", "PUT"]],
    ["OPTIONS", ROW, ["DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"]],
    ["POST", "/limits", ["GET"]],
    ["DELETE", "/status", ["GET"]],
  ])("%s %s is METHOD_NOT_ALLOWED", async ([method, path, allow]) => {
    const reply = await rest.send(method, path);
    expectProblem(reply, 405, "METHOD_NOT_ALLOWED");
    const allowed = (reply.headers["allow"] ?? "").split(/, */);
    expect(allowed).toEqual(expect.arrayContaining([...allow]));
    expect(allowed).not.toContain(method);
  });

  test("HEAD exists for tables, rows and cells only", async () => {
    for (const path of ["/tables/people", ROW, CELL]) {
      const reply = await rest.head(path);
      expect([reply.status, reply.bytes.length], path).toEqual([200, 0]);
    }
    for (const path of ["/limits", "/status", `${ROWS}:scan`]) {
      expect((await rest.head(path)).status, path).toBe(405);
    }
  });

  test.for(["/nothing", "/tables/people/nothing", `${ROW}/cells`, `${ROW}/`, "/tables/", "/"])(
    "%s is PATH_NOT_FOUND",
    async (path) => {
      expectProblem(await rest.get(path), 404, "PATH_NOT_FOUND");
    },
  );

  test("paths outside /v1 do not exist", async () => {
    expectProblem(await rest.get("//v2/tables"), 404, "PATH_NOT_FOUND");
    expectProblem(await rest.get("//tables"), 404, "PATH_NOT_FOUND");
  });

  const row = '{"columns":{"d:x":"1"}}';
  test.for<[what: string, headers: Record<string, string>]>([
    ["text", { "content-type": "text/plain" }],
    ["a form", { "content-type": "application/x-www-form-urlencoded" }],
    ["no type", {}],
    ["a broken type", { "content-type": "json" }],
    ["another encoding of JSON", { "content-type": "application/json; charset=latin1" }],
    ["NDJSON where it is not taken", { "content-type": NDJSON }],
    ["a compressed body", { ...json, "content-encoding": "gzip" }],
  ])("%s is UNSUPPORTED_MEDIA_TYPE", async ([, headers]) => {
    const problem = expectProblem(
      await rest.send("PUT", ROW, { body: row, headers }),
      415,
      "UNSUPPORTED_MEDIA_TYPE",
    );
    if (Object.keys(headers).length === 0) expect(problem.hint).toMatch(/content-type/i);
  });
});

describe("conditions", () => {
  test.for<[header: string, value: string]>([
    ["if-match", "123"],
    ["if-match", '"123'],
    ["if-match", '123"'],
    ["if-match", '"1" "2"'],
    ["if-match", '*, "1"'],
    ["if-match", ""],
    ["if-none-match", "123"],
    ["if-none-match", "w/*"],
  ])("%s: %s does not parse", async ([name, value]) => {
    const headers = { [name]: value };
    const columns = { "d:name": "changed" };
    for (const reply of [
      await rest.get(ROW, { headers }),
      await rest.put(ROW, { columns }, { headers }),
      await rest.post(ROW, { columns }, { headers }),
      await rest.patch(ROW, { set: columns }, { headers }),
      await rest.delete(ROW, { headers }),
      await rest.put(CELL, "changed", { headers }),
      await rest.delete(CELL, { headers }),
    ]) {
      expectProblem(reply, 400, "INVALID_CONDITION");
    }
  });

  test("a condition that does not hold names the version that is there", async () => {
    const headers = { "if-match": '"1"' };
    const { version } = (await rest.get(ROW)).json<{ version: string }>();
    const row = await rest.put(ROW, { columns: { "d:x": "1" } }, { headers });
    expect(expectProblem(row, 412, "VERSION_MISMATCH")).toMatchObject({ version, applied: "no" });
    const gone = await rest.delete(`${ROWS}/nobody`, { headers: { "if-match": "*" } });
    expect(expectProblem(gone, 412, "VERSION_MISMATCH").version).toBeNull();
    const created = await rest.post(ROW, { columns: { "d:x": "1" } });
    expect(expectProblem(created, 409, "ROW_EXISTS").version).toBe(version);
  });
});

describe("page tokens", () => {
  async function token(query: string): Promise<string> {
    const page = (await rest.get(`${ROWS}?${query}`)).json<{ nextPageToken?: string }>();
    if (page.nextPageToken === undefined) throw new Error("the first page is all");
    return page.nextPageToken;
  }
  const scan = (query: string): Promise<Reply> => rest.get(`${ROWS}?${query}`);

  test.for(["garbage", "", "AAAA", "a".repeat(10_000)])("%s is none", async (text) => {
    expectProblem(await scan(`pageToken=${text}`), 400, "INVALID_PAGE_TOKEN");
  });

  test("a damaged one is refused, whichever character it is", async () => {
    const whole = await token("limit=2");
    for (let at = 0; at < whole.length; at++) {
      const other = whole[at] === "A" ? "B" : "A";
      const damaged = whole.slice(0, at) + other + whole.slice(at + 1);
      expectProblem(await scan(`limit=2&pageToken=${damaged}`), 400, "INVALID_PAGE_TOKEN");
    }
    expectProblem(await scan(`limit=2&pageToken=${whole.slice(1)}`), 400, "INVALID_PAGE_TOKEN");
  });

  test.for(["prefix=b", "reverse=true", "columns=d", "view=cells", "keysOnly=true", "end=z"])(
    "one of another scan does not fit %s",
    async (other) => {
      const reply = await scan(`limit=2&${other}&pageToken=${await token("limit=2")}`);
      expectProblem(reply, 400, "PAGE_TOKEN_MISMATCH");
    },
  );
});

describe("requests that are hardly HTTP", () => {
  test("another Host is not served", async () => {
    const head = ["GET /v1/tables HTTP/1.1", "Host: evil.example", "Connection: close"];
    expectProblem(await exchange(rest.url, { head }), 403, "HOST_NOT_ALLOWED");
  });

  test("a line that is no request gets a problem as well", async () => {
    const reply = await exchange(rest.url, { head: ["NONSENSE"] });
    expect(reply.headers["content-type"]).toMatch(/^application\/problem\+json/);
    expect(reply.json()).toMatchObject({ status: 400, code: "INVALID_REQUEST" });
  });

  test("a body that ends too soon changes nothing", async () => {
    const { host } = new URL(rest.url);
    const head = [`PUT /v1${ROW} HTTP/1.1`, `Host: ${host}`, "Content-Type: application/json"];
    const body = Buffer.from('{"columns":{"d:name":"cut"}}');
    const request = { head: [...head, `Content-Length: ${body.length + 1}`], body, withinMs: 300 };
    await expect(exchange(rest.url, request)).rejects.toThrow("no whole answer");
  });
});
