// The masters are not on the data path, and whatever they were doing when they died is finished or
// never happened.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TestCluster } from "../launch/test-cluster.ts";
import { leadingMaster, tabletsOf, verifyTable } from "./cluster-views.ts";
import { expectProblem } from "./problem-check.ts";
import { Rest } from "./rest.ts";
import type { Reply } from "./rest.ts";
import { complaintsOf } from "./server-logs.ts";
import { RowWriters } from "./row-writers.ts";

const MASTERS = ["m1", "m2", "m3"];
const KEYS = ["a1", "a2", "h1", "h2", "q1", "q2", "x1", "x2"];
const SPLIT_KEYS = ["g", "n", "t"];
/** From before the masters can know of the call until after they must have answered it. */
const KILL_AFTER_MS = [0, 10, 25, 60];

let cluster: TestCluster;
let rest: Rest;

beforeAll(async () => {
  cluster = await TestCluster.start({ masters: 3, tabletServers: 3 });
  rest = new Rest(cluster.url);
});

afterAll(async () => {
  await rest?.[Symbol.asyncDispose]();
  const complaints = cluster === undefined ? [] : complaintsOf(cluster);
  await cluster?.[Symbol.asyncDispose]();
  expect(complaints).toEqual([]);
});

async function createTable(name: string, headers: Record<string, string> = {}): Promise<Reply> {
  const body = { name, splitKeys: SPLIT_KEYS };
  return rest.post("/tables?timeout=15s", body, { headers });
}

async function dropTable(name: string): Promise<Reply> {
  return rest.delete(`/tables/${name}?timeout=15s`);
}

/** Every part of the table takes a write and gives it back, and holds `rows` rows before. */
async function expectWhole(table: string, rows: number): Promise<void> {
  const count = await rest.post(`/tables/${table}/rows:count`, {});
  expect(count.json(), count.text).toEqual({ count: rows });
  const columns = { "d:x": "here" };
  const puts = KEYS.map((key) => rest.put(`/tables/${table}/rows/${key}`, { columns }));
  for (const put of await Promise.all(puts)) expect([200, 201], put.text).toContain(put.status);
  const got = await rest.post(`/tables/${table}/rows:get`, { keys: KEYS });
  expect(got.json(), got.text).toMatchObject({ rows: KEYS.map((key) => ({ key, columns })) });
  const tablets = await tabletsOf(rest, table);
  expect(tablets.map(({ start, end }) => [start, end])).toEqual([
    [null, "g"],
    ["g", "n"],
    ["n", "t"],
    ["t", null],
  ]);
}

describe("while all masters are dead", () => {
  const returning: Promise<void>[] = [];

  async function isHealthy(id: string): Promise<boolean> {
    return (await fetch(`${cluster.process(id).url}/healthz`)).ok;
  }

  test("reads and writes go on, also when each tablet server dies and returns", async () => {
    expect((await createTable("steady")).status).toBe(201);
    for (const key of KEYS) {
      await rest.put(`/tables/steady/rows/old-${key}`, { columns: { "d:x": key } });
    }
    const writers = new RowWriters(rest, { table: "steady", keys: KEYS });
    try {
      await cluster.waitFor(writers.eachTakes(10), { what: "writes go on" });
      await Promise.all(MASTERS.map((id) => cluster.kill(id)));
      await cluster.waitFor(writers.eachTakes(30), { what: "writes go on without masters" });
      for (const victim of ["ts1", "ts2", "ts3"]) {
        await cluster.kill(victim);
        // Reads of every part; those that were led from there have to elect first.
        for (const key of KEYS) {
          const reply = await rest.get(`/tables/steady/rows/old-${key}`);
          expect(reply.json(), reply.text).toMatchObject({ columns: { "d:x": key } });
        }
        await cluster.waitFor(writers.eachTakes(10), {
          what: `writes go on without masters and ${victim}`,
        });
        // It takes part at once, but tells that it is ready only when a master knows it.
        returning.push(cluster.restart(victim).catch(() => {}));
        await cluster.waitFor(async () => isHealthy(victim), { what: `${victim} is back` });
      }
    } finally {
      await writers.stop();
    }
    expect(await writers.lost()).toEqual([]);
  });

  test.concurrent("the front-end is ready, and the status says what is missing", async () => {
    expect((await rest.get("//readyz")).status).toBe(200);
    const reply = await rest.get("/status?timeout=1s");
    expect(reply.status, reply.text).toBe(200);
    const { status, reasons } = reply.json<{ status: string; reasons: { code: string }[] }>();
    expect(status).toMatch(/^(yellow|red)$/);
    expect(JSON.stringify(reasons)).toMatch(/master/i);
    expect(reasons[0]).toMatchObject({
      code: expect.stringMatching(/^[A-Z_]+$/),
      detail: expect.stringMatching(/./),
      next: expect.stringMatching(/./),
    });
  });

  test.concurrent("calls that need a master fail within their deadline and change nothing", async () => {
    const startedMs = performance.now();
    const [created, dropped, unknown] = await Promise.all([
      rest.post("/tables?timeout=1s", { name: "never" }),
      rest.delete("/tables/steady?timeout=1s"),
      rest.get("/tables/unknown/rows/x?timeout=1s"),
    ]);
    expect(performance.now() - startedMs).toBeLessThan(1000 + 1000);
    expect([503, 504], created.text).toContain(created.status);
    expectProblem(created, created.status, created.status === 503 ? "UNAVAILABLE" : "DEADLINE");
    expect([503, 504], dropped.text).toContain(dropped.status);
    // Nobody can say whether a table exists that no front-end knows.
    expectProblem(unknown, 503, "UNAVAILABLE");
    expect((await rest.get("/tables/steady/rows/old-a1")).status).toBe(200);
  });

  test("when they come back, tables can be created again", async () => {
    await Promise.all(MASTERS.map((id) => cluster.restart(id)));
    await Promise.all(returning);
    for (const { id } of cluster.processes) await cluster.waitUntilReady(id);
    const created = await createTable("afterwards");
    expect(created.status, created.text).toBe(201);
    await expectWhole("afterwards", 0);
    expect((await rest.get("/tables/never")).status).toBe(404);
    expect(await verifyTable(cluster, rest, { table: "steady", voters: 3 })).toBe(2 * KEYS.length);
    await cluster.waitFor(
      async () => (await rest.get("/status")).json<{ status: string }>().status === "green",
      { what: "the cluster is green again" },
    );
  });
});

