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
import { Rest } from "./rest.ts";
import type { Problem } from "./rest.ts";
import { complaintsOf } from "./server-logs.ts";
import { Traffic } from "./traffic.ts";

const TABLE = "spread";
const SPLIT_KEYS = ["b", "c", "d", "e", "f", "g", "h", "i", "j"];
/** A key prefix inside each tablet, in order. */
const PREFIXES = ["a", ...SPLIT_KEYS];
const MEASURE_MS = 4000;
const TURNS = 4;
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
  await rest?.[Symbol.asyncDispose]();
  const complaints = cluster === undefined ? [] : complaintsOf(cluster);
  await cluster?.[Symbol.asyncDispose]();
  expect(complaints).toEqual([]);
});

/** The pair of servers without which the fewest tablets lose their quorum, but at least one does. */
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
    .filter(({ broken }) => broken.length > 0)
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

/** Asks for rows of the broken tablet, with pauses as the answers ask for them, until stopped. */
async function askBroken(key: string, client: number, stop: AbortSignal): Promise<Answer[]> {
  const answers: Answer[] = [];
  const path = `/tables/${TABLE}/rows/${key}-broken-${client}?timeout=${TIMEOUT_MS}ms`;
  for (let turn = 0; !stop.aborted; turn++) {
    const startedMs = performance.now();
    const isWrite = turn % 2 === 0;
    const body = { columns: { "d:x": String(turn) } };
    const reply = await (isWrite ? rest.put(path, body) : rest.get(path));
    const problem = expectProblem(reply, 503, "NO_QUORUM");
    if (isWrite) expect(problem.applied).toMatch(/^(no|unknown)$/);
    expect(problem.retryAfterMs, reply.text).toBeGreaterThan(0);
    expect(reply.headers["retry-after"]).toMatch(/^\d+$/);
    answers.push({ problem, tookMs: performance.now() - startedMs });
    await sleep(Math.min(problem.retryAfterMs ?? 100, 500));
  }
  return answers;
}

test("a tablet without quorum says so and does not slow the healthy ones; then it heals", async () => {
  const tablets = await tabletsOf(rest, TABLE);
  const damage = chooseDamage(tablets);
  const brokenIndex = damage.broken[0] ?? 0;
  const brokenKey = PREFIXES[brokenIndex] ?? "";
  const brokenId = tablets[brokenIndex]?.id ?? "";
  for (const key of PREFIXES) {
    const put = await rest.put(`/tables/${TABLE}/rows/${key}-kept`, { columns: { "d:x": key } });
    expect(put.status, put.text).toBe(201);
  }
  const options = { table: TABLE, keys: keysOf(damage.healthy), clients: 32 };
  const warm = new Traffic(rest, options);
  await warm.rate(2000);
  const before = await warm.rate(MEASURE_MS);
  await warm.stop();
  expect(warm.failures).toEqual([]);

  await cluster.kill(damage.killed);
  await cluster.kill(damage.stopped, "SIGSTOP");
  try {
    // The healthy tablets that were led from there need their successors first.
    for (const key of keysOf(damage.healthy)) {
      const reply = await rest.get(`/tables/${TABLE}/rows/${key}-kept?timeout=20s`);
      expect(reply.status, reply.text).toBe(200);
    }
    // In turns, so that whatever else the machine does meets both.
    const traffic = new Traffic(rest, options);
    const answers: Answer[] = [];
    let alone = 0;
    let beside = 0;
    for (let turn = 0; turn < TURNS; turn++) {
      alone += (await traffic.rate(MEASURE_MS / TURNS)) / TURNS;
      const stop = new AbortController();
      const asking = Array.from({ length: 8 }, (_, client) =>
        askBroken(brokenKey, client, stop.signal),
      );
      beside += (await traffic.rate(MEASURE_MS / TURNS)) / TURNS;
      stop.abort();
      answers.push(...(await Promise.all(asking)).flat());
    }
    await traffic.stop();
    expect(traffic.failures).toEqual([]);
    const rates = [before, alone, beside].map((rate) => rate.toFixed(0));
    console.log(`healthy calls/s: ${rates[0]} before, ${rates[1]} alone, ${rates[2]} beside`);
    expect(beside / before, "against before").toBeGreaterThanOrEqual(0.8);
    expect(beside / alone, "against healthy traffic alone").toBeGreaterThanOrEqual(0.8);

    expect(answers.length).toBeGreaterThan(8);
    expect(Math.max(...answers.map(({ tookMs }) => tookMs))).toBeLessThan(TIMEOUT_MS * 0.75);
    for (const { problem } of answers) expect(problem.detail).toContain(brokenId);

    const status = (await rest.get("/status")).json<{ status: string; reasons: unknown[] }>();
    expect(status.status).toMatch(/^(yellow|red)$/);
    expect(status.reasons).not.toEqual([]);
  } finally {
    await cluster.kill(damage.stopped, "SIGCONT");
  }
  // One of the two suffices for a majority.
  for (const key of PREFIXES) {
    const reply = await rest.get(`/tables/${TABLE}/rows/${key}-kept?timeout=20s`);
    expect(reply.json(), reply.text).toMatchObject({ columns: { "d:x": key } });
  }
  await cluster.restart(damage.killed);
  await waitForLeaders(cluster, rest, { table: TABLE });
  await verifyTable(cluster, rest, { table: TABLE, voters: 3 });
  await cluster.waitFor(
    async () => (await rest.get("/status")).json<{ status: string }>().status === "green",
    { what: "the cluster is green again" },
  );
});
