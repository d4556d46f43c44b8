// Rows near the limits of the contract (section 1), larger than any frame between two processes.
import { afterAll, beforeAll, expect, test } from "vitest";
import { TestCluster } from "../launch/test-cluster.ts";
import { serversOf, verifyTable, waitForVoters } from "./cluster-views.ts";
import { expectProblem } from "./problem-check.ts";
import { linesOf, NDJSON, Rest } from "./rest.ts";
import type { Problem } from "./rest.ts";
import { complaintsOf } from "./server-logs.ts";

const TABLE = "archive";
const MIB = 1024 * 1024;
/** Three fit one body; all take three frames, and leave room for two cells of 10 MiB, not for three. */
const CELL_BYTES = 4_000_000;
const CELLS = 9;
const CELLS_PER_WRITE = 3;
const MEDIUM = ["m1", "m2", "m3"];

interface RowJson {
  readonly key: string;
  readonly found?: boolean;
  readonly columns: Readonly<Record<string, string>>;
}

let cluster: TestCluster;
let rest: Rest;

beforeAll(async () => {
  cluster = await TestCluster.start({
    tabletServers: 3,
    // The name of a server that lost its disk is free when it was silent for so long: the shortest there is.
    flags: { master: ["--server-silent-ms=1600"] },
  });
  rest = new Rest(cluster.url);
  const created = await rest.post("/tables", { name: TABLE });
  expect(created.status, created.text).toBe(201);
});

afterAll(async () => {
  await rest?.[Symbol.asyncDispose]();
  const complaints = cluster === undefined ? [] : complaintsOf(cluster);
  await cluster?.[Symbol.asyncDispose]();
  expect(complaints).toEqual([]);
});

/** Differs by cell, and from place to place. */
function textOf(cell: string): string {
  return Buffer.alloc(CELL_BYTES, `${cell} of a large row, `).toString();
}

const columnsOf = (row: RowJson): string[] => Object.keys(row.columns);

/** Compared by hand: a difference of 36 MB is nothing to print. */
function expectBig(row: RowJson): void {
  expect(columnsOf(row)).toEqual(Array.from({ length: CELLS }, (_, cell) => `d:c${cell}`));
  for (const [column, text] of Object.entries(row.columns)) {
    expect(text === textOf(column), column).toBe(true);
  }
}

test("a row grows step by step beyond a frame, and rows beside it", async () => {
  for (let first = 0; first < CELLS; first += CELLS_PER_WRITE) {
    const columns = Array.from({ length: CELLS_PER_WRITE }, (_, index) => `d:c${first + index}`);
    const set = Object.fromEntries(columns.map((column) => [column, textOf(column)]));
    const reply = await rest.patch(`/tables/${TABLE}/rows/big?timeout=15s`, { set });
    expect(reply.status, reply.text).toBe(200);
  }
  const puts = MEDIUM.map((key) =>
    rest.put(`/tables/${TABLE}/rows/${key}/cells/d:x?timeout=15s`, textOf(key)),
  );
  for (const reply of await Promise.all(puts)) expect(reply.status, reply.text).toBe(201);
  const small = await rest.put(`/tables/${TABLE}/rows/z`, { columns: { "d:x": "small" } });
  expect(small.status, small.text).toBe(201);
});

test("it is read whole, by column and by cell, while small reads go on", async () => {
  let isRead = false;
  const small = (async () => {
    let reads = 0;
    for (; !isRead; reads++) {
      expect((await rest.get(`/tables/${TABLE}/rows/z`)).status).toBe(200);
    }
    return reads;
  })();
  const whole = await rest.get(`/tables/${TABLE}/rows/big`);
  isRead = true;
  expect(whole.status).toBe(200);
  expectBig(whole.json<RowJson>());
  expect(await small).toBeGreaterThan(1);

  const some = await rest.get(`/tables/${TABLE}/rows/big?columns=d:c2,d:c7`);
  expect(columnsOf(some.json<RowJson>())).toEqual(["d:c2", "d:c7"]);
  for (const column of ["d:c0", "d:c7"]) {
    const cell = await rest.get(`/tables/${TABLE}/rows/big/cells/${column}`);
    expect(cell.status).toBe(200);
    expect(cell.bytes.equals(Buffer.from(textOf(column))), column).toBe(true);
  }
});