describe("when the leading master is killed in the middle", () => {
  /** Kills the leading master so long after the calls were sent; resolves to their answers. */
  async function killDuring(
    calls: readonly (() => Promise<Reply>)[],
    afterMs: number,
  ): Promise<Reply[]> {
    const master = await leadingMaster(cluster, rest);
    const answers = Promise.all(calls.map((call) => call()));
    await sleep(afterMs);
    await cluster.kill(master);
    await cluster.restart(master);
    return answers;
  }

  async function expectCreatedOrNot(
    first: Reply,
    { name, headers }: { name: string; headers: Record<string, string> },
  ): Promise<void> {
    expect([201, 503, 504], first.text).toContain(first.status);
    // The retry joins what is under way, or starts it.
    const retry = await createTable(name, headers);
    expect(retry.status, retry.text).toBe(201);
    expectProblem(await createTable(name), 409, "TABLE_EXISTS");
    await expectWhole(name, 0);
    const { tables } = (await rest.get("/tables")).json<{ tables: { name: string }[] }>();
    expect(tables.filter((table) => table.name === name)).toHaveLength(1);
  }

  async function expectDroppedOrNot(first: Reply, name: string): Promise<void> {
    expect([204, 503, 504], first.text).toContain(first.status);
    if (first.status === 204) {
      expectProblem(await rest.get(`/tables/${name}/rows/a1`), 404, "TABLE_NOT_FOUND");
    } else {
      // Of unknown outcome, and perhaps still under way: the table is there whole, or it is not.
      const seen = await rest.get(`/tables/${name}`);
      if (seen.status !== 404) expect(seen.json(), seen.text).toMatchObject({ name, tablets: 4 });
    }
    const retry = await dropTable(name);
    expect([204, 404], retry.text).toContain(retry.status);
    expectProblem(await rest.get(`/tables/${name}`), 404, "TABLE_NOT_FOUND");
    expectProblem(await rest.get(`/tables/${name}/rows/a1`), 404, "TABLE_NOT_FOUND");
    // The name is free, and nothing of the old table shows.
    expect((await createTable(name)).status).toBe(201);
    await expectWhole(name, 0);
  }

  test.for(KILL_AFTER_MS)(
    "a table is created, or not at all, and another one dropped, or not at all (%i ms)",
    async (afterMs) => {
      const created = `created-${afterMs}`;
      const headers = { "idempotency-key": `create-${afterMs}` };
      const dropped = `dropped-${afterMs}`;
      expect((await createTable(dropped)).status).toBe(201);
      await expectWhole(dropped, 0);
      // What they ask for goes into the catalog one behind the other: let each be first.
      const create = (): Promise<Reply> => createTable(created, headers);
      const drop = (): Promise<Reply> => dropTable(dropped);
      const isCreateFirst = KILL_AFTER_MS.indexOf(afterMs) % 2 === 0;
      const calls = isCreateFirst ? [create, drop] : [drop, create];
      const answers = await killDuring(calls, afterMs);
      const [creation, removal] = isCreateFirst ? answers : answers.toReversed();
      await Promise.all([
        expectCreatedOrNot(creation as Reply, { name: created, headers }),
        expectDroppedOrNot(removal as Reply, dropped),
      ]);
    },
  );
});
