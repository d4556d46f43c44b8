// Tablets that lost most of their replicas: they say so, the others do not notice, and they heal.
//
// Five tablet servers, so that two can go. One is killed (connections are refused), the other one is
// stopped (connections hang): with the leader's own server alive, its proposals can never commit, which
// is what could hold up the healthy tablets of that server.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { TestCluster } from "../launch/test-cluster.ts";
import { tabletsOf, verifyTable, waitForLeaders } from "./cluster-views.ts";
import type { Tablet } from "./cluster-views.ts";
import { expectProblem } from "./problem-check.ts";
import { linesOf, NDJSON, Rest } from "./rest.ts";
import type { Problem } from "./rest.ts";
import { complaintsOf } from "./server-logs.ts";
import { Traffic } from "./traffic.ts";

const TABLE = "spread";
const SPLIT_KEYS = ["b", "c", "d", "e", "f", "g", "h", "i", "j"];
/** A key prefix inside each tablet, in order. */
const PREFIXES = ["a", ...SPLIT_KEYS];
/** Of its rate, by healthy traffic. */
const KEPT = 0.8;
const TURN_MS = 500;
const TURNS_MIN = 3;
const TURNS_MAX = 20;
const TIMEOUT_MS = 8000;

interface Damage {
  readonly killed: string;
  readonly stopped: string;
  /** Indices of tablets. */
  readonly broken: readonly number[];
  readonly healthy: readonly number[];
}

let cluster: TestCluster;
let rest: Rest;

beforeAll(async () => {
  cluster = await TestCluster.start({ masters: 1, tabletServers: 5 });
  rest = new Rest(cluster.url);
  const created = await rest.post("/tables", { name: TABLE, splitKeys: SPLIT_KEYS });
  expect(created.status, created.text).toBe(201);
});

afterAll(async () => {
  if (damage !== undefined) await cluster.kill(damage.stopped, "SIGCONT");
  await rest?.[Symbol.asyncDispose]();
  const complaints = cluster === undefined ? [] : complaintsOf(cluster);
  await cluster?.[Symbol.asyncDispose]();
  expect(complaints).toEqual([]);
});

/**
 * The pair of servers without which the fewest tablets lose their quorum, but at least one does, and
 * not the first: a scan finds healthy rows before it.
 */
function chooseDamage(tablets: readonly Tablet[]): Damage {
  const members = tablets.map(({ replicas }) => replicas.map(({ server }) => server));
  const servers = [...new Set(members.flat())].toSorted();
  const damages = servers.flatMap((killed, index) =>
    servers.slice(index + 1).map((stopped): Damage => {
      const lacks = (set: readonly string[]) => set.includes(killed) && set.includes(stopped);
      const all = tablets.map((_, tablet) => tablet);
      return {
        killed,
        stopped,
        broken: all.filter((tablet) => lacks(members[tablet] ?? [])),
        healthy: all.filter((tablet) => !lacks(members[tablet] ?? [])),
      };
    }),
  );
  const best = damages
    .filter(({ broken: [first = 0] }) => first > 0)
    .toSorted((a, b) => a.broken.length - b.broken.length)[0];
  if (best === undefined) throw new Error(`no two servers share a tablet: ${members}`);
  return best;
}

const keysOf = (tablets: readonly number[]): string[] =>
  tablets.map((tablet) => PREFIXES[tablet] ?? "");

interface Answer {
  readonly problem: Problem;
  readonly tookMs: number;
}

/** Asks for rows of a broken tablet, with pauses as the answers ask for them, until stopped. */
async function askBroken(client: number, stop: AbortSignal): Promise<Answer[]> {
  const answers: Answer[] = [];
  const tablet = damage.broken[client % damage.broken.length] ?? 0;
  const key = `${PREFIXES[tablet]}-broken-${client}`;
  const path = `/tables/${TABLE}/rows/${key}?timeout=${TIMEOUT_MS}ms`;
  for (let turn = 0; !stop.aborted; turn++) {
    const startedMs = performance.now();
    const isWrite = turn % 2 === 0;
    const body = { columns: { "d:x": String(turn) } };
    const reply = await (isWrite ? rest.put(path, body) : rest.get(path));
    const problem = expectProblem(reply, 503, "NO_QUORUM");
    if (isWrite) expect(problem.applied).toMatch(/^(no|unknown)$/);
    expect(problem.retryAfterMs, reply.text).toBeGreaterThan(0);
    expect(reply.headers["retry-after"]).toMatch(/^\d+$/);
    expect(problem.detail).toContain(tablets[tablet]?.id);
    answers.push({ problem, tookMs: performance.now() - startedMs });
    const pauseMs = Math.min(problem.retryAfterMs ?? 100, 500);
    await sleep(pauseMs, undefined, { signal: stop }).catch(() => {});
  }
  return answers;
}

let tablets: readonly Tablet[];
let damage: Damage;
/** Where a stream broke off. */
let rememberedToken: string;

