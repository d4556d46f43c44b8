/** The store client over REST, against a real front-end: every operation of histories, and what is not certain. */
import { createServer as createHttpServer } from "node:http";
import { createServer } from "node:net";
import type { AddressInfo, Server } from "node:net";
import { once } from "node:events";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Expected, RowMutation, WriteOperation } from "../../check/history/row-operation.ts";
import { TestCluster } from "../../launch/test-cluster.ts";
import { RestStoreClient } from "./rest-client.ts";

const CALL = { patienceMs: 10_000 };
const ANYTHING: Expected = { kind: "anything" };
const TABLE = "t";
/** Bytes that are no UTF-8, and characters that URLs know. */
const ODD_KEY = "\xff\x00/..?%+ \xc3";

let cluster: TestCluster;
let client: RestStoreClient;
const faults: string[] = [];
const unexpected = (fault: string): void => void faults.push(fault);

beforeAll(async () => {
  cluster = await TestCluster.start({ tabletServers: 3 });
  client = new RestStoreClient([cluster.url], 0, unexpected);
  const options = { ...CALL, splitKeys: ["m", ODD_KEY], request: "create" };
  expect(await client.createTable(TABLE, options)).toEqual({ kind: "done" });
});

afterAll(async () => {
  await client?.[Symbol.asyncDispose]();
  await cluster?.[Symbol.asyncDispose]();
});

function write(
  key: string,
  mutations: readonly RowMutation[],
  expected = ANYTHING,
): WriteOperation {
  return { kind: "write", key, expected, test: null, mutations };
}

function set(column: string, value: string): RowMutation {
  return { kind: "set", column, value };
}

function get(key: string, columns: readonly string[] | null = null) {
  return client.get(TABLE, { kind: "get", key, columns }, CALL);
}

async function written(operation: WriteOperation, request: string | null = null) {
  const answer = await client.write(TABLE, operation, { ...CALL, request });
  if (answer?.kind !== "written") throw new Error(JSON.stringify(answer));
  return answer;
}

test("reads give what was written, under any key and column", async () => {
  const columns = new Map([
    ["d:", '"empty"'],
    ["d:a,b", '{"b64":"_wA"}'],
    ["d:n", '{"int64":"-7"}'],
  ]);
  const { version } = await written(
    write(
      ODD_KEY,
      [...columns].map(([column, value]) => set(column, value)),
    ),
  );
  expect(await get(ODD_KEY)).toEqual({ kind: "read", row: { version, columns } });
  expect(await get(ODD_KEY, ["d:a,b"])).toEqual({
    kind: "read",
    row: { version, columns: new Map([["d:a,b", '{"b64":"_wA"}']]) },
  });
  expect(await get("missing")).toEqual({ kind: "read", row: null });
});

test("many rows are read in one call, each as a read of its own", async () => {
  const keys = ["g1", "z1", ODD_KEY, "missing", "g1"];
  for (const key of keys.slice(0, 3))
    await written(write(key, [set("d:a", '"1"'), set("d:b,c", '"2"')]));
  for (const columns of [null, ["d:b,c"], ["d:none"]]) {
    const alone = [];
    for (const key of keys) alone.push(await get(key, columns));
    expect(alone).toMatchObject(keys.map(() => ({ kind: "read" })));
    expect(await client.getMany(TABLE, { keys, columns }, CALL)).toEqual(alone);
  }
  const refused = await client.getMany("none", { keys, columns: null }, CALL);
  const failed = { kind: "failed", code: "TABLE_NOT_FOUND", version: null };
  expect(refused).toEqual(keys.map(() => failed));
});

test("one patch deletes, sets, counts and appends, and tells the new values", async () => {
  await written(write("p", [set("d:old", '"x"'), set("d:log", '"a"')]));
  const answer = await written(
    write("p", [
      { kind: "delete", column: "d:old" },
      set("d:new", '"y"'),
      { kind: "increment", column: "d:n", amount: "5" },
      { kind: "append", column: "d:log", value: '"b"' },
    ]),
  );
  expect(answer.computed).toEqual(
    new Map([
      ["d:n", '{"int64":"5"}'],
      ["d:log", '"ab"'],
    ]),
  );
  const { row } = (await get("p")) as { row: { columns: ReadonlyMap<string, string> } };
  expect(row.columns).toEqual(
    new Map([
      ["d:log", '"ab"'],
      ["d:n", '{"int64":"5"}'],
      ["d:new", '"y"'],
    ]),
  );
});

