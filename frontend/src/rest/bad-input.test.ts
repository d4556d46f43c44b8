// Every kind of bad input gets its documented problem and changes nothing.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { DatabaseError } from "@stele/shared/errors.ts";
import { RestHarness } from "./testing/rest-harness.adapter.ts";
import type { Answer } from "./testing/rest-harness.adapter.ts";

const row = "/v1/tables/t/rows/kept";
const json = { "content-type": "application/json" };
let rest: RestHarness;
let before = "";

const snapshot = async () =>
  (await rest.call("GET", "/v1/tables/t/rows?view=cells&versions=all")).text +
  (await rest.call("GET", "/v1/tables")).text;

beforeAll(async () => {
  rest = await RestHarness.start();
  await rest.call("PUT", row, { columns: { "d:a": "1" } });
  before = await snapshot();
});
afterAll(() => rest.stop());
afterEach(async () => {
  expect(await snapshot()).toBe(before);
});

function expectProblem(answer: Answer, status: number, code: string): Record<string, unknown> {
  expect(answer.headers.get("content-type")).toBe("application/problem+json");
  expect(answer.headers.get("cache-control")).toBe("no-store");
  const problem = answer.json;
  expect([problem.status, problem.code]).toEqual([answer.status, code]);
  expect(answer.status).toBe(status);
  expect(problem).toMatchObject({
    type: `urn:stele:error:${code}`,
    title: expect.any(String) as string,
    detail: expect.any(String) as string,
    retryable: expect.any(Boolean) as boolean,
    requestId: answer.headers.get("stele-request-id"),
  });
  expect(answer.text).not.toMatch(/\/work|node_modules|\.ts:|    at /);
  return problem;
}

describe("names and keys", () => {
  test.each([
    ["GET", "/v1/tables/nowhere", 404, "TABLE_NOT_FOUND"],
    ["DELETE", "/v1/tables/nowhere", 404, "TABLE_NOT_FOUND"],
    ["GET", "/v1/tables/no%20name", 404, "TABLE_NOT_FOUND"],
    ["GET", "/v1/tables/t%2Frows", 404, "TABLE_NOT_FOUND"],
    ["DELETE", "/v1/tables/nowhere/rows/k", 404, "TABLE_NOT_FOUND"],
    ["GET", "/v1/nothing", 404, "PATH_NOT_FOUND"],
    ["GET", "/v1/tables/t/rows/a/b", 404, "PATH_NOT_FOUND"],
    ["POST", "/v1/tables/t:split", 404, "PATH_NOT_FOUND"],
    ["POST", "/v1/tables/t:dropRows", 404, "PATH_NOT_FOUND"],
    ["GET", "/v1/tables/t:sampleKeys", 404, "TABLE_NOT_FOUND"],
    ["GET", "/v1/tablets/x", 404, "TABLET_NOT_FOUND"],
    ["GET", "/v1/tablets/999999", 404, "TABLET_NOT_FOUND"],
    ["POST", "/v1/tablets/999999:verify", 404, "TABLET_NOT_FOUND"],
    ["GET", `/v1/tables/t/rows/${"x".repeat(4097)}`, 400, "INVALID_KEY"],
    ["GET", "/v1/tables/t/rows/a?enc=b64", 400, "INVALID_KEY"],
    ["GET", "/v1/tables/t/rows/xyz?enc=hex", 400, "INVALID_KEY"],
    ["GET", "/v1/tables/t/rows?start=xyz&enc=hex", 400, "INVALID_KEY"],
    ["GET", `/v1/tables/t/rows?prefix=${"x".repeat(4097)}`, 400, "INVALID_KEY"],
  ])("%s %s is %d %s", async (method, path, status, code) => {
    expectProblem(await rest.call(method, path), status, code);
  });

  test("a key of 0 bytes, and one of 4097, wherever JSON names it", async () => {
    for (const key of ["", "x".repeat(4097), { b64: "" }]) {
      expectProblem(
        await rest.call("POST", "/v1/tables/t/rows:get", { keys: ["a", key] }),
        400,
        "INVALID_KEY",
      );
      expectProblem(await rest.call("POST", "/v1/tables/t/rows:scan", { key }), 400, "INVALID_KEY");
    }
  });
});

