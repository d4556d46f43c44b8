/** Whole masters on a virtual clock: forming, table calls over failovers, heartbeats. */
import { assert, must } from "@stele/shared/assert.ts";
import { DatabaseError } from "@stele/shared/errors.ts";
import {
  clusterStatusRoute,
  createTableRoute,
  describeTableRoute,
  dropTableRoute,
  tableTabletsRoute,
} from "@stele/shared/wire/admin-calls.ts";
import { lookUpRoute } from "@stele/shared/wire/master-calls.ts";
import { describe, expect, test } from "vitest";
import { checkCatalog } from "./testing/check-catalog.ts";
import { ModelTabletServers } from "./testing/model-tablet-servers.ts";
import { SimulatedMasters } from "./testing/simulated-masters.ts";

const NAMES = ["ts1", "ts2", "ts3"];
const SAMPLE_MS = 20;

const newTable = (name: string, key: string | null, splitKeys: string[] = []) => ({
  name,
  families: { d: { maxVersions: 1 } },
  splitKeys: splitKeys.map((text) => Buffer.from(text)),
  replicas: null,
  deletionProtection: false,
  idempotencyKey: key,
});

async function startAll(masters: SimulatedMasters): Promise<void> {
  for (const at of masters.urls.keys()) {
    await masters.clock.until(masters.start(at, { bootstrap: true }));
  }
}

async function formed(seed: number, count = 3): Promise<SimulatedMasters> {
  const masters = new SimulatedMasters(seed, count);
  await startAll(masters);
  expect(await masters.clock.runUntil(() => masters.leader() !== null, 10_000)).toBe(true);
  return masters;
}

describe("masters form a cluster", () => {
  test("masters of one list form one cluster, and a lone master its own", async () => {
    for (const count of [1, 3, 5]) {
      const masters = await formed(count, count);
      await masters.clock.runFor(2_000);
      const ids = new Set(masters.directories.map(({ clusterId }) => clusterId));
      expect(ids.size).toBe(1);
      expect(ids.has(null)).toBe(false);
      expect(masters.at(0).host.statuses()[0]?.config.voters).toHaveLength(count);
      expect(masters.failures).toEqual([]);
    }
  });

  test("crashes at any moment never make two clusters, and forming goes on after them", async () => {
    for (let seed = 1; seed <= 40; seed++) {
      const masters = new SimulatedMasters(seed, 3);
      const { random } = masters;
      await startAll(masters);
      for (let crash = 0; crash < 4; crash++) {
        await masters.clock.runFor(random.below(120));
        const at = random.below(3);
        masters.crash(at);
        await masters.clock.runFor(random.below(100));
        await masters.clock.until(masters.start(at, { bootstrap: random.below(2) === 0 }));
      }
      const led = await masters.clock.runUntil(() => masters.leader() !== null, 20_000);
      expect(led, `seed ${seed} forms`).toBe(true);
      await masters.clock.runFor(3_000);
      const ids = new Set(masters.directories.map(({ clusterId }) => clusterId));
      expect([...ids], `seed ${seed}`).toEqual([masters.directories[0]?.clusterId]);
      expect(masters.failures).toEqual([]);
      expect([...masters.refusals]).toEqual([]);
    }
  });

  test("an empty master without --bootstrap refuses, and a wiped one may not join again", async () => {
    const masters = await formed(1);
    masters.wipe(1);
    await masters.clock.until(masters.start(1, { bootstrap: false }));
    expect(masters.refusals.get(1)).toContain("belongs to no cluster");
    masters.refusals.clear();
    await masters.clock.until(masters.start(1, { bootstrap: true }));
    await masters.clock.runFor(5_000);
    expect(masters.refusals.get(1)).toContain("belongs to cluster");
    expect(masters.leader()).not.toBeNull();
  });

  test("a master with a damaged catalog says so, and the status promises no replacement", async () => {
    const masters = await formed(4);
    const at = (masters.leaderAt() + 1) % 3;
    const { master, replica } = masters.at(at);
    expect(master.unreadyReason()).toBeNull();
    replica.group?.reportDamage("a record fails its checksum");
    await masters.clock.runFor(5_000);
    expect(master.unreadyReason()).toContain("copy of the catalog is damaged");
    const status = await masters.clock.until(masters.ask(clusterStatusRoute, {}, 5_000));
    assert(status?.kind === "answer", "an answer");
    const reason = status.result.reasons.find(({ code }) => code === "MASTER_UNREACHABLE");
    expect(reason?.detail).toContain(`master m${at + 1} `);
    expect(reason?.next).toContain("cannot join again yet");
    masters.crash(at);
    await masters.clock.until(masters.start(at, { bootstrap: false }));
    expect(masters.refusals.get(at)).toContain("damaged");
  });

  test("a former that was wiped after its proposal was accepted forms nothing", async () => {
    const masters = new SimulatedMasters(3, 3);
    for (const at of [0, 1]) await masters.clock.until(masters.start(at, { bootstrap: true }));
    // The third is there to accept, and is gone before it answers.
    await masters.clock.until(masters.start(2, { bootstrap: true }));
    await masters.clock.runUntil(() => masters.directories[1]?.forming?.proposal !== null, 5_000);
    masters.crash(2);
    masters.wipe(0);
    await masters.clock.until(masters.start(0, { bootstrap: true }));
    await masters.clock.until(masters.start(2, { bootstrap: true }));
    await masters.clock.runFor(10_000);
    const ids = new Set(masters.directories.map(({ clusterId }) => clusterId));
    ids.delete(null);
    expect(ids.size).toBeLessThanOrEqual(1);
    expect(masters.refusals.get(0)).toMatch(/another cluster|belongs to cluster/);
  });
});

