// No call outlives its deadline, whatever happens to the servers meanwhile.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { TestCluster } from "../launch/test-cluster.ts";
import { leaderOfRow, leadingMaster, verifyTable } from "./cluster-views.ts";
import { linesOf, NDJSON, Rest } from "./rest.ts";
import type { Problem, Reply } from "./rest.ts";
import { complaintsOf } from "./server-logs.ts";

const TABLE = "hurried";
const ROWS = `/tables/${TABLE}/rows`;
const KEYS = ["a", "h", "p", "w"];
/** For the answer's way back, on a machine that is busy with nine processes. */
const SLACK_MS = 600;
const TIMEOUTS_MS = [50, 300, 1000, 1800];
/** The shortest there is: the longest election. */
const SILENT_MS = 1_600;
/** Longer than the longest timeout, and than the masters wait for a silent server. */
const STOPPED_MS = 2_200;

let cluster: TestCluster;
let rest: Rest;

beforeAll(async () => {
  cluster = await TestCluster.start({
    masters: 3,
    tabletServers: 3,
    flags: { master: [`--server-silent-ms=${SILENT_MS}`] },
  });
  rest = new Rest(cluster.url);
  const created = await rest.post("/tables", { name: TABLE, splitKeys: ["g", "n", "t"] });
  expect(created.status, created.text).toBe(201);
});

afterAll(async () => {
  await rest?.[Symbol.asyncDispose]();
  const complaints = cluster === undefined ? [] : complaintsOf(cluster);
  await cluster?.[Symbol.asyncDispose]();
  expect(complaints).toEqual([]);
});

const columns = { "d:x": "1" };

/** Each takes the query with the timeout. */
const calls: readonly ((query: string, key: string) => Promise<Reply>)[] = [
  (query, key) => rest.get(`${ROWS}/${key}?${query}`),
  (query, key) => rest.put(`${ROWS}/${key}?${query}`, { columns }),
  (query, key) => rest.patch(`${ROWS}/${key}?${query}`, { increment: { "d:n": 1 } }),
  (query, key) => rest.delete(`${ROWS}/${key}-gone?${query}`),
  (query) => rest.get(`${ROWS}?${query}`),
  (query) => rest.get(`${ROWS}?${query}`, { headers: { accept: NDJSON } }),
  (query) => rest.post(`${ROWS}:count?${query}`, {}),
  (query) => rest.post(`${ROWS}:get?${query}`, { keys: KEYS }),
  (query) => {
    const ops = KEYS.map((key) => ({ put: { key, columns } }));
    return rest.post(`${ROWS}:batch?${query}`, { ops });
  },
  (query) => rest.get(`/tables/${TABLE}/tablets?${query}`),
  (query) => rest.get(`/status?${query}`),
];

const DUE_CODES = ["NO_QUORUM", "UNAVAILABLE", "DEADLINE", "THROTTLED"];

/** Everything that a call in trouble may be answered with, and nothing else. */
function faultOf(reply: Reply): string | null {
  if (reply.headers["content-type"]?.startsWith(NDJSON) === true) {
    const last = linesOf<{ end?: object; error?: Problem }>(reply).at(-1);
    if (last?.end !== undefined) return null;
    const { code } = last?.error ?? {};
    return code !== undefined && DUE_CODES.includes(code) ? null : `stream ended with ${code}`;
  }
  if (reply.status === 207 || reply.status < 300) return null;
  const { code, status, applied } = reply.json<Problem>();
  if (code === "ROW_NOT_FOUND") return null;
  if (!DUE_CODES.includes(code) || status !== reply.status) return reply.text;
  return applied === undefined || /^(no|unknown)$/.test(applied) ? null : reply.text;
}