describe("methods", () => {
  test.each([
    ["PATCH", "/v1/tables", "POST, GET"],
    ["PUT", "/v1/tables/t", "GET, HEAD, DELETE"],
    ["PATCH", "/v1/tables/t", "GET, HEAD, DELETE"],
    ["POST", "/v1/tables/t/rows", "GET"],
    ["GET", "/v1/tables/t/rows:scan", "POST"],
    ["GET", "/v1/tables/t/rows:batch", "POST"],
    ["DELETE", "/v1/tables/t/tablets", "GET"],
    ["POST", `${row}/cells/d:a`, "GET, HEAD, PUT, DELETE"],
    ["OPTIONS", row, "GET, HEAD, PUT, POST, PATCH, DELETE"],
    ["PUT", "/v1/tablets/7", "GET"],
    ["GET", "/v1/tablets/7:verify", "POST"],
    ["POST", "/healthz", "GET"],
    ["POST", "/v1/openapi.json", "GET"],
  ])("%s %s is 405 with Allow", async (method, path, allow) => {
    const answer = await rest.call(method, path);
    expectProblem(answer, 405, "METHOD_NOT_ALLOWED");
    expect(answer.headers.get("allow")).toBe(allow);
  });

  test("HEAD exists for tables, rows and cells alone", async () => {
    for (const path of ["/v1/tables/t", row, `${row}/cells/d:a`]) {
      expect((await rest.call("HEAD", path)).status, path).toBe(200);
    }
    for (const path of ["/v1/tables", "/v1/tables/t/rows", "/v1/status", "/healthz"]) {
      expect((await rest.call("HEAD", path)).status, path).toBe(405);
    }
  });
});

describe("media types", () => {
  test.each([
    ["PUT", row, "text/plain"],
    ["PUT", row, "application/x-www-form-urlencoded"],
    ["PUT", row, "application/x-ndjson"],
    ["PATCH", row, "application/merge-patch+json"],
    ["POST", "/v1/tables", "application/json; charset=utf-16"],
    ["POST", "/v1/tables/t/rows:scan", "text/plain"],
    ["POST", "/v1/tables/t/rows:batch", "text/plain"],
    ["POST", "/v1/tables/t/rows:batch", "nonsense"],
  ])("%s %s with %s is 415 with a hint", async (method, path, type) => {
    const answer = await rest.call(method, path, "{}", { "content-type": type });
    const problem = expectProblem(answer, 415, "UNSUPPORTED_MEDIA_TYPE");
    if (type !== "nonsense") expect(problem.hint).toContain("application/json");
  });

  test("an encoded body is 415, of a cell too", async () => {
    for (const [path, headers] of [
      [row, { ...json, "content-encoding": "gzip" }],
      [`${row}/cells/d:a`, { "content-encoding": "br" }],
    ] as const) {
      expectProblem(await rest.call("PUT", path, "{}", headers), 415, "UNSUPPORTED_MEDIA_TYPE");
    }
  });

  test("a call without a body may carry a type, and one that takes none refuses one", async () => {
    expect((await rest.call("GET", row, undefined, { "content-type": "text/plain" })).status).toBe(
      200,
    );
    expectProblem(await rest.call("DELETE", row, "{}", json), 400, "INVALID_REQUEST");
    const get = `GET ${row} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}`;
    expect(await rest.raw(get)).toContain("400 Bad Request");
  });
});