describe("tables", () => {
  test("a create answers when every tablet has a leader; the name is free after a drop", async () => {
    const masters = await formed(7);
    new ModelTabletServers(masters, NAMES);
    await masters.clock.runFor(1_500);
    const create = newTable("users", null, ["g", "p"]);
    const made = await masters.clock.until(masters.ask(createTableRoute, create, 30_000));
    assert(made?.kind === "answer", "an answer");
    expect(made.result).toMatchObject({ name: "users", tablets: 3, replicas: 3 });
    const page = { table: "users", from: Buffer.from("h"), limit: 1 };
    const tablets = await masters.clock.until(masters.ask(tableTabletsRoute, page, 5_000));
    assert(tablets?.kind === "answer", "an answer");
    expect(tablets.result.nextStart).toEqual(Buffer.from("p"));
    expect(tablets.result.tablets[0]).toMatchObject({ id: "2", start: Buffer.from("g") });
    expect(NAMES).toContain(tablets.result.tablets[0]?.leader);
    const again = masters.ask(createTableRoute, create, 5_000);
    await expect(masters.clock.until(again)).rejects.toMatchObject({ code: "TABLE_EXISTS" });
    const drop = { table: "users", idempotencyKey: null };
    await masters.clock.until(masters.ask(dropTableRoute, drop, 30_000));
    const gone = masters.ask(describeTableRoute, { table: "users" }, 5_000);
    await expect(masters.clock.until(gone)).rejects.toMatchObject({ code: "TABLE_NOT_FOUND" });
    await masters.clock.until(masters.ask(createTableRoute, create, 30_000));
    await masters.clock.runFor(1_000);
    const status = await masters.clock.until(masters.ask(clusterStatusRoute, {}, 5_000));
    expect(status).toMatchObject({ kind: "answer", result: { status: "green" } });
    expect(masters.failures).toEqual([]);
  });

  test("a create outlives masters: sent again with its key it joins, whoever leads", async () => {
    for (let seed = 1; seed <= 15; seed++) {
      const masters = await formed(seed);
      new ModelTabletServers(masters, NAMES);
      await masters.clock.runFor(1_500);
      const create = newTable("users", "key-1", ["b", "c", "d", "e"]);
      const making = masters.ask(createTableRoute, create, 60_000);
      await masters.clock.runFor(masters.random.below(400));
      const killed = masters.leaderAt();
      if (killed >= 0) masters.crash(killed);
      const made = await masters.clock.until(making);
      expect(made, `seed ${seed}`).toMatchObject({ kind: "answer", result: { tablets: 5 } });
      if (killed >= 0) await masters.clock.until(masters.start(killed, { bootstrap: false }));
      await masters.clock.runFor(3_000);
      const applied = [...masters.running].map((running) => running?.replica.applied);
      for (const catalog of applied) {
        assert(catalog !== null && catalog !== undefined, "every master has the catalog");
        checkCatalog(catalog);
        expect([...catalog.tables()].map(({ name, state }) => `${name} ${state}`)).toEqual([
          "users ready",
        ]);
      }
      expect(masters.failures).toEqual([]);
    }
  });

  test("a hand-over that comes to nothing leaves a leading master that plans on", async () => {
    for (let seed = 1; seed <= 5; seed++) {
      const masters = await formed(seed);
      const servers = new ModelTabletServers(masters, NAMES);
      await masters.clock.runFor(2_000);
      const { net, replica, host } = must(masters.leader(), "a leader");
      const group = must(replica.group, "the catalog");
      const [successor] = group.status().followers;
      const { member } = must(successor, "a follower");
      const at = masters.directories.findIndex(({ serverId }) => serverId === member.serverId);
      const url = must(masters.urls[at], "its address");
      masters.network.block(net.url, url);
      const { term } = group.status();
      const creating = masters.ask(createTableRoute, newTable("t", "k", ["m"]), 20_000);
      // While the planner has work to propose.
      await masters.clock.runUntil(() => [...(replica.applied?.tables() ?? [])].length > 0, 5_000);
      group.transferLeadership(member.replicaId);
      await masters.clock.runFor(500);
      masters.network.unblockAll();
      expect(await masters.clock.until(creating), `seed ${seed}`).toMatchObject({
        result: { name: "t" },
      });
      expect(group.status().term, "it led on").toBe(term);
      expect(host.statuses()).toHaveLength(1);
      expect(servers.refusals.size).toBe(0);
    }
  });

  test("a create without servers enough says so; one that takes too long goes on", async () => {
    const masters = await formed(5);
    const early = masters.ask(createTableRoute, newTable("users", null), 30_000);
    const refused = await masters.clock.until(early).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: "NOT_ENOUGH_SERVERS" });
    const servers = new ModelTabletServers(masters, NAMES);
    await masters.clock.runFor(1_000);
    const calls = ["x", "y"].map((text) => newTable(text, `key-${text}`));
    const late = masters.ask(createTableRoute, calls[0] as never, 30);
    const outcome = await masters.clock.until(late).catch((error: unknown) => error);
    assert(outcome === null || outcome instanceof DatabaseError, "late");
    const joined = await masters.clock.until(
      masters.ask(createTableRoute, calls[0] as never, 20_000),
    );
    expect(joined).toMatchObject({ kind: "answer", result: { name: "x" } });
    expect(servers.refusals.size).toBe(0);
  });

  test("only the catalog's leader says that there is no table", async () => {
    const masters = await formed(9);
    const lookUp = { table: "none", key: null, neighbours: 0, leaderOnly: false };
    const answers = await Promise.all(
      masters.urls.map((_url, at) =>
        masters.clock.until(masters.askAt(at, lookUpRoute, lookUp, 2_000)),
      ),
    );
    const authoritative = answers.map((answer) => {
      assert(answer.kind === "no-table", "no table");
      return answer.authoritative;
    });
    expect(authoritative.filter(Boolean)).toHaveLength(1);
    expect(authoritative[masters.leaderAt()]).toBe(true);
  });
});