/** Many calls with each timeout, until stopped; those that were late or answered wrongly. */
async function observe(stop: AbortSignal): Promise<{ faults: string[]; calls: number }> {
  const faults: string[] = [];
  let done = 0;
  const client = async (timeoutMs: number, index: number): Promise<void> => {
    for (let turn = index; !stop.aborted; turn++) {
      const call = calls[turn % calls.length];
      const key = KEYS[turn % KEYS.length] ?? "a";
      const startedMs = performance.now();
      const reply = await call?.(`timeout=${timeoutMs}ms`, key);
      const tookMs = performance.now() - startedMs;
      const name = `call ${turn % calls.length} with timeout ${timeoutMs} ms`;
      if (tookMs > timeoutMs + SLACK_MS) faults.push(`${name} took ${tookMs.toFixed(0)} ms`);
      const fault = reply === undefined ? "no call" : faultOf(reply);
      if (fault !== null) faults.push(`${name}: ${fault}`);
      done++;
      await sleep(5);
    }
  };
  const clients = TIMEOUTS_MS.flatMap((timeoutMs) =>
    [0, 3, 6, 9].map((index) => client(timeoutMs, index)),
  );
  await Promise.all(clients);
  return { faults, calls: done };
}

async function during(trouble: () => Promise<void>): Promise<void> {
  const stop = new AbortController();
  const observed = observe(stop.signal);
  try {
    await trouble();
  } finally {
    stop.abort();
  }
  const { faults, calls: count } = await observed;
  expect(faults).toEqual([]);
  expect(count).toBeGreaterThan(50);
}

test("while a leader is stopped and goes on", async () => {
  await rest.put(`${ROWS}/a`, { columns });
  await during(async () => {
    const leader = await leaderOfRow(rest, TABLE, "a");
    await cluster.kill(leader, "SIGSTOP");
    try {
      await sleep(STOPPED_MS);
    } finally {
      await cluster.kill(leader, "SIGCONT");
    }
    await sleep(500);
  });
});

test("while most tablet servers are stopped, then killed", async () => {
  await during(async () => {
    try {
      for (const id of ["ts1", "ts2"]) await cluster.kill(id, "SIGSTOP");
      await sleep(STOPPED_MS);
    } finally {
      for (const id of ["ts1", "ts2"]) await cluster.kill(id);
    }
    await sleep(500);
    await cluster.kill("ts3");
    await sleep(500);
    await Promise.all(["ts1", "ts2", "ts3"].map((id) => cluster.restart(id)));
  });
  await verifyTable(cluster, rest, { table: TABLE, voters: 3 });
});

test("while the masters are stopped: table calls end in time as well", async () => {
  const master = await leadingMaster(cluster, rest);
  const others = ["m1", "m2", "m3"].filter((id) => id !== master);
  await cluster.kill(master, "SIGSTOP");
  for (const id of others) await cluster.kill(id, "SIGSTOP");
  try {
    const slow: string[] = [];
    const timed = async (name: string, call: Promise<Reply>, timeoutMs: number): Promise<void> => {
      const startedMs = performance.now();
      const reply = await call;
      const tookMs = performance.now() - startedMs;
      if (tookMs > timeoutMs + SLACK_MS) slow.push(`${name} took ${tookMs.toFixed(0)} ms`);
      if (reply.status >= 400 && ![503, 504].includes(reply.status)) slow.push(reply.text);
    };
    await Promise.all([
      timed("create", rest.post("/tables?timeout=1s", { name: "late" }), 1000),
      timed("drop", rest.delete(`/tables/${TABLE}-none?timeout=1s`), 1000),
      timed("list", rest.get("/tables?timeout=1s"), 1000),
      timed("describe", rest.get("/tables/unheard?timeout=1s"), 1000),
      timed("row of unknown table", rest.get("/tables/unheard/rows/x?timeout=1s"), 1000),
      timed("servers", rest.get("/servers?timeout=1s"), 1000),
      timed("status", rest.get("/status?timeout=1s"), 1000),
      timed("row", rest.get(`${ROWS}/a?timeout=1s`), 1000),
    ]);
    expect(slow).toEqual([]);
  } finally {
    for (const id of ["m1", "m2", "m3"]) await cluster.kill(id, "SIGCONT");
  }
  await cluster.waitFor(async () => (await rest.get("/tables?timeout=2s")).status === 200, {
    what: "the masters go on",
  });
});