describe("JSON bodies", () => {
  test.each([
    ["", "needs a JSON body"],
    ["{", "JSON"],
    ["[]", "object"],
    ["null", "object"],
    ["{}", "no cell"],
    ['{"columns":{}}', "no cell"],
    ['{"columns":[]}', "/columns"],
    ['{"columns":{"d:a":1}}', "/columns/d:a"],
    ['{"columns":{"d:a":null}}', "/columns/d:a"],
    ['{"columns":{"d:a":{"b64":"!"}}}', "/columns/d:a/b64"],
    ['{"columns":{"d:a":{"b64":"AA","int64":"1"}}}', "/columns/d:a"],
    ['{"columns":{"d:a":{"int64":42}}}', "/columns/d:a/int64"],
    ['{"columns":{"d:a":{"int64":"9223372036854775808"}}}', "/columns/d:a/int64"],
    ['{"columns":{"d":"1"}}', "/columns/d"],
    ['{"columns":{"d:\\\\q":"1"}}', "/columns/d:\\q"],
    ['{"columns":{"d:a":"1","d:a":"2"}}', "/columns/d:a"],
    ['{"columns":{"d:a":"1","d:\\\\x61":"2"}}', "/columns/d:\\x61"],
    ['{"columns":{"d:a":"1"},"columns":{"d:a":"1"}}', "/columns"],
    ['{"columns":{"d:a":"1"},"extra":1}', "/extra"],
    ['{"columns":{"d:a":"1"},"__proto__":{}}', "/__proto__"],
    ['{"columns":{"d:a":"1"},"timestamp":5}', "/timestamp"],
    ['{"columns":{"d:a":"1"},"timestamp":"-1"}', "/timestamp"],
    ['{"columns":{"d:a":"1"},"timestamp":"9007199254740992"}', "/timestamp"],
    ['{"columns":{"d:a":"1"},"version":7}', "/version"],
    ['{"cells":{"d:a":"1"}}', "/cells/d:a"],
    ['{"cells":{"d:a":[]}}', "/cells/d:a"],
    ['{"cells":{"d:a":[{"value":"1","time":"1"}]}}', "/cells/d:a/0/time"],
    [
      '{"cells":{"d:a":[{"value":"1","timestamp":"1"},{"value":"2","timestamp":"1"}]}}',
      "/cells/d:a/1",
    ],
    ['{"columns":{"d:a":"\\ud800"}}', "surrogate"],
    ["[".repeat(1000), "nested"],
  ])("PUT with %s names what is wrong", async (body, place) => {
    const answer = await rest.call("PUT", row, body, json);
    const problem = expectProblem(answer, 400, "INVALID_REQUEST");
    const [first] = (problem.errors ?? []) as { pointer: string }[];
    if (place.startsWith("/")) expect(first?.pointer).toBe(place);
    else expect(problem.detail).toContain(place);
    expect(problem.applied).toBe("no");
  });

  test("bytes that are not UTF-8", async () => {
    const body = Buffer.from('{"columns":{"d:a":"\xff"}}', "latin1");
    expectProblem(await rest.call("PUT", row, body, json), 400, "INVALID_REQUEST");
  });

  test.each([
    ["{}", "no mutation"],
    ['{"set":{}}', "no mutation"],
    ['{"if":{"exists":true}}', "no mutation"],
    ['{"else":{"set":{"d:a":"1"}}}', "/else"],
    ['{"if":{},"set":{"d:a":"1"}}', "/if"],
    ['{"if":{"column":"d","exists":true},"set":{"d:a":"1"}}', "/if/column"],
    ['{"if":{"filter":{}},"set":{"d:a":"1"}}', "/if/filter"],
    ['{"if":{"all":[{"not":{"exists":1}}]},"set":{"d:a":"1"}}', "/if/all/0/not/exists"],
    ['{"if":{"exists":true},"else":{"if":{"exists":true}},"set":{"d:a":"1"}}', "/else/if"],
    ['{"increment":{"d:n":1.5}}', "/increment/d:n"],
    ['{"increment":{"d:n":9007199254740992}}', "/increment/d:n"],
    ['{"increment":{"d:n":"1e3"}}', "/increment/d:n"],
    ['{"increment":{"d:n":1,"d:\\\\x6E":1}}', "/increment/d:\\x6E"],
    ['{"append":{"d:l":{"int64":"1"}}}', "/append/d:l/int64"],
    ['{"delete":"d:a"}', "/delete"],
    ['{"delete":[{"column":"d:a","until":"1"}]}', "/delete/0/until"],
    ['{"columns":{"d:a":"1"}}', "/columns"],
  ])("PATCH with %s names what is wrong", async (body, place) => {
    const problem = expectProblem(
      await rest.call("PATCH", row, body, json),
      400,
      "INVALID_REQUEST",
    );
    const [first] = (problem.errors ?? []) as { pointer: string }[];
    if (place.startsWith("/")) expect(first?.pointer).toBe(place);
    else expect(problem.detail).toContain(place);
  });

  test("predicates nested without end are refused", async () => {
    const deep = `${'{"not":'.repeat(40)}{"exists":true}${"}".repeat(40)}`;
    const body = `{"if":${deep},"set":{"d:a":"1"}}`;
    expectProblem(await rest.call("PATCH", row, body, json), 400, "INVALID_REQUEST");
  });

  test.each([
    ["rows:scan", { filter: { pass: true } }, "/filter"],
    ["rows:scan", { limit: 0 }, "/limit"],
    ["rows:scan", { limit: "5" }, "/limit"],
    ["rows:scan", { limit: 10_001 }, "/limit"],
    ["rows:scan", { reverse: null }, "/reverse"],
    ["rows:scan", { view: "rows" }, "/view"],
    ["rows:scan", { versions: "some" }, "/versions"],
    ["rows:scan", { columns: "d" }, "/columns"],
    ["rows:scan", { columns: [] }, "/columns"],
    ["rows:scan", { start: "a", startAfter: "a" }, "/startAfter"],
    ["rows:scan", { prefix: 1 }, "/prefix"],
    ["rows:scan", { key: "a", prefix: "a" }, "/prefix"],
    ["rows:scan", { ranges: [{ start: "a" }], prefix: "a" }, "/prefix"],
    ["rows:scan", { ranges: [{ from: "a" }] }, "/ranges/0/from"],
    ["rows:scan", { timeout: "1s" }, "/timeout"],
    ["rows:get", {}, "/keys"],
    ["rows:get", { keys: "a" }, "/keys"],
    ["rows:get", { keys: [1] }, "/keys/0"],
    ["rows:get", { keys: ["a"], limit: 1 }, "/limit"],
    ["rows:get", { keys: Array.from({ length: 10_001 }, () => "a") }, "/keys"],
    ["rows:count", { limit: 1 }, "/limit"],
    ["rows:count", { filter: {} }, "/filter"],
  ])("%s with %j is refused at %s", async (call, body, pointer) => {
    const answer = await rest.call("POST", `/v1/tables/t/${call}`, body);
    expect(expectProblem(answer, 400, "INVALID_REQUEST").errors).toMatchObject([{ pointer }]);
  });

  test("who sends a filter is told that there are none yet", async () => {
    const scan = await rest.call("POST", "/v1/tables/t/rows:scan", { filter: {} });
    expect(scan.json).toMatchObject({ detail: "/filter: filters do not exist yet" });
    const patch = await rest.call("PATCH", row, { if: { filter: {} }, set: { "d:a": "1" } });
    expect(patch.json).toMatchObject({ detail: "/if/filter: filters do not exist yet" });
  });

  test("an unknown family is 422, in writes and in columns", async () => {
    const answers = [
      rest.call("PUT", row, { columns: { "x:a": "1" } }),
      rest.call("PUT", row, { columns: { "__proto__:a": "1" } }),
      rest.call("PATCH", row, { delete: ["x"] }),
      rest.call("GET", `${row}?columns=x`),
      rest.call("POST", "/v1/tables/t/rows:scan", { columns: ["x:a"] }),
    ];
    for (const answer of await Promise.all(answers)) expectProblem(answer, 422, "FAMILY_NOT_FOUND");
  });
});

