// A tablet leader that is stopped for seconds, and wakes up believing that it still leads.
//
// Two front-ends stay idle while it sleeps, so their maps still name it as the leader when it wakes.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { TestCluster } from "../launch/test-cluster.ts";
import { CompareAndSetChain } from "./compare-and-set-chain.ts";
import { leaderOfRow } from "./cluster-views.ts";
import { Rest } from "./rest.ts";
import { complaintsOf } from "./server-logs.ts";

/**
 * Longer than leases and elections, and than masters and front-ends wait for a silent server (3 s). Shorter than
 * channels wait for an answer (5 s): what was sent to it before lies in its sockets when it wakes.
 */
const PAUSE_MS = 3_500;
const TABLE = "pauses";
const COUNTER = `/tables/${TABLE}/rows/counter`;

let cluster: TestCluster;
/** Of fe1, which takes part all the time, and of fe2 and fe3, which sleep as long as the leader. */
let awake: Rest;
let idle: Rest[];

beforeAll(async () => {
  cluster = await TestCluster.start({ tabletServers: 3, frontends: 3 });
  awake = new Rest(cluster.process("fe1").url);
  idle = ["fe2", "fe3"].map((id) => new Rest(cluster.process(id).url));
  const created = await awake.post("/tables", { name: TABLE });
  expect(created.status, created.text).toBe(201);
});

afterAll(async () => {
  for (const rest of [awake, ...(idle ?? [])]) await rest?.[Symbol.asyncDispose]();
  const complaints = cluster === undefined ? [] : complaintsOf(cluster);
  await cluster?.[Symbol.asyncDispose]();
  expect(complaints).toEqual([]);
});

async function write(value: number): Promise<void> {
  const path = `${COUNTER}?timeout=15s`;
  const reply = await awake.put(path, { columns: { "d:n": String(value) } });
  expect(reply.status, reply.text).toBeLessThan(300);
}

async function read(rest: Rest): Promise<number> {
  const reply = await rest.get(COUNTER);
  expect(reply.status, reply.text).toBe(200);
  return Number(reply.json<{ columns: Record<string, string> }>().columns["d:n"]);
}

/** Reads again and again; each must see at least what was acknowledged before it began. */
async function readNothingOld(rest: Rest, acknowledged: () => number, times: number) {
  const old: string[] = [];
  for (let round = 0; round < times; round++) {
    const due = acknowledged();
    const value = await read(rest);
    if (value < due) old.push(`${rest.url} read ${value} after ${due} was acknowledged`);
  }
  return old;
}

test("a leader that was stopped never answers with what it knew before", async () => {
  let acknowledged = 0;
  const writeNext = async (): Promise<void> => {
    await write(acknowledged + 1);
    acknowledged++;
  };
  await writeNext();
  for (const rest of idle) expect(await read(rest)).toBe(1);
  const leader = await leaderOfRow(awake, TABLE, "counter");
  const chain = new CompareAndSetChain(awake, `/tables/${TABLE}/rows/chain`, 6);
  try {
    await cluster.waitFor(async () => chain.length > 20, { what: "the chain grows" });
    const stoppedAtMs = performance.now();
    await cluster.kill(leader, "SIGSTOP");
    await writeNext();
    expect(await leaderOfRow(awake, TABLE, "counter"), "a successor leads").not.toBe(leader);
    const before = chain.length;
    await cluster.waitFor(async () => chain.length > before + 20, { what: "the chain goes on" });
    for (let count = 0; count < 20; count++) await writeNext();
    await sleep(stoppedAtMs + PAUSE_MS - performance.now());

    // These lie in the stopped server's sockets when it wakes.
    const due = acknowledged;
    const early = idle.flatMap((rest) => Array.from({ length: 8 }, () => read(rest)));
    await sleep(20);
    await cluster.kill(leader, "SIGCONT");
    const atOnce = idle.flatMap((rest) =>
      Array.from({ length: 8 }, () => readNothingOld(rest, () => acknowledged, 50)),
    );
    for (let count = 0; count < 20; count++) await writeNext();
    expect((await Promise.all(early)).filter((value) => value < due)).toEqual([]);
    expect((await Promise.all(atOnce)).flat()).toEqual([]);
    expect(await readNothingOld(awake, () => acknowledged, 100)).toEqual([]);
  } finally {
    await cluster.kill(leader, "SIGCONT");
    await chain.stop();
  }
  await chain.expectLinear();
});

test("no successor answers with less than what a leader acknowledged before it was stopped", async () => {
  let acknowledged = await read(awake);
  for (let round = 0; round < 3; round++) {
    const leader = await leaderOfRow(awake, TABLE, "counter");
    // Writes are under way, at any stage, when the leader stops.
    const writing = (async () => {
      for (let count = 0; count < 40; count++) {
        await write(acknowledged + 1);
        acknowledged++;
      }
    })();
    await sleep(15 * (round + 1));
    await cluster.kill(leader, "SIGSTOP");
    try {
      const reads = idle.map((rest) => readNothingOld(rest, () => acknowledged, 30));
      expect((await Promise.all(reads)).flat()).toEqual([]);
      await writing;
    } finally {
      await cluster.kill(leader, "SIGCONT");
    }
    const reads = [awake, ...idle].map((rest) => readNothingOld(rest, () => acknowledged, 30));
    expect((await Promise.all(reads)).flat()).toEqual([]);
  }
});