test("it is one of many rows of rows:get and of scans", async () => {
  const keys = ["z", "big", "none", ...MEDIUM];
  const listed = await rest.post(`/tables/${TABLE}/rows:get`, { keys });
  expect(listed.status).toBe(200);
  const { rows } = listed.json<{ rows: RowJson[] }>();
  expect(rows.map(({ key, found }) => `${key} ${found}`)).toEqual([
    "z true",
    "big true",
    "none false",
    ...MEDIUM.map((key) => `${key} true`),
  ]);
  expectBig(rows[1] as RowJson);

  const headers = { accept: NDJSON };
  const few = ["none", ...MEDIUM];
  const streamed = await rest.post(`/tables/${TABLE}/rows:get`, { keys: few }, { headers });
  const lines = linesOf<RowJson>(streamed);
  expect(lines.map(({ key }) => key)).toEqual([...few, undefined]);
  expect(lines.at(-1)).toMatchObject({ end: { rows: few.length } });

  const scanned = linesOf<RowJson>(await rest.get(`/tables/${TABLE}/rows`, { headers }));
  expect(scanned.map(({ key }) => key)).toEqual(["big", ...MEDIUM, "z", undefined]);
  expectBig(scanned[0] as RowJson);

  const found: string[] = [];
  let token = "";
  do {
    const query = token === "" ? "" : `&pageToken=${token}`;
    const page = await rest.get(`/tables/${TABLE}/rows?reverse=true${query}`);
    const body = page.json<{ rows: RowJson[]; nextPageToken?: string }>();
    found.push(...body.rows.map(({ key }) => key));
    token = body.nextPageToken ?? "";
  } while (token !== "");
  expect(found).toEqual(["z", ...MEDIUM.toReversed(), "big"]);
});

test("writes and answers that fit no request are refused, and change nothing", async () => {
  const before = await rest.head(`/tables/${TABLE}/rows/big`);
  const tooLong = await rest.put(
    `/tables/${TABLE}/rows/big/cells/d:c0`,
    Buffer.alloc(10 * MIB + 1),
  );
  expect([tooLong.status, tooLong.json<Problem>().code]).toEqual([413, "TOO_LARGE"]);
  // What is appended to is logged with its result: more than one entry of the log takes.
  const appended = await rest.patch(`/tables/${TABLE}/rows/big`, {
    append: { "d:c0": "x".repeat(3 * MIB), "d:c1": "x", "d:c2": "x", "d:c3": "x" },
  });
  expect([appended.status, appended.json<Problem>().code]).toEqual([413, "TOO_LARGE"]);
  const many = await rest.post(`/tables/${TABLE}/rows:get`, { keys: ["big", "big", ...MEDIUM] });
  expect([many.status, many.json<Problem>().code]).toEqual([413, "TOO_LARGE"]);
  const after = await rest.head(`/tables/${TABLE}/rows/big`);
  expect(after.headers.etag).toBe(before.headers.etag);
});

test("a server that lost its disk is rebuilt with it", async () => {
  const [before] = (await serversOf(rest)).filter(({ id }) => id === "ts2");
  await cluster.wipe("ts2");
  await cluster.restart("ts2");
  await cluster.waitFor(
    async () => {
      const [after] = (await serversOf(rest)).filter(({ id }) => id === "ts2");
      return after?.state === "live" && after.serverId !== before?.serverId;
    },
    { what: "ts2 is live with a new serverId" },
  );
  await waitForVoters(cluster, rest, { table: TABLE, voters: 3 });
  expect(await verifyTable(cluster, rest, { table: TABLE, voters: 3 })).toBe(2 + MEDIUM.length);
  const metrics = await (await fetch(`${cluster.process("ts2").url}/metrics`)).text();
  expect(Number(/^stele_snapshots_installed_total (\d+)$/m.exec(metrics)?.[1])).toBeGreaterThan(0);
});

test("a row may not pass 64 MiB, and is deleted like any other", async () => {
  const path = `/tables/${TABLE}/rows/big`;
  const value = Buffer.alloc(10 * MIB, "v");
  for (const column of ["d:x1", "d:x2"]) {
    const reply = await rest.put(`${path}/cells/${column}`, value);
    expect(reply.status, reply.text).toBe(201);
  }
  expectProblem(await rest.put(`${path}/cells/d:x3`, value), 422, "ROW_TOO_LARGE");
  const kept = await rest.get(`${path}?keysOnly=true`);
  expect(kept.status, kept.text).toBe(200);
  expect((await rest.delete(path)).status).toBe(204);
  expect(await verifyTable(cluster, rest, { table: TABLE, voters: 3 })).toBe(1 + MEDIUM.length);
});
