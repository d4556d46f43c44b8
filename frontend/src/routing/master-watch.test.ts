import { describe, expect, test } from "vitest";
import { DatabaseError } from "@stele/shared/errors.ts";
import { nextMacrotask } from "@stele/shared/testing/macrotask.adapter.ts";
import type { AddressEntry } from "@stele/shared/wire/address-entry.ts";
import { SeededRandom } from "@stele/shared/random.ts";
import { ChannelFailure } from "@stele/shared/rpc/channel-contract.ts";
import { SimulatedClock } from "@stele/shared/testing/simulated-clock.ts";
import type { MasterClient, RpcCalls } from "./master-client.ts";
import { MasterWatch } from "./master-watch.ts";
import { server } from "./testing/fake-tablet.ts";

interface Master {
  readonly name: string;
  leaderUrl: string | null;
  term: number;
}

function watch(masters: Record<string, Master | null>, expectTabletServers = 0) {
  const clock = new SimulatedClock(new SeededRandom(1), nextMacrotask);
  const state = { leader: null as string | null, servers: 0, learnt: new Set<string>() };
  const entryOf = (url: string, number: number): AddressEntry => ({
    serverId: server(number + 1),
    name: `m${number + 1}`,
    role: "master",
    url,
    announcedAtMicros: 1,
  });
  const urls = () => Object.keys(masters);
  const addresses = () => urls().map(entryOf);
  const call = async (url: string) => {
    const master = masters[url];
    if (master === null || master === undefined) {
      throw new ChannelFailure("refused", "no", "down");
    }
    const { name, leaderUrl, term } = master;
    const serverId = server(Number(name.slice(1)));
    return { serverId, name, url, leaderUrl, term, masters: addresses() };
  };
  const made = new MasterWatch({
    clock,
    rpc: { call } as unknown as RpcCalls,
    urls,
    addresses,
    masters: {
      call: async () => {
        if (state.servers < 0) throw new DatabaseError({ code: "UNAVAILABLE", detail: "none" });
        return { kind: "answer", result: Array.from({ length: state.servers }) };
      },
      learnLeader: (url) => (state.leader = url),
    } as Pick<MasterClient, "call" | "learnLeader"> as never,
    expectTabletServers,
    learnt: (entries) => entries.forEach(({ url }) => state.learnt.add(url)),
  });
  return { clock, state, watch: made, masters };
}

const master = (name: string, leaderUrl: string | null, term = 1): Master => ({
  name,
  leaderUrl,
  term,
});

describe("a front-end becomes ready", () => {
  test("when the masters have a leader and the expected tablet servers are registered", async () => {
    const cluster = watch({ a: null, b: null }, 3);
    cluster.watch.start();
    await cluster.clock.runFor(300);
    expect(cluster.watch.unreadyReason).toBe("no master answers");
    cluster.masters["a"] = master("m1", null);
    await cluster.clock.runFor(300);
    expect(cluster.watch.unreadyReason).toBe("the masters have no leader yet");
    cluster.masters["a"] = master("m1", "a");
    cluster.state.servers = 2;
    await cluster.clock.runFor(300);
    expect(cluster.watch.unreadyReason).toBe("2 of 3 tablet servers are registered");
    cluster.state.servers = 3;
    await cluster.clock.runFor(300);
    expect(cluster.watch.unreadyReason).toBeNull();
    expect(cluster.state.leader).toBe("a");
    expect([...cluster.state.learnt]).toEqual(["a", "b"]);
    cluster.watch.stop();
  });

  test("and stays ready without masters, following them when they are back", async () => {
    const cluster = watch({ a: master("m1", "a"), b: master("m2", "a") });
    cluster.watch.start();
    await cluster.clock.runFor(100);
    cluster.masters["a"] = null;
    cluster.masters["b"] = null;
    await cluster.clock.runFor(20_000);
    expect(cluster.watch.unreadyReason).toBeNull();
    cluster.masters["b"] = master("m2", "b", 2);
    await cluster.clock.runFor(6_000);
    expect(cluster.state.leader).toBe("b");
    cluster.watch.stop();
  });
});

test("the masters are shown as each answers, the leader by the highest term", async () => {
  const { watch: made } = watch({
    a: master("m1", "a", 3),
    b: master("m2", "b", 4),
    c: null,
  });
  expect(await made.views(1_000)).toMatchObject([
    { id: "m1", url: "a", role: "follower", term: 3 },
    { id: "m2", url: "b", role: "leader", term: 4 },
    { id: "m3", url: "c", role: "unreachable", term: null, serverId: server(3) },
  ]);
});
