import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RestHarness } from "./testing/rest-harness.adapter.ts";

let rest: RestHarness;
beforeAll(async () => {
  rest = await RestHarness.start();
});
afterAll(() => rest.stop());

const cell = (name: string, query = "") => `/v1/tables/t/rows/cells/cells/${name}${query}`;

describe("raw cells", () => {
  test("the bytes of a PUT are the bytes of a GET, whatever the type sent", async () => {
    const bytes = Buffer.from([0, 255, 10, 13, 128]);
    const made = await rest.call("PUT", cell("d:a"), bytes, { "content-type": "text/plain" });
    expect(made.status).toBe(201);
    expect((await rest.call("PUT", cell("d:a"), bytes)).status).toBe(200);
    const read = await rest.call("GET", cell("d:a"));
    expect(read.bytes).toEqual(bytes);
    expect(read.headers.get("content-type")).toBe("application/octet-stream");
    expect(read.headers.get("x-content-type-options")).toBe("nosniff");
    expect(read.headers.get("stele-timestamp")).toMatch(/^\d{16}$/);
    const head = await rest.call("HEAD", cell("d:a"));
    expect([head.status, head.headers.get("content-length")]).toEqual([200, "5"]);
  });

  test("an empty body is an empty value, not a missing cell", async () => {
    expect((await rest.call("PUT", cell("d:empty"))).status).toBe(201);
    const read = await rest.call("GET", cell("d:empty"));
    expect([read.status, read.text]).toEqual([200, ""]);
  });

  test("a column is octets: %FF is the byte, and so is its escape", async () => {
    await rest.call("PUT", cell("d:%FF"), "x");
    expect((await rest.call("GET", cell("d:%5CxFF"))).text).toBe("x");
    const row = await rest.call("GET", "/v1/tables/t/rows/cells?columns=d:%FF");
    expect(row.json.columns).toEqual({ "d:\\xFF": "x" });
  });

  test("timestamp= names one version; DELETE without it removes all", async () => {
    for (const time of [10, 20, 30])
      await rest.call("PUT", cell("e:v", `?timestamp=${time}`), `${time}`);
    expect((await rest.call("GET", cell("e:v"))).text).toBe("30");
    expect((await rest.call("GET", cell("e:v", "?timestamp=10"))).text).toBe("10");
    expect((await rest.call("DELETE", cell("e:v", "?timestamp=20"))).status).toBe(204);
    expect((await rest.call("GET", cell("e:v", "?timestamp=20"))).code).toBe("CELL_NOT_FOUND");
    expect((await rest.call("DELETE", cell("e:v"))).status).toBe(204);
    expect((await rest.call("GET", cell("e:v"))).status).toBe(404);
    expect((await rest.call("DELETE", cell("e:v"))).status).toBe(204);
  });

  test("the latest timestamp there is can be deleted", async () => {
    const query = `?timestamp=${Number.MAX_SAFE_INTEGER}`;
    await rest.call("PUT", cell("e:last", query), "x");
    expect((await rest.call("DELETE", cell("e:last", query))).status).toBe(204);
    expect((await rest.call("GET", cell("e:last"))).status).toBe(404);
  });

  test("the tag of a cell is its row's version", async () => {
    const { version } = (await rest.call("PUT", cell("d:tag"), "1")).json;
    const unchanged = await rest.call("GET", cell("d:tag"), undefined, {
      "if-none-match": `"${version}"`,
    });
    expect([unchanged.status, unchanged.text]).toEqual([304, ""]);
    const refused = await rest.call("PUT", cell("d:tag"), "2", { "if-match": '"1"' });
    expect([refused.status, refused.json.version]).toEqual([412, version]);
  });

  test("a cell of a missing row, and a name without a colon", async () => {
    const missing = await rest.call("GET", "/v1/tables/t/rows/nobody/cells/d:a");
    expect([missing.status, missing.code]).toEqual([404, "CELL_NOT_FOUND"]);
    expect((await rest.call("GET", cell("d"))).code).toBe("INVALID_REQUEST");
    expect((await rest.call("GET", cell("d:%5Cn"))).code).toBe("INVALID_REQUEST");
    expect((await rest.call("PUT", cell("nofamily:a"), "x")).code).toBe("FAMILY_NOT_FOUND");
  });

  test("a value of 10 MiB is taken, one byte more is not", async () => {
    const value = Buffer.alloc(10 * 1024 * 1024, "v");
    expect((await rest.call("PUT", cell("d:large"), value)).status).toBe(201);
    expect((await rest.call("GET", cell("d:large"))).bytes.equals(value)).toBe(true);
    const refused = await rest.call(
      "PUT",
      cell("d:large"),
      Buffer.concat([value, Buffer.alloc(1)]),
    );
    expect([refused.status, refused.code, refused.json.applied]).toEqual([413, "TOO_LARGE", "no"]);
  });
});
