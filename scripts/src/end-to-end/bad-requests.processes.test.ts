// Bad sizes, parameters, methods, headers and tokens, against a real front-end and tablet server: the
// documented problem, and nothing changes.
import { afterEach, describe, expect, test } from "vitest";
import { CELL, PeopleTable, ROW, ROWS } from "./people-table.ts";
import { expectProblem, pointersOf } from "./problem-check.ts";
import { exchange } from "./raw-http.ts";
import { NDJSON } from "./rest.ts";
import type { Reply, Rest } from "./rest.ts";
import { setUpOnce } from "./set-up-once.ts";

const json = { "content-type": "application/json" };
const MIB = 1024 * 1024;

let table: PeopleTable;
let rest: Rest;

setUpOnce(PeopleTable.start, (started) => {
  table = started;
  rest = started.rest;
});

afterEach(() => table.checkUnchanged());

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
    expectProblem(await table.raw("GET", `/v1${ROWS}?prefix=${long}`), 414, "URI_TOO_LONG");
    expectProblem(
      await table.raw("GET", "/v1/tables", [`X-Long: ${long}`]),
      431,
      "HEADERS_TOO_LARGE",
    );
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
