import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DatabaseError } from "@stele/shared/errors.ts";
import type { ErrorCode } from "@stele/shared/errors.ts";
import { RestHarness } from "./testing/rest-harness.adapter.ts";

const rows = "/v1/tables/t/rows";
const scanPath = "/v1/tables/t/rows:scan";
const ndjson = { accept: "application/x-ndjson" };
/** On both sides of the tablet bound "m". */
const keys = ["a", "b", "ba", "bb", "c", "l", "m", "ma", "n", "z"];

let rest: RestHarness;
beforeAll(async () => {
  rest = await RestHarness.start();
  const ops = keys.map((key) => ({ put: { key, columns: { "d:a": `v-${key}`, "e:b": "x" } } }));
  await rest.call("POST", "/v1/tables/t/rows:batch", { ops });
});
afterAll(() => rest.stop());

const noFault = () => Promise.resolve();
const failSecondScan = (code: ErrorCode) => {
  let calls = 0;
  rest.operations.before = async (call) => {
    if (call === "scan" && ++calls > 1) throw new DatabaseError({ code, detail: "a fault" });
  };
};

interface Page {
  readonly keys: unknown[];
  readonly next: string | undefined;
}

const pageOf = (json: Record<string, unknown>): Page => ({
  keys: (json.rows as { key: unknown }[]).map(({ key }) => key),
  next: json.nextPageToken as string | undefined,
});
const list = async (query: string) => pageOf((await rest.call("GET", `${rows}?${query}`)).json);
const scan = async (body: object) => pageOf((await rest.call("POST", scanPath, body)).json);

