// Section 3 of the REST contract: conditions and mutations of single rows, against a real cluster.
import { beforeEach, describe, expect, test } from "vitest";
import { expectProblem } from "./problem-check.ts";
import type { Rest } from "./rest.ts";
import { setUpOnce } from "./set-up-once.ts";
import { SingleRows, versionOf } from "./single-rows.ts";

let rows: SingleRows;
let rest: Rest;
/** A row of its own for each test. */
let row: string;
let key: string;

setUpOnce(SingleRows.start, (started) => {
  rows = started;
  rest = started.rest;
});

beforeEach(() => {
  ({ key, path: row } = rows.next());
});

describe("conditions", () => {
  test("a read with a matching If-None-Match is 304 without body", async () => {
    const version = await rows.put({ "d:x": "1" });
    for (const tag of [`"${version}"`, `W/"${version}"`, `"1", "${version}"`, "*"]) {
      for (const path of [row, `${row}/cells/d:x`]) {
        const reply = await rest.get(path, { headers: { "if-none-match": tag } });
        expect([reply.status, reply.bytes.length], tag).toEqual([304, 0]);
        expect(reply.headers["etag"]).toBe(`"${version}"`);
      }
    }
    const other = await rest.get(row, { headers: { "if-none-match": '"1"' } });
    expect(other.status).toBe(200);
    const failed = await rest.get(row, { headers: { "if-match": '"1"' } });
    expectProblem(failed, 412, "VERSION_MISMATCH");
  });

  test("writes happen under If-Match and If-None-Match only as they say", async () => {
    const absent = await rest.put(
      row,
      { columns: { "d:x": "1" } },
      { headers: { "if-match": "*" } },
    );
    expect(expectProblem(absent, 412, "VERSION_MISMATCH").version).toBeNull();
    const first = await rest.put(
      row,
      { columns: { "d:x": "1" } },
      { headers: { "if-none-match": "*" } },
    );
    expect(first.status).toBe(201);
    const version = versionOf(first);
    const again = await rest.put(
      row,
      { columns: { "d:x": "2" } },
      { headers: { "if-none-match": "*" } },
    );
    expect(expectProblem(again, 412, "VERSION_MISMATCH").version).toBe(version);
    const listed = await rest.put(
      row,
      { columns: { "d:x": "3" } },
      { headers: { "if-match": `"7", W/"${version}"` } },
    );
    expect(listed.status).toBe(200);
    const stale = { headers: { "if-match": `"${version}"` } };
    expectProblem(await rest.put(row, { columns: { "d:x": "4" } }, stale), 412, "VERSION_MISMATCH");
    expectProblem(await rest.patch(row, { set: { "d:x": "4" } }, stale), 412, "VERSION_MISMATCH");
    expectProblem(await rest.put(`${row}/cells/d:x`, "4", stale), 412, "VERSION_MISMATCH");
    expectProblem(await rest.delete(`${row}/cells/d:x`, stale), 412, "VERSION_MISMATCH");
    expectProblem(await rest.delete(row, stale), 412, "VERSION_MISMATCH");
    expect(await rows.columns()).toEqual({ "d:x": "3" });
    const present = { headers: { "if-match": `"${versionOf(listed)}"` } };
    expect((await rest.delete(row, present)).status).toBe(204);
    expectProblem(await rest.delete(row, present), 412, "VERSION_MISMATCH");
  });

  test("headers are judged before the body's if", async () => {
    await rows.put({ "d:x": "1" });
    const body = { if: { column: "d:x", equals: "no" }, set: { "d:x": "2" } };
    const reply = await rest.patch(row, body, { headers: { "if-match": '"1"' } });
    expectProblem(reply, 412, "VERSION_MISMATCH");
  });
});