test("a tablet without quorum says so and does not slow the healthy ones", async () => {
  tablets = await tabletsOf(rest, TABLE);
  damage = chooseDamage(tablets);
  for (const key of PREFIXES) {
    const put = await rest.put(`/tables/${TABLE}/rows/${key}-kept`, { columns: { "d:x": key } });
    expect(put.status, put.text).toBe(201);
  }
  const options = { table: TABLE, keys: keysOf(damage.healthy), clients: 32 };
  const warm = new Traffic(rest, options);
  await warm.rate(TURN_MS);
  const before = await warm.rate(2 * TURN_MS);
  await warm.stop();
  expect(warm.failures).toEqual([]);

  await cluster.kill(damage.killed);
  await cluster.kill(damage.stopped, "SIGSTOP");
  // The healthy tablets that were led from there need their successors first.
  for (const key of keysOf(damage.healthy)) {
    const reply = await rest.get(`/tables/${TABLE}/rows/${key}-kept?timeout=20s`);
    expect(reply.status, reply.text).toBe(200);
  }
  // In turns, so that whatever else the machine does meets both; more of them while that blurs it.
  const traffic = new Traffic(rest, options);
  const answers: Answer[] = [];
  let alone = 0;
  let beside = 0;
  let turns = 0;
  do {
    alone += await traffic.rate(TURN_MS);
    const stop = new AbortController();
    const asking = Array.from({ length: 8 }, (_, client) => askBroken(client, stop.signal));
    beside += await traffic.rate(TURN_MS);
    stop.abort();
    answers.push(...(await Promise.all(asking)).flat());
    turns++;
  } while (
    turns < TURNS_MIN ||
    (turns < TURNS_MAX && beside < KEPT * Math.max(alone, before * turns))
  );
  await traffic.stop();
  expect(traffic.failures).toEqual([]);
  const rates = [before, alone / turns, beside / turns].map((rate) => rate.toFixed(0));
  console.log(`healthy calls/s: ${rates[0]} before, ${rates[1]} alone, ${rates[2]} beside`);
  expect(beside / turns / before, "against before").toBeGreaterThanOrEqual(KEPT);
  expect(beside / alone, "against healthy traffic alone").toBeGreaterThanOrEqual(KEPT);

  expect(answers.length).toBeGreaterThan(8);
  expect(Math.max(...answers.map(({ tookMs }) => tookMs))).toBeLessThan(TIMEOUT_MS * 0.75);

  const status = (await rest.get("/status")).json<{ status: string; reasons: unknown[] }>();
  expect(status.status).toMatch(/^(yellow|red)$/);
  expect(status.reasons).not.toEqual([]);
});

test("calls over many rows give what the healthy tablets have, and name what is missing", async () => {
  const keys = PREFIXES.map((key) => `${key}-kept`);
  const isBroken = (index: number): boolean => damage.broken.includes(index);
  const path = `/tables/${TABLE}/rows`;
  const got = await rest.post(`${path}:get?timeout=5s`, { keys });
  expect(got.status, got.text).toBe(207);
  const rows = keys.map((key, index) =>
    isBroken(index) ? { key, status: 503, code: "NO_QUORUM" } : { key, found: true },
  );
  expect(got.json()).toMatchObject({ rows });

  const ops = keys.map((key) => ({ patch: { key, set: { "d:y": "1" } } }));
  const batch = await rest.post(`${path}:batch?timeout=5s`, { ops });
  expect(batch.status, batch.text).toBe(207);
  const results = keys.map((_, index) =>
    isBroken(index) ? { status: 503, code: "NO_QUORUM", retryable: true } : { status: 200 },
  );
  expect(batch.json()).toMatchObject({ results });

  // A stream gives the rows before the first broken tablet, says why it ends, and where to go on.
  const stream = await rest.get(`${path}?timeout=5s`, { headers: { accept: NDJSON } });
  const lines = linesOf<{ key?: string; error?: Problem & { nextPageToken?: string } }>(stream);
  expect(lines.at(-1)?.error, stream.text).toMatchObject({ status: 503, code: "NO_QUORUM" });
  const read = lines.flatMap(({ key }) => (key?.endsWith("-kept") ? [key] : []));
  expect(read).toEqual(keys.slice(0, damage.broken[0]));
  const token = lines.at(-1)?.error?.nextPageToken;
  expect(token).toMatch(/./);
  rememberedToken = encodeURIComponent(token ?? "");
});

test("it heals as soon as a majority is back", async () => {
  await cluster.kill(damage.stopped, "SIGCONT");
  for (const key of PREFIXES) {
    const reply = await cluster.waitFor(
      async () => {
        const read = await rest.get(`/tables/${TABLE}/rows/${key}-kept`);
        return read.status === 200 && read;
      },
      { what: `${key} is served again`, withinMs: 10_000 },
    );
    expect(reply.json(), reply.text).toMatchObject({ columns: { "d:x": key } });
  }
  const path = `/tables/${TABLE}/rows?pageToken=${rememberedToken}`;
  const streamed = await rest.get(path, { headers: { accept: NDJSON } });
  const keys = linesOf<{ key?: string }>(streamed).flatMap(({ key }) =>
    key === undefined ? [] : [key],
  );
  const kept = keys.filter((key) => key.endsWith("-kept"));
  expect(kept).toEqual(PREFIXES.slice(damage.broken[0]).map((key) => `${key}-kept`));

  await cluster.restart(damage.killed);
  await waitForLeaders(cluster, rest, { table: TABLE });
  await verifyTable(cluster, rest, { table: TABLE, voters: 3 });
  await cluster.waitFor(
    async () => (await rest.get("/status")).json<{ status: string }>().status === "green",
    { what: "the cluster is green again" },
  );
});