test("a family is deleted with all its columns, before anything is set", async () => {
  await written(write("f", [set("d:a", '"1"'), set("d:b", '"2"'), set("e:a", '"3"')]));
  const family: RowMutation = { kind: "delete-family", family: "d" };
  await written(write("f", [{ kind: "delete", column: "e:a" }, family, set("d:c", '"4"')]));
  expect(await get("f")).toMatchObject({ row: { columns: new Map([["d:c", '"4"']]) } });
  await written(write("f", [set("e:a", '"5"')]));
  const [answer] = await client.writeMany(TABLE, [write("f", [family])], CALL);
  expect(answer).toMatchObject({ kind: "written", version: expect.any(Number) });
  expect(await get("f", ["e"])).toMatchObject({ row: { columns: new Map([["e:a", '"5"']]) } });
  expect(await written(write("f", [{ ...family, family: "e" }]))).toMatchObject({ version: null });
});

test("a row is replaced and deleted as a whole", async () => {
  await written(write("w", [set("d:a", '"1"'), set("d:b", '"2"')]));
  await written(write("w", [{ kind: "delete-row" }, set("d:c", '"3"')]));
  expect(await get("w")).toMatchObject({ row: { columns: new Map([["d:c", '"3"']]) } });
  expect(await written(write("w", [{ kind: "delete-row" }]))).toMatchObject({ version: null });
  expect(await get("w")).toEqual({ kind: "read", row: null });
});

test("a refused condition is a certain failure and tells the version", async () => {
  const { version } = await written(write("c", [set("d:a", '"1"')]));
  const refused = { kind: "failed", code: "VERSION_MISMATCH", version };
  const change = [set("d:a", '"2"')];
  const call = { ...CALL, request: null };
  expect(await client.write(TABLE, write("c", change, { kind: "no-row" }), call)).toEqual(refused);
  const other: Expected = { kind: "version", version: (version ?? 0) + 1 };
  expect(await client.write(TABLE, write("c", change, other), call)).toEqual(refused);
  await written(write("c", change, { kind: "version", version: version ?? 0 }));
});

test("a test that does not hold does nothing and says so", async () => {
  await written(write("t", [set("d:a", '"1"')]));
  const change = write("t", [set("d:a", '"2"')]);
  const unmatched = await written({ ...change, test: { column: "d:a", equals: null } });
  expect(unmatched.matched).toBe(false);
  const matched = await written({ ...change, test: { column: "d:a", equals: '"1"' } });
  expect(matched.matched).toBe(true);
});

test("a request that is repeated takes effect once", async () => {
  const count = write("i", [{ kind: "increment", column: "d:n", amount: "1" }]);
  const first = await written(count, "request-1");
  expect(await written(count, "request-1")).toEqual(first);
  expect((await written(count, "request-2")).computed).toEqual(new Map([["d:n", '{"int64":"2"}']]));
});

test("writes of a batch are answered one by one, in order", async () => {
  const answers = await client.writeMany(
    TABLE,
    [
      write("b1", [set("d:a", '"1"')]),
      write("b1", [set("d:a", '"2"')], { kind: "no-row" }),
      write("b1", [{ kind: "increment", column: "d:n", amount: "3" }]),
      write("b2", [{ kind: "delete-row" }, set("d:a", '"1"')], { kind: "no-row" }),
      write("b2", [{ kind: "delete-row" }]),
    ],
    CALL,
  );
  expect(answers).toMatchObject([
    { kind: "written", matched: true },
    { kind: "failed", code: "VERSION_MISMATCH", version: expect.any(Number) },
    { kind: "written", computed: new Map([["d:n", '{"int64":"3"}']]) },
    { kind: "written", version: expect.any(Number) },
    { kind: "written", version: null },
  ]);
});

