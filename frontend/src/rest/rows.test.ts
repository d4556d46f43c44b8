import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { RestHarness } from "./testing/rest-harness.adapter.ts";

let rest: RestHarness;
let row = "";
let count = 0;
beforeAll(async () => {
  rest = await RestHarness.start();
});
afterAll(() => rest.stop());
beforeEach(() => {
  row = `/v1/tables/t/rows/row${count++}`;
});

const put = (columns: object, headers?: Record<string, string>) =>
  rest.call("PUT", row, { columns }, headers);

describe("one row", () => {
  test("PUT makes a row with 201, replaces it with 200, and its version is the ETag", async () => {
    const created = await put({ "d:a": "1", "e:": "x" });
    expect(created.status).toBe(201);
    expect(created.headers.get("etag")).toBe(`"${created.json.version}"`);
    const replaced = await put({ "d:b": "2" });
    expect(replaced.status).toBe(200);
    expect(Number(replaced.json.version)).toBeGreaterThan(Number(created.json.version));
    const read = await rest.call("GET", row);
    expect(read.json).toEqual({ ...replaced.json, columns: { "d:b": "2" } });
    expect(read.headers.get("cache-control")).toBe("no-cache");
    expect(read.headers.get("stele-served-by")).toBe("ts1; role=leader; tablet=1; generation=1");
  });

  test("HEAD gives the headers of GET and no body", async () => {
    await put({ "d:a": "1" });
    const [get, head] = [await rest.call("GET", row), await rest.call("HEAD", row)];
    expect(head.status).toBe(200);
    expect(head.text).toBe("");
    expect(head.headers.get("etag")).toBe(get.headers.get("etag"));
    expect(head.headers.get("content-length")).toBe(String(get.bytes.length));
    const missing = await rest.call("HEAD", `${row}x`);
    expect([missing.status, missing.text]).toEqual([404, ""]);
  });

  test("a missing row is 404 with who said so", async () => {
    const answer = await rest.call("GET", row);
    expect([answer.status, answer.code]).toEqual([404, "ROW_NOT_FOUND"]);
    expect(answer.headers.get("stele-session")).toMatch(/^\d+$/);
  });

  test("POST creates and never overwrites", async () => {
    const first = await rest.call("POST", row, { columns: { "d:a": "1" } });
    expect(first.status).toBe(201);
    const second = await rest.call("POST", row, { columns: { "d:a": "2" } });
    expect([second.status, second.code]).toEqual([409, "ROW_EXISTS"]);
    expect(second.json).toMatchObject({ version: first.json.version, applied: "no" });
  });

  test("DELETE removes the row, and again, but not against a condition", async () => {
    await put({ "d:a": "1" });
    expect((await rest.call("DELETE", row)).status).toBe(204);
    expect((await rest.call("DELETE", row)).status).toBe(204);
    const refused = await rest.call("DELETE", row, undefined, { "if-match": "*" });
    expect([refused.status, refused.json.version]).toEqual([412, null]);
  });

  test("what a read gives, a write takes", async () => {
    const columns = { "d:a": "é\u0000", "d:\\xFF\\\\": { b64: "_w" }, "d:n": { int64: "-7" } };
    await put(columns);
    for (const query of ["", "?view=cells&versions=all"]) {
      const read = (await rest.call("GET", row + query)).json;
      expect((await rest.call("PUT", row, read)).status).toBe(200);
      expect((await rest.call("GET", row)).json.columns).toEqual(columns);
    }
  });

  test("the cells view shows versions, newest first", async () => {
    const cells = {
      "e:x": [
        { value: "2", timestamp: "20" },
        { value: "1", timestamp: "10" },
      ],
    };
    await rest.call("PUT", row, { cells });
    const all = await rest.call("GET", `${row}?view=cells&versions=all`);
    expect(all.json.cells).toEqual(cells);
    const newest = await rest.call("GET", `${row}?view=cells`);
    expect(newest.json.cells).toEqual({ "e:x": cells["e:x"].slice(0, 1) });
    expect((await rest.call("GET", row)).json.columns).toEqual({ "e:x": "2" });
  });

  test("columns= selects columns and families; a row stays a row when none is left", async () => {
    await put({ "d:a,b": "1", "d:c": "2", "e:x": "3" });
    const read = async (query: string) => (await rest.call("GET", `${row}?${query}`)).json;
    expect((await read("columns=d:a%5Cx2Cb,e")).columns).toEqual({ "d:a,b": "1", "e:x": "3" });
    expect((await read("columns=d:nothing")).columns).toEqual({});
    expect(Object.keys(await read("keysOnly=true"))).toEqual(["key", "version"]);
  });

  test("conditions: If-Match, If-None-Match, and 304 for what is unchanged", async () => {
    const { version } = (await put({ "d:a": "1" })).json;
    const tag = `"${version}"`;
    expect((await put({ "d:a": "2" }, { "if-none-match": "*" })).code).toBe("VERSION_MISMATCH");
    const mismatch = await put({ "d:a": "2" }, { "if-match": '"1", "2"' });
    expect([mismatch.status, mismatch.json.version]).toEqual([412, version]);
    const unchanged = await rest.call("GET", row, undefined, { "if-none-match": `W/${tag}, "5"` });
    expect([unchanged.status, unchanged.text, unchanged.headers.get("etag")]).toEqual([
      304,
      "",
      tag,
    ]);
    expect((await rest.call("GET", row, undefined, { "if-match": '"1"' })).status).toBe(412);
    expect((await put({ "d:a": "2" }, { "if-match": `"1", ${tag}` })).status).toBe(200);
  });

  test("a row says who wrote last, and a body with another row's key is refused", async () => {
    const refused = await rest.call("PUT", row, { key: "other", columns: { "d:a": "1" } });
    expect([refused.status, refused.code]).toEqual([400, "INVALID_REQUEST"]);
    expect(refused.json.errors).toMatchObject([{ pointer: "/key" }]);
  });
});

