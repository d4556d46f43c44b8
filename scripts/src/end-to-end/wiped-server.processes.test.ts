// A tablet server that lost its disk comes back under its name and is rebuilt from its peers.
import { afterAll, beforeAll, expect, test } from "vitest";
import { TestCluster } from "../launch/test-cluster.ts";
import { serversOf, verifyTable, waitForVoters } from "./cluster-views.ts";
import type { Server } from "./cluster-views.ts";
import { Rest } from "./rest.ts";
import { complaintsOf } from "./server-logs.ts";
import { RowWriters } from "./row-writers.ts";

const TABLE = "ledger";
const KEYS = Array.from({ length: 24 }, (_, index) => `row-${String.fromCharCode(97 + index)}`);

let cluster: TestCluster;
let rest: Rest;

beforeAll(async () => {
  cluster = await TestCluster.start({
    tabletServers: 3,
    // The name of a server that lost its disk is free when it was silent for so long: the shortest there is.
    flags: { master: ["--server-silent-ms=1600"] },
  });
  rest = new Rest(cluster.url);
  const splitKeys = ["row-g", "row-m", "row-s"];
  const created = await rest.post("/tables", { name: TABLE, splitKeys });
  expect(created.status, created.text).toBe(201);
});

afterAll(async () => {
  await rest?.[Symbol.asyncDispose]();
  const complaints = cluster === undefined ? [] : complaintsOf(cluster);
  await cluster?.[Symbol.asyncDispose]();
  expect(complaints).toEqual([]);
});

async function serverNamed(name: string): Promise<Server | undefined> {
  return (await serversOf(rest)).find(({ id }) => id === name);
}

test("a wiped server returns under a new serverId and gets all its replicas again", async () => {
  const before = await serverNamed("ts2");
  expect(before).toMatchObject({ state: "live", replicas: 4 });
  // Rows that only the peers can give back: they are not written again.
  const fill = await rest.post(`/tables/${TABLE}/rows:batch`, {
    ops: KEYS.map((key) => ({ put: { key: `${key}-old`, columns: { "d:x": key.repeat(50) } } })),
  });
  expect(fill.status, fill.text).toBe(200);

  const writers = new RowWriters(rest, { table: TABLE, keys: KEYS });
  try {
    await cluster.waitFor(writers.eachTakes(10), { what: "writes go on" });
    await cluster.wipe("ts2");
    await cluster.restart("ts2");
    const after = await cluster.waitFor(
      async () => {
        const server = await serverNamed("ts2");
        return server?.serverId !== before?.serverId && server?.state === "live" && server;
      },
      { what: "ts2 is live with a new serverId" },
    );
    expect(after.serverId).toMatch(/^[0-9a-f]{8}-[0-9a-f-]{27}$/);
    // Only who has a replica's data can be compared: its former self cannot.
    await verifyTable(cluster, rest, { table: TABLE, voters: 3, firstTryMs: 800 });
    await waitForVoters(cluster, rest, { table: TABLE, voters: 3 });
    await cluster.waitFor(writers.eachTakes(10), { what: "writes go on" });
  } finally {
    await writers.stop();
  }
  expect(await writers.lost()).toEqual([]);

  expect(await verifyTable(cluster, rest, { table: TABLE, voters: 3 })).toBe(2 * KEYS.length);
  expect(await serverNamed("ts2")).toMatchObject({ replicas: 4 });
});

test("the rebuilt server carries its share: its peers can be lost one after the other", async () => {
  const writers = new RowWriters(rest, {
    table: TABLE,
    keys: KEYS.map((key) => `${key}-late`),
  });
  try {
    for (const peer of ["ts1", "ts3"]) {
      await cluster.kill(peer);
      await cluster.waitFor(writers.eachTakes(5), { what: `writes go on without ${peer}` });
      await cluster.restart(peer);
    }
  } finally {
    await writers.stop();
  }
  expect(await writers.lost()).toEqual([]);
  expect(await verifyTable(cluster, rest, { table: TABLE, voters: 3 })).toBe(3 * KEYS.length);
});