describe("PATCH", () => {
  test("applies delete, set, cells, increment and append in this order, all or nothing", async () => {
    await rows.put({
      "d:a": "1",
      "d:b": "2",
      "log:l": "x",
      "stats:n": { int64: "5" },
      "grade:g": "1",
    });
    const reply = await rest.patch(row, {
      append: { "log:l": "z", "d:new": "n" },
      increment: { "stats:n": 3 },
      set: { "stats:n": { int64: "10" }, "log:l": "y", "d:a": "again" },
      delete: ["d:a", "grade", "d:b"],
    });
    expect(reply.status, reply.text).toBe(200);
    expect(reply.json()).toEqual({
      key,
      version: versionOf(reply),
      matched: true,
      columns: { "d:new": "n", "log:l": "yz", "stats:n": { int64: "13" } },
    });
    expect(reply.headers["etag"]).toBe(`"${versionOf(reply)}"`);
    expect(await rows.columns()).toEqual({
      "d:a": "again",
      "d:new": "n",
      "log:l": "yz",
      "stats:n": { int64: "13" },
    });
  });

  test("creates a missing row, deletes a range of times, and may leave no row", async () => {
    const created = await rest.patch(row, { set: { "log:x": "1" }, timestamp: "10" });
    expect(created.status).toBe(200);
    await rest.patch(row, { set: { "log:x": "2" }, timestamp: "20" });
    await rest.patch(row, { set: { "log:x": "3" }, timestamp: "30" });
    await rest.patch(row, { delete: [{ column: "log:x", from: "10", to: "30" }] });
    expect((await rows.cells())["log:x"]).toEqual([{ value: "3", timestamp: "30" }]);
    const emptied = await rest.patch(row, { delete: ["log"] });
    expect(emptied.json()).toMatchObject({ version: null, matched: true });
    expectProblem(await rest.get(row), 404, "ROW_NOT_FOUND");
  });

  test.for<[condition: object, holds: boolean]>([
    [{ column: "d:a", equals: "1" }, true],
    [{ column: "d:a", equals: "2" }, false],
    [{ column: "d:z", equals: "1" }, false],
    [{ column: "d:a", exists: true }, true],
    [{ column: "d:z", exists: false }, true],
    [{ exists: true }, true],
    [{ exists: false }, false],
    [{ version: "1" }, false],
    [{ all: [{ exists: true }, { column: "d:a", equals: "1" }] }, true],
    [{ all: [{ exists: true }, { column: "d:a", equals: "2" }] }, false],
    [{ any: [{ exists: false }, { column: "d:a", equals: "1" }] }, true],
    [{ not: { exists: true } }, false],
  ])("if %j is judged as %s", async ([condition, holds]) => {
    const version = await rows.put({ "d:a": "1" });
    const reply = await rest.patch(row, { if: condition, set: { "d:then": "1" } });
    expect(reply.json()).toMatchObject({ matched: holds });
    if (!holds) expect(versionOf(reply)).toBe(version);
    const elsewise = await rest.patch(row, {
      if: condition,
      set: { "d:b": "then" },
      else: { set: { "d:b": "else" } },
    });
    expect(elsewise.json()).toMatchObject({ matched: holds });
    expect(await rows.columns("?columns=d:b")).toEqual({ "d:b": holds ? "then" : "else" });
  });

  test("if on the row's version works like If-Match", async () => {
    const version = await rows.put({ "d:a": "1" });
    const reply = await rest.patch(row, { if: { version }, set: { "d:a": "2" } });
    expect(reply.json()).toMatchObject({ matched: true });
  });

  test("is atomic beside others: no increment of many is lost", async () => {
    const adding = Array.from({ length: 40 }, async () => {
      const reply = await rest.patch(row, {
        increment: { "stats:n": 1 },
        append: { "log:l": "x" },
      });
      return reply.json<{ columns: { "stats:n": { int64: string } } }>().columns["stats:n"].int64;
    });
    const seen = new Set(await Promise.all(adding));
    expect(seen.size).toBe(40);
    expect(await rows.columns()).toEqual({ "log:l": "x".repeat(40), "stats:n": { int64: "40" } });
  });
});