describe("scans", () => {
  test("rows come in key order across tablets, and the end has no token", async () => {
    expect(await list("")).toEqual({ keys, next: undefined });
    expect(await list("reverse=true")).toEqual({ keys: keys.toReversed(), next: undefined });
  });

  test("bounds are intersected, and mean the same in both directions", async () => {
    for (const reverse of [false, true]) {
      const read = async (query: string) => {
        const page = await list(`${query}&reverse=${reverse}`);
        return reverse ? page.keys.toReversed() : page.keys;
      };
      expect(await read("prefix=b")).toEqual(["b", "ba", "bb"]);
      expect(await read("start=b&end=c")).toEqual(["b", "ba", "bb"]);
      expect(await read("startAfter=b&end=m")).toEqual(["ba", "bb", "c", "l"]);
      expect(await read("prefix=b&startAfter=b&end=bb")).toEqual(["ba"]);
      expect(await read("start=z&end=a")).toEqual([]);
      expect(await read("end=")).toEqual([]);
      expect(await read("start=&prefix=")).toEqual(keys);
    }
  });

  test("pages of any size, in both directions, give every row once", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 12 }), fc.boolean(), async (limit, reverse) => {
        const seen: unknown[] = [];
        let token: string | undefined;
        do {
          const more = token === undefined ? "" : `&pageToken=${token}`;
          const page = await list(`limit=${limit}&reverse=${reverse}${more}`);
          expect(page.keys.length).toBeLessThanOrEqual(limit);
          seen.push(...page.keys);
          token = page.next;
        } while (token !== undefined);
        expect(reverse ? seen.toReversed() : seen).toEqual(keys);
      }),
      { numRuns: 15 },
    );
  });

  test("ranges are sorted and merged: no row twice; none is nothing, absent is the whole table", async () => {
    const ranges = [{ start: "l" }, { prefix: "b" }, { key: "b" }, { start: "ba", end: "bz" }];
    const wanted = ["b", "ba", "bb", "l", "m", "ma", "n", "z"];
    expect((await scan({ ranges })).keys).toEqual(wanted);
    const first = await scan({ ranges, limit: 3, reverse: true });
    const second = await scan({ ranges, reverse: true, pageToken: first.next });
    expect([...first.keys, ...second.keys]).toEqual(wanted.toReversed());
    expect((await scan({ ranges: [] })).keys).toEqual([]);
    expect((await scan({})).keys).toEqual(keys);
    expect((await scan({ key: "ba" })).keys).toEqual(["ba"]);
  });

  test("a row without a cell of the columns is omitted", async () => {
    await rest.call("PUT", `${rows}/only-e`, { columns: { "e:z": "1" } });
    expect((await list("columns=d&prefix=o")).keys).toEqual([]);
    const shown = await rest.call("GET", `${rows}?columns=e:z&view=cells&prefix=o`);
    expect(shown.json.rows).toMatchObject([{ key: "only-e", cells: { "e:z": [{ value: "1" }] } }]);
    const bare = (await rest.call("GET", `${rows}?prefix=o&keysOnly=true`)).json.rows as object[];
    expect(Object.keys(bare[0] ?? {})).toEqual(["key", "version"]);
    await rest.call("DELETE", `${rows}/only-e`);
  });

  test("keys that are not UTF-8 bound scans, in octets and in base64", async () => {
    await rest.call("PUT", `${rows}/_wA?enc=b64`, { columns: { "d:a": "1" } });
    for (const query of [
      "prefix=%FF",
      "prefix=_w&enc=b64",
      "prefix=/w==&enc=b64",
      "start=ff00&enc=hex",
    ]) {
      expect((await list(query)).keys, query).toEqual([{ b64: "_wA" }]);
    }
    expect((await scan({ prefix: { b64: "_w" } })).keys).toEqual([{ b64: "_wA" }]);
    await rest.call("DELETE", `${rows}/_wA?enc=b64`);
  });

  test("only limit, timeout and consistency may change between pages", async () => {
    const { next } = await list("limit=2");
    const allowed = `limit=1&timeout=5s&consistency=bounded&maxStaleness=1s&pageToken=${next}`;
    expect((await list(allowed)).keys).toEqual(["ba"]);
    expect((await scan({ pageToken: next, limit: 1 })).keys).toEqual(["ba"]);
    for (const query of ["reverse=true", "prefix=b", "view=cells", "columns=d", "keysOnly=true"]) {
      const answer = await rest.call("GET", `${rows}?${query}&pageToken=${next}`);
      expect([answer.status, answer.code], query).toEqual([400, "PAGE_TOKEN_MISMATCH"]);
    }
    const damaged = await rest.call("GET", `${rows}?pageToken=${String(next).slice(1)}`);
    expect([damaged.status, damaged.code]).toEqual([400, "INVALID_PAGE_TOKEN"]);
  });

  test("a token of a dropped table is refused by its successor", async () => {
    const make = async () => {
      await rest.call("POST", "/v1/tables", { name: "again" });
      for (const key of ["a", "b"]) {
        await rest.call("PUT", `/v1/tables/again/rows/${key}`, { columns: { "d:a": "1" } });
      }
    };
    await make();
    const { next } = pageOf((await rest.call("GET", "/v1/tables/again/rows?limit=1")).json);
    await rest.call("DELETE", "/v1/tables/again");
    await make();
    const refused = await rest.call("GET", `/v1/tables/again/rows?limit=1&pageToken=${next}`);
    expect(refused.code).toBe("INVALID_PAGE_TOKEN");
  });

  test("a page ends when its bytes are spent", async () => {
    await rest.call("POST", "/v1/tables", { name: "large" });
    const wanted = ["x1", "x2", "x3", "x4", "x5", "x6"];
    const columns = { "d:a": "v".repeat(1024 * 1024), "d:b": { b64: "_w" } };
    const large = "/v1/tables/large/rows";
    for (const key of wanted) await rest.call("PUT", `${large}/${key}`, { columns });
    const first = await rest.call("GET", large);
    const { keys: firstKeys, next } = pageOf(first.json);
    expect(firstKeys.length).toBeLessThan(6);
    expect((first.json.rows as object[])[0]).toMatchObject({ columns });
    const second = pageOf((await rest.call("GET", `${large}?pageToken=${next}`)).json);
    expect([...firstKeys, ...second.keys]).toEqual(wanted);
    const streamed = await rest.call("GET", large, undefined, ndjson);
    expect(streamed.lines.map(({ key }) => key)).toEqual([...wanted, undefined]);
    const one = await rest.call("GET", `${large}/x1`);
    expect(one.json.columns).toEqual(columns);
    expect((await rest.call("HEAD", `${large}/x1`)).text).toBe("");
  });

  test("what was read before a failure is given, and the next page meets the failure", async () => {
    failSecondScan("NO_QUORUM");
    const first = await list("");
    const second = await rest.call("GET", `${rows}?pageToken=${first.next}`);
    rest.operations.before = noFault;
    expect(first.keys).toEqual(["a", "b", "ba", "bb", "c", "l"]);
    expect([second.status, second.code]).toEqual([503, "NO_QUORUM"]);
    expect(second.headers.get("retry-after")).toBe("1");
    expect(second.json.retryAfterMs).toBe(1000);
    expect((await list(`pageToken=${first.next}`)).keys).toEqual(["m", "ma", "n", "z"]);
  });

  test("counts, with ranges, and with nothing", async () => {
    const count = async (body?: object) =>
      (await rest.call("POST", "/v1/tables/t/rows:count", body)).json;
    expect(await count({ ranges: [{ prefix: "b" }, { start: "m" }] })).toEqual({ count: 7 });
    expect(await count({ prefix: "b" })).toEqual({ count: 3 });
    expect(await count({ ranges: [] })).toEqual({ count: 0 });
    expect(await count()).toEqual({ count: keys.length });
  });

  test("an unknown table is 404, also where there is nothing to scan", async () => {
    const path = "/v1/tables/nowhere";
    const answers = [
      rest.call("GET", `${path}/rows`),
      rest.call("GET", `${path}/rows`, undefined, ndjson),
      rest.call("GET", `${path}/rows?start=b&end=a`),
      rest.call("POST", `${path}/rows:scan`, { ranges: [] }),
      rest.call("POST", `${path}/rows:count`, { ranges: [] }),
      rest.call("POST", `${path}/rows:get`, { keys: [] }),
      rest.call("POST", `${path}/rows:batch`, { ops: [] }),
      rest.call("GET", `${path}/tablets`),
    ];
    for (const answer of await Promise.all(answers)) expect(answer.code).toBe("TABLE_NOT_FOUND");
  });
});

