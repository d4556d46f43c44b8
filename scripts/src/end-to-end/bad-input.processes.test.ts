// Bad tables, keys and bodies, against a real front-end and tablet server: the documented problem, and
// nothing changes.
import { afterEach, describe, expect, test } from "vitest";
import { PeopleTable, ROW, ROWS } from "./people-table.ts";
import { expectProblem, pointersOf } from "./problem-check.ts";
import type { Call, Rest } from "./rest.ts";
import { setUpOnce } from "./set-up-once.ts";

const ABSENT = "/tables/nowhere";
const json = { "content-type": "application/json" };

let table: PeopleTable;
let rest: Rest;

setUpOnce(PeopleTable.start, (started) => {
  table = started;
  rest = started.rest;
});

afterEach(() => table.checkUnchanged());

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
    const reply = await table.raw("GET", `/v1${ROWS}/${key}`);
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
      await table.raw("DELETE", `/v1${ROWS}/${dots}`);
      expect((await rest.get("/tables/people")).status, `DELETE ${dots}`).toBe(200);
    }
    // What URL libraries make of it.
    expectProblem(await rest.delete("/tables/people/"), 404, "PATH_NOT_FOUND");
    const body = Buffer.from('{"columns":{"d:x":"1"}}');
    const put = await table.raw(
      "PUT",
      `/v1${ROWS}/%2E%2E`,
      ["Content-Type: application/json"],
      body,
    );
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