describe("tablet servers", () => {
  test("a lost server's replicas are made anew, and it takes its place back with its name", async () => {
    const masters = new SimulatedMasters(11, 1, shortLimits());
    await startAll(masters);
    const servers = new ModelTabletServers(masters, [...NAMES, "ts4"]);
    await masters.clock.runFor(1_500);
    const create = newTable("users", null, ["m"]);
    await masters.clock.until(masters.ask(createTableRoute, create, 30_000));
    servers.stop("ts1");
    servers.model.wipe("ts1");
    servers.start("ts1");
    await masters.clock.runFor(20_000);
    expect(servers.refusals.size).toBe(0);
    const catalog = masters.at(0).replica.applied;
    assert(catalog !== null, "a catalog");
    const present = servers.model.servers.get("ts1")?.serverId;
    expect(catalog.serverNamed("ts1")?.serverId).toBe(present);
    for (const { config } of catalog.tablets()) {
      const alive = config.voters.filter(({ serverId }) => servers.model.byId(serverId)?.alive);
      expect(alive).toHaveLength(3);
    }
    const status = await masters.clock.until(masters.ask(clusterStatusRoute, {}, 5_000));
    expect(status).toMatchObject({ kind: "answer", result: { status: "green", reasons: [] } });
  });

  test("a second server under a live server's name is refused", async () => {
    const masters = new SimulatedMasters(12, 1, shortLimits());
    await startAll(masters);
    const servers = new ModelTabletServers(masters, NAMES);
    await masters.clock.runFor(1_500);
    const impostor = new ModelTabletServers(masters, []);
    impostor.model.wipe("ts2");
    impostor.startAs("ts2", "http://elsewhere");
    await masters.clock.runFor(8_000);
    expect(impostor.refusals.get("ts2")).toContain("belongs to another tablet server");
    expect(servers.refusals.size).toBe(0);
  });

  test("a dead server turns the status yellow, a tablet without a leader red", async () => {
    const masters = new SimulatedMasters(13, 1, shortLimits());
    await startAll(masters);
    const servers = new ModelTabletServers(masters, NAMES);
    await masters.clock.runFor(1_500);
    await masters.clock.until(masters.ask(createTableRoute, newTable("users", null), 30_000));
    await masters.clock.runFor(1_000);
    const status = async (): Promise<unknown> => {
      const answer = await masters.clock.until(masters.ask(clusterStatusRoute, {}, 5_000));
      return answer?.kind === "answer"
        ? [answer.result.status, ...answer.result.reasons.map(({ code }) => code)]
        : answer;
    };
    expect(await status()).toEqual(["green"]);
    servers.stop("ts1");
    await masters.clock.runFor(2_000);
    expect(await status()).toEqual(["yellow", "TABLET_UNDER_REPLICATED", "SERVER_SILENT"]);
    servers.stop("ts2");
    await masters.clock.runFor(10_000);
    expect(await status()).toEqual([
      "red",
      "TABLET_WITHOUT_LEADER",
      "TABLET_UNDER_REPLICATED",
      "SERVER_GONE",
      "SERVER_GONE",
    ]);
  });

  test("another leading master is no trouble of any tablet", async () => {
    for (let seed = 1; seed <= 10; seed++) {
      const { masters } = await withTable(seed);
      masters.crash(masters.leaderAt());
      const found = await troublesWithin(masters, 8_000);
      expect(found, `seed ${seed}`).toEqual(["none"]);
    }
  });

  test("servers that die with the leading master are missed once they count as silent", async () => {
    const { masters, servers } = await withTable(21);
    const first = masters.leaderAt();
    masters.crash(first);
    servers.stop("ts1");
    expect(await troublesWithin(masters, 5_000)).toEqual(["none", "under-replicated"]);
    await masters.clock.until(masters.start(first, { bootstrap: true }));
    masters.crash(masters.leaderAt());
    servers.stop("ts2");
    expect(await troublesWithin(masters, 5_000)).toEqual(["none", "leaderless"]);
  });
});