describe("streams", () => {
  test("one row a line, then exactly one end", async () => {
    const answer = await rest.call("GET", rows, undefined, ndjson);
    expect(answer.headers.get("content-type")).toBe("application/x-ndjson");
    expect(answer.headers.get("vary")).toBe("Accept");
    expect(answer.lines.slice(0, -1).map(({ key }) => key)).toEqual(keys);
    expect(answer.lines.at(-1)).toMatchObject({ end: { rows: keys.length, staleness: 0 } });
    expect(Object.keys(answer.lines.at(-1)?.end as object)).not.toContain("nextPageToken");
  });

  test("limit is the total, and the end says where to go on", async () => {
    const limited = await rest.call("POST", scanPath, { limit: 7, start: "b" }, ndjson);
    const end = limited.lines.at(-1)?.end as { rows: number; nextPageToken: string };
    expect(end.rows).toBe(7);
    expect((await scan({ start: "b", pageToken: end.nextPageToken })).keys).toEqual(["n", "z"]);
    const whole = await rest.call("GET", `${rows}?limit=${10 ** 9}`, undefined, ndjson);
    expect(whole.lines.at(-1)).toMatchObject({ end: { rows: keys.length } });
  });

  test("a failure in the middle is the last line, with where to go on", async () => {
    failSecondScan("DEADLINE");
    const answer = await rest.call("GET", `${rows}?reverse=true`, undefined, ndjson);
    rest.operations.before = noFault;
    const { error } = answer.lines.at(-1) as { error: Record<string, unknown> };
    expect(error).toMatchObject({ status: 504, code: "DEADLINE", retryable: true });
    expect(answer.lines).toHaveLength(5);
    const rest_ = await list(`reverse=true&pageToken=${error.nextPageToken}`);
    expect(rest_.keys).toEqual(["l", "c", "bb", "ba", "b", "a"]);
  });

  test("a table with many rows streams whole, and stops when the client goes away", async () => {
    await rest.call("POST", "/v1/tables", { name: "many" });
    const value = "v".repeat(1000);
    const lines = Array.from({ length: 12_000 }, (_, index) =>
      JSON.stringify({ key: `k${String(index).padStart(6, "0")}`, columns: { "d:a": value } }),
    );
    const type = { "content-type": "application/x-ndjson" };
    const path = "/v1/tables/many/rows";
    const loaded = await rest.call("POST", `${path}:batch`, lines.join("\n"), type);
    expect(loaded.lines.at(-1)).toEqual({ end: { ok: 12_000, failed: 0 } });
    const whole = await rest.call("GET", path, undefined, ndjson);
    expect(whole.lines.length).toBe(12_001);
    expect(new Set(whole.lines.map(({ key }) => key)).size).toBe(12_001);

    let signal: AbortSignal | undefined;
    let scans = 0;
    rest.operations.before = async (_call, limits) => {
      scans++;
      signal = limits.signal;
    };
    const request = `GET ${path} HTTP/1.1\r\nHost: localhost\r\nAccept: application/x-ndjson\r\n\r\n`;
    await rest.raw(request, '"k000000"');
    await expect.poll(() => signal?.aborted).toBe(true);
    const seen = scans;
    await rest.call("GET", "/v1/tables");
    rest.operations.before = noFault;
    expect(scans).toBe(seen);
    expect(seen).toBeLessThan(6);
  });
});

