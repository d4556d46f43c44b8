// Sections 1 and 3 of the REST contract: reading and writing single rows, against a real cluster.
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

describe("reading and writing a row", () => {
  test("PUT creates, then replaces the whole row; GET gives it back in order", async () => {
    const created = await rest.put(row, { columns: { "stats:z": "1", "d:b": "2", "d:a": "3" } });
    expect(created.status).toBe(201);
    expect(created.headers["etag"]).toBe(`"${versionOf(created)}"`);
    expect(Object.keys(created.json<object>()).toSorted()).toEqual(["key", "version"]);
    const read = await rest.get(row);
    const version = versionOf(created);
    const text = JSON.stringify({
      key,
      version,
      columns: { "d:a": "3", "d:b": "2", "stats:z": "1" },
    });
    expect(read.text.trim()).toBe(text);
    expect(read.headers).toMatchObject({
      etag: `"${version}"`,
      "content-type": expect.stringMatching(/^application\/json/),
      "cache-control": "no-cache",
      vary: expect.stringMatching(/accept/i),
      "stele-request-id": expect.stringMatching(/./),
      "stele-staleness": expect.stringMatching(/^\d+(\.\d+)?$/),
      "stele-session": expect.stringMatching(/^\d+$/),
    });
    expect(read.headers["stele-served-by"]).toMatch(
      /^ts1; role=leader; tablet=\d+; generation=\d+$/,
    );
    expect(read.headers["access-control-allow-origin"]).toBeUndefined();

    const replaced = await rest.put(row, { columns: { "d:c": "4" } });
    expect(replaced.status).toBe(200);
    expect(BigInt(versionOf(replaced))).toBeGreaterThan(BigInt(version));
    expect(await rows.columns()).toEqual({ "d:c": "4" });
    const head = await rest.head(row);
    expect([head.status, head.bytes.length]).toEqual([200, 0]);
    expect(head.headers["etag"]).toBe(`"${versionOf(replaced)}"`);
  });

  test("a version is the time in microseconds and grows over delete and re-create", async () => {
    const first = await rows.put({ "d:x": "1" });
    expect(Math.abs(Number(first) / 1000 - Date.now())).toBeLessThan(60_000);
    expect((await rest.delete(row)).status).toBe(204);
    expectProblem(await rest.get(row), 404, "ROW_NOT_FOUND");
    expect((await rest.delete(row)).status).toBe(204);
    const second = await rows.put({ "d:x": "2" });
    expect(BigInt(second)).toBeGreaterThan(BigInt(first));
  });

  test("POST creates and never overwrites", async () => {
    const created = await rest.post(row, { columns: { "d:x": "1" } });
    expect(created.status).toBe(201);
    const again = await rest.post(row, { columns: { "d:x": "2" } });
    expect(expectProblem(again, 409, "ROW_EXISTS")).toMatchObject({
      version: versionOf(created),
      applied: "no",
    });
    expect(await rows.columns()).toEqual({ "d:x": "1" });
  });

  test("columns= selects columns and families; a selection without cells is an empty row", async () => {
    await rows.put({ "d:a": "1", "d:b": "2", "grade:m": "3", "stats:n": "4" });
    expect(await rows.columns("?columns=d:a,grade")).toEqual({ "d:a": "1", "grade:m": "3" });
    expect(await rows.columns("?columns=log")).toEqual({});
    const keys = (await rest.get(`${row}?keysOnly=true`)).json<object>();
    expect(Object.keys(keys).toSorted()).toEqual(["key", "version"]);
  });

  test("the empty qualifier is a column, and escapes name bytes", async () => {
    const odd = {
      "d:": "empty",
      "d:\\xFF": "byte",
      "d:a\\\\b": "slash",
      "d:x:y,z": "rest",
      "d:é": "e",
    };
    await rows.put({ ...odd, "d:\\x41": "letter" });
    expect(await rows.columns()).toEqual({ ...odd, "d:A": "letter" });
    expect(await rows.columns("?columns=d:%FF,d:x:y%5Cx2Cz")).toEqual({
      "d:\\xFF": "byte",
      "d:x:y,z": "rest",
    });
    expect(await rows.columns("?columns=d:%5CxFF")).toEqual({ "d:\\xFF": "byte" });
    expect((await rest.get(`${row}/cells/d:%5CxFF`)).text).toBe("byte");
    expect((await rest.get(`${row}/cells/d:`)).text).toBe("empty");
  });

  test("values are UTF-8 strings, else base64, unchanged octet for octet", async () => {
    const values = ["", "日本", "e\u0301", "\u00e9", "\0", "\u2028", '"\\'];
    const written = Object.fromEntries(values.map((value, index) => [`d:${index}`, value]));
    await rows.put({
      ...written,
      "d:b": { b64: "_wBr" },
      "d:s": { b64: "/wBr" },
      "d:p": { b64: "/w==" },
    });
    expect(await rows.columns()).toEqual({
      ...written,
      "d:b": { b64: "_wBr" },
      "d:s": { b64: "_wBr" },
      "d:p": { b64: "_w" },
    });
    await rows.put({ "d:t": { b64: Buffer.from("text").toString("base64") } });
    expect(await rows.columns()).toEqual({ "d:t": "text" });
  });

  test("what a read gives, a write takes: also all versions of all cells", async () => {
    for (const grade of ["1", "2", "3", "4"]) {
      await rest.patch(row, { set: { "grade:m": grade, "stats:n": { int64: grade } } });
    }
    const read = (await rest.get(`${row}?view=cells&versions=all`)).json<{ cells: unknown }>();
    const copy = `${row}-copy`;
    const { cells: copied } = read;
    expect((await rest.put(copy, { cells: copied })).status).toBe(201);
    const reread = (await rest.get(`${copy}?view=cells&versions=all`)).json<{ cells: unknown }>();
    expect(reread.cells).toEqual(read.cells);
    const whole = (await rest.get(row)).json<{ columns: object }>();
    expect((await rest.put(copy, { columns: whole.columns })).status).toBe(200);
    expect((await rest.get(copy)).json()).toMatchObject({ columns: whole.columns });
  });
});