describe("PATCH", () => {
  const patch = (body: object) => rest.call("PATCH", row, body);

  test("increments and appends answer with their new values", async () => {
    const answer = await patch({ increment: { "d:n": 2 ** 53 - 1 }, append: { "d:l": "x" } });
    expect(answer.status).toBe(200);
    expect(answer.json).toMatchObject({
      matched: true,
      columns: { "d:n": { int64: "9007199254740991" }, "d:l": "x" },
    });
    const again = await patch({
      increment: { "d:n": "-9007199254740990" },
      append: { "d:l": "y" },
    });
    expect(again.json.columns).toEqual({ "d:n": { int64: "1" }, "d:l": "xy" });
  });

  test("deletes columns, families and spans of versions, then sets", async () => {
    const cells = {
      "e:x": [
        { value: "2", timestamp: "20" },
        { value: "1", timestamp: "10" },
      ],
    };
    await rest.call("PUT", row, { columns: { "d:a": "1", "d:b": "2" }, cells });
    await patch({ delete: ["d:a", { column: "e:x", from: "10", to: "20" }], set: { "d:c": "3" } });
    const read = (await rest.call("GET", `${row}?view=cells&versions=all`)).json.cells;
    expect(Object.keys(read as object)).toEqual(["d:b", "d:c", "e:x"]);
    expect((read as Record<string, unknown[]>)["e:x"]).toHaveLength(1);
    const gone = await patch({ delete: ["d", "e"] });
    expect(gone.json).toMatchObject({ version: null, columns: {} });
  });

  test("chooses between the patch and its else, or does nothing", async () => {
    await put({ "d:a": "1" });
    const test1 = {
      all: [{ column: "d:a", equals: "1" }, { not: { column: "d:b", exists: true } }],
    };
    const other = { if: test1, set: { "d:a": "2" }, else: { set: { "d:a": "3" } } };
    expect((await patch(other)).json.matched).toBe(true);
    expect((await patch(other)).json.matched).toBe(false);
    expect((await rest.call("GET", row)).json.columns).toEqual({ "d:a": "3" });
    const nothing = await patch({ if: { exists: false }, set: { "d:a": "4" } });
    expect(nothing.json).toMatchObject({ matched: false, columns: {} });
  });

  test("a sum that does not fit, and a cell that is no number, are 422", async () => {
    await put({ "d:n": { int64: "9223372036854775807" }, "d:t": "text" });
    const overflow = await patch({ increment: { "d:n": 1 } });
    expect([overflow.status, overflow.code]).toEqual([422, "INT64_OVERFLOW"]);
    expect((await patch({ increment: { "d:t": 1 } })).code).toBe("NOT_A_NUMBER");
    expect((await patch({ set: { "x:y": "1" } })).code).toBe("FAMILY_NOT_FOUND");
  });
});

describe("Idempotency-Key", () => {
  test("a retry is answered as the first was, before conditions are judged", async () => {
    const headers = { "idempotency-key": "k1", "if-none-match": "*" };
    const first = await put({ "d:a": "1", "d:b": { b64: "eA" } }, headers);
    const retry = await put({ "d:b": "x", "d:a": "1" }, headers);
    expect([first.status, retry.status]).toEqual([201, 201]);
    expect(retry.json).toEqual(first.json);
    expect(retry.headers.get("stele-replayed")).toBe("true");
    expect(first.headers.get("stele-replayed")).toBeNull();
  });

  test("another method, body, column or condition under the key is 422", async () => {
    const headers = { "idempotency-key": "k2" };
    await put({ "d:a": "1" }, headers);
    const others = [
      rest.call("POST", row, { columns: { "d:a": "1" } }, headers),
      put({ "d:a": "2" }, headers),
      put({ "d:b": "1" }, headers),
      put({ "d:a": "1" }, { ...headers, "if-match": "*" }),
      rest.call("DELETE", row, undefined, headers),
      rest.call("PUT", `${row}/cells/d:a`, "1", headers),
    ];
    for (const answer of await Promise.all(others))
      expect(answer.code).toBe("IDEMPOTENCY_MISMATCH");
  });
});