describe("rows:get", () => {
  const get = (body: object, headers = {}) =>
    rest.call("POST", "/v1/tables/t/rows:get", body, headers);

  test("answers in the order of the request, duplicates and missing rows included", async () => {
    const answer = await get({ keys: ["z", "nobody", "a", "z"], columns: ["d"] });
    expect(answer.status).toBe(200);
    expect(answer.json.rows).toMatchObject([
      { key: "z", found: true, columns: { "d:a": "v-z" } },
      { key: "nobody", found: false },
      { key: "a", found: true },
      { key: "z", found: true },
    ]);
    expect((await get({ keys: [] })).json).toEqual({ rows: [] });
  });

  test("many keys are read in windows, as JSON and as lines", async () => {
    const many = Array.from({ length: 1000 }, (_, index) => (index % 2 === 0 ? "a" : `no${index}`));
    const found = ((await get({ keys: many })).json.rows as { found: boolean }[]).filter(
      (row) => row.found,
    );
    expect(found).toHaveLength(500);
    const streamed = (await get({ keys: many, keysOnly: true }, ndjson)).lines;
    expect(streamed).toHaveLength(1001);
    expect(streamed[0]).toMatchObject({ key: "a", found: true });
    expect(streamed.at(-1)).toMatchObject({ end: { rows: 1000 } });
  });

  test("what a window leaves unread is read by the next, as JSON and as lines", async () => {
    const keys = ["a", "z", "nobody", "z", "a"];
    rest.operations.rowsOfOneRead = 2;
    const answer = await get({ keys });
    const streamed = (await get({ keys }, ndjson)).lines;
    rest.operations.rowsOfOneRead = Number.POSITIVE_INFINITY;
    expect((answer.json.rows as { key: string }[]).map(({ key }) => key)).toEqual(keys);
    expect(streamed.map(({ key }) => key)).toEqual([...keys, undefined]);
  });

  test("a large row is rendered as a small one is", async () => {
    const value = `"é${"x".repeat(200_000)}`;
    await rest.call("PUT", "/v1/tables/t/rows/large", { columns: { "d:a": value, "d:b": "1" } });
    for (const view of ["columns", "cells"]) {
      const { key, ...row } = (await rest.call("GET", `/v1/tables/t/rows/large?view=${view}`)).json;
      const answer = await get({ keys: ["large"], view });
      expect(answer.json.rows).toEqual([{ key, found: true, ...row }]);
    }
    await rest.call("DELETE", "/v1/tables/t/rows/large");
  });

  test("an unreadable row is a 207 with its error, not a missing row", async () => {
    rest.operations.failingKeys.set("z", { code: "NO_QUORUM", detail: "no majority" });
    const answer = await get({ keys: ["a", "z"] });
    rest.operations.failingKeys.clear();
    expect(answer.status).toBe(207);
    expect(answer.json.rows).toMatchObject([
      { key: "a", found: true },
      { key: "z", status: 503, code: "NO_QUORUM", retryable: true },
    ]);
  });
});