test("scans show every row of their range, forward, in reverse and over many pages", async () => {
  const keys = Array.from({ length: 2_500 }, (_, at) => `s${String(at).padStart(5, "0")}`);
  for (let from = 0; from < keys.length; from += 500) {
    const writes = keys.slice(from, from + 500).map((key) => write(key, [set("d:k", `"${key}"`)]));
    const answers = await client.writeMany(TABLE, writes, CALL);
    expect(answers.every((answer) => answer?.kind === "written")).toBe(true);
  }
  const range = { kind: "scan", start: "s", end: "s02000", columns: null } as const;
  const forward = await client.scan(TABLE, { ...range, reverse: false }, CALL);
  const reverse = await client.scan(TABLE, { ...range, reverse: true }, CALL);
  if (forward?.kind !== "scanned" || reverse?.kind !== "scanned") throw new Error("no scan");
  expect(forward.rows.map(({ key }) => key)).toEqual(keys.slice(0, 2_000));
  expect(reverse.rows.map(({ key }) => key)).toEqual(keys.slice(0, 2_000).toReversed());
  expect([forward.resume, reverse.resume]).toEqual([null, null]);
  expect(forward.rows[7]?.columns).toEqual(new Map([["d:k", '"s00007"']]));
  const keysAlone = { ...CALL, shows: "keys" } as const;
  expect(await client.scan(TABLE, { ...range, reverse: false }, keysAlone)).toEqual({
    ...forward,
    rows: forward.rows.map(({ key, version }) => ({ key, version, columns: null })),
  });
});

test("tables are created and dropped once a request", async () => {
  const create = { ...CALL, splitKeys: [], request: "create-u" };
  const drop = { ...CALL, request: "drop-u" };
  expect(await client.createTable("u", create)).toEqual({ kind: "done" });
  expect(await client.createTable("u", create)).toEqual({ kind: "done" });
  const again = { ...create, request: "another" };
  expect(await client.createTable("u", again)).toEqual({ kind: "failed", code: "TABLE_EXISTS" });
  expect(await client.dropTable("u", drop)).toEqual({ kind: "done" });
  const missing = { kind: "get", key: "k", columns: null } as const;
  expect(await client.get("u", missing, CALL)).toMatchObject({ code: "TABLE_NOT_FOUND" });
});

test("a write that nobody answers is unknown, and one that found nobody failed", async () => {
  const deaf: Server = createServer((socket) => void socket.on("error", () => {}).resume());
  await once(deaf.listen(0, "127.0.0.1"), "listening");
  const { port } = deaf.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  await using other = new RestStoreClient([url, cluster.url], 0, unexpected);
  const call = { patienceMs: 200, request: null };
  const change = write("k", [set("d:a", '"1"')]);
  expect(await other.write(TABLE, change, call)).toBeNull();
  // It turned to the front-end that answers.
  expect(await other.write(TABLE, change, { ...CALL, request: null })).toMatchObject({
    kind: "written",
  });
  await new Promise((resolve) => deaf.close(resolve));
  await using alone = new RestStoreClient([url], 0, unexpected);
  const refused = await alone.write(TABLE, change, call);
  expect(refused).toEqual({ kind: "failed", code: "UNAVAILABLE", version: null });
  expect(faults).toEqual([]);
});

test("an answer that only a fault of the program gives is told", async () => {
  const internal = { status: 500, code: "INTERNAL", detail: "it threw", applied: "unknown" };
  const failedRow = { ...internal, key: "k" };
  const foreignRow = { key: "l", found: false };
  const bodies = [
    JSON.stringify(internal),
    JSON.stringify({ results: [internal] }),
    "{",
    JSON.stringify({ rows: [failedRow] }),
    JSON.stringify({ rows: [foreignRow] }),
  ];
  const faulty = createHttpServer((request, response) => {
    request.resume().on("end", () => {
      const isOfMany = /:(batch|get)/.test(request.url ?? "");
      response.writeHead(isOfMany ? 207 : 500).end(bodies.shift());
    });
  });
  await once(faulty.listen(0, "127.0.0.1"), "listening");
  const { port } = faulty.address() as AddressInfo;
  const told: string[] = [];
  const other = new RestStoreClient([`http://127.0.0.1:${port}`], 0, (fault) => told.push(fault));
  const change = write("k", [set("d:a", '"1"')]);
  expect(await other.write(TABLE, change, { ...CALL, request: null })).toBeNull();
  expect(await other.writeMany(TABLE, [change], CALL)).toEqual([null]);
  expect(await other.write(TABLE, change, { ...CALL, request: null })).toBeNull();
  const many = { keys: ["k"], columns: null };
  const failed = { kind: "failed", code: "INTERNAL", version: null };
  expect(await other.getMany(TABLE, many, CALL)).toEqual([failed]);
  await other.getMany(TABLE, many, CALL);
  expect(told).toEqual([
    expect.stringContaining("it threw"),
    expect.stringContaining("operation 0 of a batch"),
    expect.stringContaining("no JSON"),
    expect.stringContaining("row 0 of rows:get"),
    expect.stringContaining("other keys"),
  ]);
  await other[Symbol.asyncDispose]();
  await new Promise((resolve) => faulty.close(resolve));
});