describe("versions and timestamps", () => {
  test("a family keeps maxVersions of a cell, newest first", async () => {
    for (const value of ["1", "2", "3", "4", "5"]) {
      await rest.patch(row, { set: { "d:x": value, "grade:x": value, "log:x": value } });
    }
    const all = await rows.cells();
    const values = (column: string) => all[column]?.map(({ value }) => value);
    expect(values("d:x")).toEqual(["5"]);
    expect(values("grade:x")).toEqual(["5", "4", "3"]);
    expect(values("log:x")).toEqual(["5", "4", "3", "2", "1"]);
    const stamps = all["log:x"]?.map(({ timestamp }) => BigInt(timestamp)) ?? [];
    expect(stamps).toEqual(stamps.toSorted((a, b) => (a > b ? -1 : 1)));
    expect((await rows.cells("&versions=2"))["log:x"]).toHaveLength(2);
    expect((await rows.cells(""))["log:x"]).toEqual([all["log:x"]?.[0]]);
  });

  test("a cell's time is the new version, or just above the newest cell if that is later", async () => {
    const version = await rows.put({ "d:x": "1" });
    expect((await rows.cells())["d:x"]).toEqual([{ value: "1", timestamp: version }]);
    const far = String(BigInt(version) + 10n ** 12n);
    await rest.patch(row, { set: { "log:x": "future" }, timestamp: far });
    await rest.patch(row, { set: { "log:x": "now" } });
    expect((await rows.cells())["log:x"]).toEqual([
      { value: "now", timestamp: String(BigInt(far) + 1n) },
      { value: "future", timestamp: far },
    ]);
    expect(await rows.columns("?columns=log")).toEqual({ "log:x": "now" });
  });

  test("timestamp sets the time of the cells, per cell or for all", async () => {
    await rows.put({ "log:x": "a" }, { timestamp: "100" });
    await rest.patch(row, { cells: { "log:x": [{ value: "b", timestamp: "50" }] } });
    await rest.put(`${row}/cells/log:x?timestamp=75`, "c");
    expect((await rows.cells())["log:x"]).toEqual([
      { value: "a", timestamp: "100" },
      { value: "c", timestamp: "75" },
      { value: "b", timestamp: "50" },
    ]);
    const exact = await rest.get(`${row}/cells/log:x?timestamp=75`);
    expect([exact.text, exact.headers["stele-timestamp"]]).toEqual(["c", "75"]);
    expect((await rest.delete(`${row}/cells/log:x?timestamp=75`)).status).toBe(204);
    expectProblem(await rest.get(`${row}/cells/log:x?timestamp=75`), 404, "CELL_NOT_FOUND");
    expect((await rest.delete(`${row}/cells/log:x`)).status).toBe(204);
    expectProblem(await rest.get(row), 404, "ROW_NOT_FOUND");
  });

  test("deletes leave no marker: a later write with an older timestamp is visible", async () => {
    await rows.put({ "log:x": "new" });
    await rest.patch(row, { delete: ["log:x"], set: { "d:keep": "1" } });
    await rest.patch(row, { set: { "log:x": "old" }, timestamp: "5" });
    expect(await rows.columns("?columns=log")).toEqual({ "log:x": "old" });
    await rest.delete(row);
    await rows.put({ "log:x": "older" }, { timestamp: "1" });
    expect((await rows.cells())["log:x"]).toEqual([{ value: "older", timestamp: "1" }]);
  });

  test("PUT replaces the row with its history, PATCH keeps older versions", async () => {
    await rows.put({ "log:x": "1" });
    await rest.patch(row, { set: { "log:x": "2" } });
    expect((await rows.cells())["log:x"]).toHaveLength(2);
    await rows.put({ "log:x": "3" });
    expect((await rows.cells())["log:x"]).toHaveLength(1);
  });
});

