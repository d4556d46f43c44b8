import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RestHarness } from "./testing/rest-harness.adapter.ts";

let rest: RestHarness;
beforeAll(async () => {
  rest = await RestHarness.start();
});
afterAll(() => rest.stop());

const create = (body: unknown) => rest.call("POST", "/v1/tables", body);

describe("tables", () => {
  test("only a name is needed; the rest has defaults", async () => {
    const answer = await create({ name: "plain" });
    expect(answer.status).toBe(201);
    expect(answer.headers.get("location")).toBe("/v1/tables/plain");
    expect(answer.json).toMatchObject({
      name: "plain",
      families: { d: { maxVersions: 1, maxAgeSeconds: null } },
      partitioning: "range",
      tablets: 1,
      deletionProtection: false,
    });
    expect((await create({ name: "plain" })).code).toBe("TABLE_EXISTS");
    const described = await rest.call("GET", "/v1/tables/plain");
    expect(described.json).toEqual(answer.json);
    const listed = (await rest.call("GET", "/v1/tables")).json.tables as { name: string }[];
    expect(listed.map(({ name }) => name)).toContain("plain");
  });

  test("a dropped table is gone, and its name is free", async () => {
    await create({ name: "gone", splitKeys: ["b", "a"] });
    expect((await rest.call("DELETE", "/v1/tables/gone")).status).toBe(204);
    expect((await rest.call("GET", "/v1/tables/gone")).code).toBe("TABLE_NOT_FOUND");
    expect((await rest.call("GET", "/v1/tables/gone/rows/x")).code).toBe("TABLE_NOT_FOUND");
    expect((await create({ name: "gone" })).status).toBe(201);
  });

  test("deletion protection holds", async () => {
    await create({ name: "kept", deletionProtection: true });
    expect((await rest.call("DELETE", "/v1/tables/kept")).code).toBe("DELETION_PROTECTED");
  });

  test("names of members of Object are ordinary family names, but __proto__ is none", async () => {
    const families = { constructor: {}, toString: { maxVersions: null } };
    const made = await create({ name: "objects", families });
    expect(made.json.families).toEqual({
      constructor: { maxVersions: 1, maxAgeSeconds: null },
      toString: { maxVersions: null, maxAgeSeconds: null },
    });
    const row = { columns: { "toString:a": "1", "constructor:__proto__": "2" } };
    expect((await rest.call("PUT", "/v1/tables/objects/rows/__proto__", row)).status).toBe(201);
    const read = await rest.call("GET", "/v1/tables/objects/rows/__proto__");
    expect(read.json.columns).toEqual({ "constructor:__proto__": "2", "toString:a": "1" });
    const text = '{"name":"proto","families":{"__proto__":{}}}';
    const type = { "content-type": "application/json" };
    const refused = await rest.call("POST", "/v1/tables", text, type);
    expect(refused.json.errors).toMatchObject([{ pointer: "/families/__proto__" }]);
  });

  test.each([
    [{}, "/name"],
    [{ name: "" }, "/name"],
    [{ name: "a/b" }, "/name"],
    [{ name: "x".repeat(51) }, "/name"],
    [{ name: "bad", colour: 1 }, "/colour"],
    [{ name: "bad", families: { "a:b": {} } }, "/families/a:b"],
    [{ name: "bad", families: {} }, "/families"],
    [{ name: "bad", families: { d: { maxVersions: 0 } } }, "/families/d/maxVersions"],
    [{ name: "bad", families: { d: { maxAgeSeconds: 5 } } }, "/families/d/maxAgeSeconds"],
    [{ name: "bad", families: { d: { all: [] } } }, "/families/d/all"],
    [JSON.parse('{"name":"bad","__proto__":{}}'), "/__proto__"],
    [JSON.parse('{"name":"bad","families":{"d":{"__proto__":1}}}'), "/families/d/__proto__"],
    [{ name: "bad", partitioning: "hash", tablets: 8 }, "/partitioning"],
    [{ name: "bad", replicas: 2 }, "/replicas"],
    [{ name: "bad", splitKeys: ["a", { b64: "YQ" }] }, "/splitKeys"],
    [{ name: "bad", splitKeys: [""] }, "/splitKeys/0"],
    [{ name: "bad", splitKeys: "abc" }, "/splitKeys"],
    [{ name: "bad", deletionProtection: "true" }, "/deletionProtection"],
  ])("%j is refused at %s", async (body, pointer) => {
    const answer = await create(body);
    expect(answer.status).toBe(400);
    expect(answer.json.errors).toMatchObject([{ pointer }]);
    expect(answer.json.applied).toBe("no");
    expect((await rest.call("GET", "/v1/tables/bad")).status).toBe(404);
  });

  test("the tablets of a table come in key order, by pages and by prefix", async () => {
    await create({ name: "split", splitKeys: ["b", "c", "ca", { b64: "_w" }] });
    const list = async (query: string) => {
      const { tablets, nextPageToken } = (
        await rest.call("GET", `/v1/tables/split/tablets${query}`)
      ).json;
      return { tablets: tablets as { start: unknown; end: unknown }[], nextPageToken };
    };
    const whole = (await list("")).tablets;
    expect(whole.map(({ start }) => start)).toEqual([null, "b", "c", "ca", { b64: "_w" }]);
    expect(whole.at(-1)?.end).toBeNull();
    const first = await list("?limit=2");
    const second = await list(`?limit=9&pageToken=${first.nextPageToken}`);
    expect([...first.tablets, ...second.tablets]).toEqual(whole);
    expect(second.nextPageToken).toBeUndefined();
    const prefixed = await list("?prefix=c");
    expect(prefixed.tablets.map(({ start }) => start)).toEqual(["c", "ca"]);
    expect(prefixed.nextPageToken).toBeUndefined();
    const mismatch = `/v1/tables/split/tablets?prefix=c&pageToken=${first.nextPageToken}`;
    expect((await rest.call("GET", mismatch)).code).toBe("PAGE_TOKEN_MISMATCH");
  });
});