describe("query parameters and headers", () => {
  test.each([
    ["GET", `${row}?colour=1`, "?colour"],
    ["GET", `${row}?view=cells&view=cells`, "?view"],
    ["GET", `${row}?view=all`, "?view"],
    ["GET", `${row}?versions=0`, "?versions"],
    ["GET", `${row}?keysOnly=1`, "?keysOnly"],
    ["GET", `${row}?enc=base64`, "?enc"],
    ["GET", `${row}?columns=`, "?columns"],
    ["GET", `${row}?columns=d:%5C`, "?columns"],
    ["GET", `${row}?timeout=5`, "?timeout"],
    ["GET", `${row}?timeout=0ms`, "?timeout"],
    ["GET", `${row}?timeout=2h`, "?timeout"],
    ["GET", `${row}?consistency=weak`, "?consistency"],
    ["GET", `${row}?consistency=bounded`, "?maxStaleness"],
    ["GET", `${row}?maxStaleness=5s`, "?maxStaleness"],
    ["GET", `${row}?consistency=session`, "Stele-Session"],
    ["DELETE", `${row}?consistency=any`, "?consistency"],
    ["DELETE", `${row}/cells/d:a?timestamp=x`, "?timestamp"],
    ["GET", "/v1/tables/t/rows?limit=0", "?limit"],
    ["GET", "/v1/tables/t/rows?limit=10001", "?limit"],
    ["GET", "/v1/tables/t/rows?start=a&startAfter=a", "?startAfter"],
    ["GET", "/v1/tables/t/rows?reverse", "?reverse"],
    ["GET", "/v1/tables?limit=5", "?limit"],
    ["GET", "/v1/tablets?sort=-writeRate", "?sort"],
    ["GET", "/healthz?x=1", "?x"],
  ])("%s %s names %s", async (method, path, pointer) => {
    const answer = await rest.call(method, path);
    expect(expectProblem(answer, 400, "INVALID_REQUEST").errors).toMatchObject([{ pointer }]);
  });

  test("every consistency is taken on reads, POST reads included", async () => {
    const session = { "stele-session": "5" };
    for (const query of ["strong", "bounded&maxStaleness=5s", "session", "any"]) {
      const get = await rest.call("GET", `${row}?consistency=${query}`, undefined, session);
      const scan = `/v1/tables/t/rows:scan?consistency=${query}`;
      expect([get.status, (await rest.call("POST", scan, {}, session)).status]).toEqual([200, 200]);
    }
  });

  test("page tokens that are none", async () => {
    for (const token of ["", "x", "AAAA", "%00"]) {
      const path = `/v1/tables/t/rows?pageToken=${token}`;
      expectProblem(await rest.call("GET", path), 400, "INVALID_PAGE_TOKEN");
      const tablets = `/v1/tablets?pageToken=${token}`;
      expectProblem(await rest.call("GET", tablets), 400, "INVALID_PAGE_TOKEN");
    }
  });

  test("conditions that do not parse are 400, on every call", async () => {
    for (const [method, path] of [
      ["GET", row],
      ["PUT", row],
      ["DELETE", row],
      ["GET", `${row}/cells/d:a`],
      ["PUT", `${row}/cells/d:a`],
    ] as const) {
      for (const name of ["if-match", "if-none-match"]) {
        const body = method === "PUT" ? { body: "{}" } : {};
        const headers = { ...json, [name]: "1764000000000000" };
        const answer = await rest.call(method, path, body.body, headers);
        const problem = expectProblem(answer, 400, "INVALID_CONDITION");
        expect(String((problem.errors as { pointer: string }[])[0]?.pointer).toLowerCase()).toBe(
          name,
        );
      }
    }
  });

  test("an Idempotency-Key that is none", async () => {
    for (const key of ["", "a b", "x".repeat(129)]) {
      const headers = { ...json, "idempotency-key": key };
      const body = '{"columns":{"d:a":"9"}}';
      expectProblem(await rest.call("PUT", row, body, headers), 400, "INVALID_REQUEST");
    }
  });
});

test("a failed write says whether it may have happened, where the operation did not", async () => {
  for (const [code, applied] of [
    ["DEADLINE", "unknown"],
    ["NO_QUORUM", "unknown"],
    ["THROTTLED", "no"],
    ["ROW_TOO_LARGE", "no"],
  ] as const) {
    rest.operations.before = () => Promise.reject(new DatabaseError({ code, detail: "a fault" }));
    const write = await rest.call("PUT", row, { columns: { "d:a": "2" } });
    const read = await rest.call("GET", row);
    rest.operations.before = () => Promise.resolve();
    expect(write.json.applied, code).toBe(applied);
    expect(Object.keys(read.json)).not.toContain("applied");
  }
});

test("an unexpected failure is 500 without its reason, and is logged with it", async () => {
  rest.operations.before = () => Promise.reject(new TypeError("secret of the inside"));
  const answer = await rest.call("PUT", row, { columns: { "d:a": "2" } });
  rest.operations.before = () => Promise.resolve();
  const problem = expectProblem(answer, 500, "INTERNAL");
  expect(problem.applied).toBe("unknown");
  expect(answer.text).not.toContain("secret");
  expect(rest.log.at(-1)).toMatchObject({
    level: "error",
    details: { requestId: problem.requestId },
  });
});