describe("cells", () => {
  test("a cell is raw octets, of any type or none", async () => {
    const bytes = Buffer.from([0, 255, 10, 128]);
    const cell = `${row}/cells/d:raw`;
    const created = await rest.put(cell, bytes, { headers: { "content-type": "image/png" } });
    expect(created.status, created.text).toBe(201);
    expect(created.json()).toEqual({ key, version: versionOf(created) });
    const read = await rest.get(cell);
    expect(read.bytes).toEqual(bytes);
    expect(read.headers).toMatchObject({
      "content-type": "application/octet-stream",
      "x-content-type-options": "nosniff",
      "cache-control": "no-cache",
      etag: `"${versionOf(created)}"`,
      "stele-timestamp": versionOf(created),
    });
    expect((await rest.put(cell, "")).status).toBe(200);
    const empty = await rest.get(cell);
    expect([empty.status, empty.bytes.length]).toEqual([200, 0]);
    expect((await rest.put(`${row}/cells/d:other`, "x")).status).toBe(201);
    expect((await rest.delete(cell)).status).toBe(204);
    expect((await rest.delete(cell)).status).toBe(204);
    expectProblem(await rest.get(cell), 404, "CELL_NOT_FOUND");
    expectProblem(await rest.get(`${row}-none/cells/d:x`), 404, "CELL_NOT_FOUND");
    expectProblem(await rest.put(`${row}/cells/nope:x`, "x"), 422, "FAMILY_NOT_FOUND");
  });

  test("numbers read back as numbers in JSON and as 8 bytes raw", async () => {
    await rows.put({ "stats:n": { int64: "-2" }, "stats:raw": { b64: "AAAAAAAAAAc" } });
    const raw = await rest.get(`${row}/cells/stats:n`);
    expect(raw.bytes.readBigInt64BE()).toBe(-2n);
    expect(await rows.columns("?columns=stats:n")).toEqual({ "stats:n": { int64: "-2" } });
    const added = await rest.patch(row, {
      increment: { "stats:n": 44, "stats:raw": "3", "stats:new": "9007199254740993" },
    });
    expect(added.json()).toMatchObject({
      matched: true,
      columns: {
        "stats:n": { int64: "42" },
        "stats:raw": { int64: "10" },
        "stats:new": { int64: "9007199254740993" },
      },
    });
    const equals = { column: "stats:n", equals: { b64: "AAAAAAAAACo" } };
    const matched = await rest.patch(row, { if: equals, set: { "d:x": "1" } });
    expect(matched.json()).toMatchObject({ matched: true });
    expectProblem(await rest.patch(row, { increment: { "d:x": 1 } }), 422, "NOT_A_NUMBER");
    const max = "9223372036854775807";
    const over = await rest.patch(row, { increment: { "stats:n": max }, set: { "d:y": "1" } });
    expectProblem(over, 422, "INT64_OVERFLOW");
    expect(await rows.columns("?columns=d")).toEqual({ "d:x": "1" });
  });
});