async function withTable(
  seed: number,
): Promise<{ masters: SimulatedMasters; servers: ModelTabletServers }> {
  const masters = new SimulatedMasters(seed, 3, shortLimits());
  await startAll(masters);
  const servers = new ModelTabletServers(masters, NAMES);
  await masters.clock.runFor(1_500);
  const create = newTable("users", null, ["m"]);
  const made = await masters.clock.until(masters.ask(createTableRoute, create, 30_000));
  expect(made?.kind).toBe("answer");
  await masters.clock.runFor(1_000);
  return { masters, servers };
}

/** What the leading master, once there is one, found wrong with tablets, in the order first seen. */
async function troublesWithin(masters: SimulatedMasters, spanMs: number): Promise<string[]> {
  const found = new Set<string>();
  for (let ms = 0; ms < spanMs; ms += SAMPLE_MS) {
    await masters.clock.runFor(SAMPLE_MS);
    const state = masters.leader()?.replica.leader?.state;
    if (state === undefined) continue;
    const troubles = [...state.troubles.values()];
    if (troubles.some(({ leaderless }) => leaderless)) found.add("leaderless");
    else found.add(troubles.length > 0 ? "under-replicated" : "none");
  }
  return [...found];
}

function shortLimits() {
  const liveness = { serverSilentMs: 1_500, serverGoneMs: 5_000, stallMs: 1_000 };
  return { ...new SimulatedMasters(1, 1).limits, liveness };
}
