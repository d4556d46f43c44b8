import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { octetsOf } from "./path-octets.ts";
import { RestHarness, answerOfText } from "./testing/rest-harness.adapter.ts";

let rest: RestHarness;
beforeAll(async () => {
  rest = await RestHarness.start({ headersTimeoutMs: 300 });
});
afterAll(() => rest.stop());

const rows = "/v1/tables/t/rows";

describe("octets on the wire", () => {
  test("a key is its octets: %FF, %00, %2F and plain ones name one row each", async () => {
    for (const [path, key] of [
      ["%FF%00k", { b64: "_wBr" }],
      ["a%2Fb", "a/b"],
      ["%C3%A9", "é"],
      ["a+b", "a+b"],
      ["a%20b", "a b"],
      ["a;b", "a;b"],
      ["%25FF", "%FF"],
      ["a%23b", "a#b"],
      ["rows:scan", "rows:scan"],
    ] as const) {
      const body = '{"columns":{"d:a":"1"}}';
      const received = await rest.raw(
        `PUT ${rows}/${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n` +
          `Content-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
      );
      const written = answerOfText(received);
      expect([written.status, written.json.key], path).toEqual([201, key]);
      expect((await rest.rawPath("GET", `${rows}/${path}`)).json.key).toEqual(key);
    }
  });

  test("dot segments are keys, and never reach the table", async () => {
    for (const path of ["..", ".", "%2E%2E", "%2e"]) {
      const read = await rest.rawPath("GET", `${rows}/${path}`);
      expect([read.status, read.code], path).toEqual([404, "ROW_NOT_FOUND"]);
      expect((await rest.rawPath("DELETE", `${rows}/${path}`)).status, path).toBe(204);
    }
    for (const path of [
      `${rows}/../`,
      "/v1/tables/t/",
      "/v1/tables/t/rows/../..",
      "/v1/tables/t/./",
    ]) {
      const answer = await rest.rawPath("DELETE", path);
      expect([answer.status, answer.code], path).toEqual([404, "PATH_NOT_FOUND"]);
    }
    // URL libraries make `/v1/tables/t/` of these before they send them.
    expect((await rest.call("DELETE", `${rows}/..`)).status).toBe(404);
    expect((await rest.call("DELETE", `${rows}/%2E%2E`)).status).toBe(404);
    await rest.call("PUT", `${rows}/Li4?enc=b64`, { columns: { "d:a": "dots" } });
    expect((await rest.rawPath("GET", `${rows}/..`)).json.key).toBe("..");
    expect((await rest.call("GET", "/v1/tables/t")).status).toBe(200);
  });

  test("paths are exact: no trailing, no doubled slash, in any method", async () => {
    const paths = ["/v1/tables/", "//v1/tables", "/v1//tables", `${rows}/`, `/v1/tables//rows`];
    for (const path of [...paths, `${rows}//k`, `${rows}/k/`, `${rows}/k/cells/`, "/v1/tablets/"]) {
      for (const method of ["GET", "PUT", "DELETE", "POST"]) {
        const answer = await rest.rawPath(method, path);
        expect([answer.status, answer.code], `${method} ${path}`).toEqual([404, "PATH_NOT_FOUND"]);
      }
    }
  });

  test("a fragment and an absolute URL are read as they stand", async () => {
    for (const [sent, escaped, key] of [
      ["c#d", "c%23d", "c#d"],
      ["%FF%25", "%FF%25", { b64: "_yU" }],
    ] as const) {
      const answer = await rest.rawPath("GET", `${rows}/${sent}`);
      expect([answer.status, answer.code]).toEqual([404, "ROW_NOT_FOUND"]);
      const path = `${rows}/${Buffer.from(octetsOf(escaped) ?? "").toString("base64url")}?enc=b64`;
      expect((await rest.call("PUT", path, { columns: { "d:a": "1" } })).status).toBe(201);
      for (const url of [`${rows}/${sent}`, `http://localhost${rows}/${escaped}`]) {
        const found = await rest.rawPath("GET", url);
        expect([found.status, found.json.key], url).toEqual([200, key]);
      }
    }
  });

  test("escapes that are none are refused", async () => {
    const answer = await rest.rawPath("GET", `${rows}/%zz`);
    expect([answer.status, answer.code]).toEqual([400, "INVALID_KEY"]);
    expect((await rest.rawPath("GET", "/v1/tables/%zz")).status).toBe(404);
    expect((await rest.rawPath("GET", `${rows}?prefix=%zz`)).status).toBe(400);
  });
});

describe("requests that are none", () => {
  test("bytes that are not HTTP get a problem, and the connection ends", async () => {
    for (const text of ["GARBAGE\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET /a b HTTP/1.1\r\n\r\n"]) {
      const answer = answerOfText(await rest.raw(text));
      expect([answer.status, answer.code], text).toEqual([400, "INVALID_REQUEST"]);
      expect(answer.headers.get("content-type")).toBe("application/problem+json");
      expect(answer.headers.get("stele-request-id")).toBe(answer.json.requestId);
      expect(answer.headers.get("connection")).toBe("close");
    }
  });

  test("a URL above 64 KiB is 414, headers above are 431, however far above", async () => {
    for (const size of [70_000, 400_000]) {
      const header = `GET / HTTP/1.1\r\nHost: localhost\r\nA: ${"x".repeat(size)}\r\n\r\n`;
      expect(answerOfText(await rest.raw(header, "requestId")).code, `${size}`).toBe(
        "HEADERS_TOO_LARGE",
      );
    }
    const url = await rest.rawPath("GET", `${rows}/${"x".repeat(70_000)}`);
    expect([url.status, url.code]).toEqual([414, "URI_TOO_LONG"]);
    const key = await rest.rawPath("GET", `${rows}/${"%FF".repeat(4097)}`);
    expect([key.status, key.code]).toEqual([400, "INVALID_KEY"]);
    expect((await rest.rawPath("GET", `${rows}/${"%FF".repeat(4096)}`)).code).toBe("ROW_NOT_FOUND");
  });

  test("headers that do not arrive are 408", async () => {
    const answer = answerOfText(await rest.raw("GET / HTTP/1.1\r\nHost: "));
    expect([answer.status, answer.code]).toEqual([408, "REQUEST_TIMEOUT"]);
  });

  test("a body that does not arrive within the deadline is 408", async () => {
    const head = `PUT ${rows}/slow?timeout=100ms HTTP/1.1\r\nHost: localhost\r\n`;
    const type = "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{";
    const answer = answerOfText(await rest.raw(head + type, "requestId"));
    expect([answer.status, answer.code]).toEqual([408, "REQUEST_TIMEOUT"]);
    expect(answer.json.applied).toBe("no");
    expect((await rest.call("GET", `${rows}/slow`)).status).toBe(404);
  });

  test("a body that is too large is 413 before it has arrived, and the connection goes on", async () => {
    const size = 13 * 1024 * 1024;
    const head = `PUT ${rows}/large HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n`;
    const next = `GET ${rows}/large HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`;
    const received = await rest.raw(
      `${head}Content-Length: ${size}\r\n\r\n${" ".repeat(size)}${next}`,
    );
    const statuses = received.match(/HTTP\/1\.1 \d+/g);
    expect(statuses).toEqual(["HTTP/1.1 413", "HTTP/1.1 404"]);
    const chunked = `${head}Transfer-Encoding: chunked\r\n\r\n${size.toString(16)}\r\n${" ".repeat(size)}\r\n0\r\n\r\n${next}`;
    expect((await rest.raw(chunked)).match(/HTTP\/1\.1 \d+/g)).toEqual([
      "HTTP/1.1 413",
      "HTTP/1.1 404",
    ]);
  });

  test("a client that writes everything before it reads gets to read why it was refused", async () => {
    const line = '{"put":{"key":""}}\n';
    const load = line.repeat(Math.ceil((40 * 1024 * 1024) / line.length));
    const head = (path: string, type: string, bytes: number) =>
      `POST ${rows}${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n` +
      `Content-Type: ${type}\r\nContent-Length: ${bytes}\r\n\r\n`;
    const failed = await rest.rawWriteFirst(
      head(":batch?maxFailures=10", "application/x-ndjson", load.length) + load,
    );
    expect(failed).toContain("TOO_MANY_FAILURES");
    expect(failed.match(/"line":/g)).toHaveLength(10);
    const refused = await rest.rawWriteFirst(head("/k", "application/json", load.length) + load);
    expect(answerOfText(refused).code).toBe("TOO_LARGE");
    const unknown = await rest.rawWriteFirst(head("/k/none", "text/plain", load.length) + load);
    expect(answerOfText(unknown).code).toBe("PATH_NOT_FOUND");
  });
});

describe("who may call", () => {
  test("a foreign Host is refused while the server is bound to loopback", async () => {
    const ask = async (host: string) =>
      answerOfText(
        await rest.raw(`GET /healthz HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`),
      );
    for (const host of ["localhost", "LOCALHOST:80", "127.0.0.1", "127.1.2.3:9", "[::1]:7070"]) {
      expect((await ask(host)).status, host).toBe(200);
    }
    for (const host of ["evil.example", "127.0.0.1.evil.example", "localhost.evil", "[::2]", ""]) {
      const answer = await ask(host);
      expect([answer.status, answer.code], host).toEqual([403, "HOST_NOT_ALLOWED"]);
    }
  });

  test("no reply has a CORS header, unless an origin was allowed", async () => {
    const origin = { origin: "http://console.example" };
    const closed = await rest.call("GET", "/v1/tables", undefined, origin);
    expect(closed.headers.get("access-control-allow-origin")).toBeNull();
    expect((await rest.rawPath("OPTIONS", "/v1/tables")).status).toBe(405);
    const open = await RestHarness.start({ corsOrigin: "http://console.example" });
    const allowed = await open.call("GET", "/v1/nothing", undefined, origin);
    expect(allowed.headers.get("access-control-allow-origin")).toBe("http://console.example");
    const preflight = await open.call("OPTIONS", rows, undefined, {
      ...origin,
      "access-control-request-method": "PUT",
    });
    await open.stop();
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get("access-control-allow-methods")).toContain("PATCH");
  });
});
