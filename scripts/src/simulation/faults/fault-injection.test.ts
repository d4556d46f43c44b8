import { SeededRandom } from "@stele/shared/random.ts";
import { Marks } from "@stele/shared/testing/marks.ts";
import { CALM_NETWORK } from "@stele/shared/rpc/testing/memory-network.ts";
import { beforeEach, expect, test } from "vitest";
import { drawFaults } from "./fault-plan.ts";
import { FaultInjection } from "./fault-injection.ts";
import type { Fault, FaultAction, FaultTarget, FaultTrigger } from "./fault.ts";
import { FabricatedCluster } from "./testing/fabricated-cluster.ts";

let cluster: FabricatedCluster;
let marks: Marks;
let injection: FaultInjection;

beforeEach(() => {
  cluster = new FabricatedCluster();
  marks = new Marks();
  injection = new FaultInjection(cluster, new SeededRandom(3), marks, () => undefined);
});

let lastId = 0;

function fault(
  atMs: number,
  target: string | FaultTarget,
  action: FaultAction,
  trigger: FaultTrigger = { kind: "at-once" },
): Fault {
  const aim: FaultTarget = typeof target === "string" ? { kind: "process", name: target } : target;
  return { id: ++lastId, atMs, target: aim, trigger, action };
}

function life(name: string): string[] {
  return cluster.process(name).life.slice(1);
}

const CRASH = { kind: "crash", what: "power", downMs: 300 } as const;

test("a crashed process comes back after its time, and a fault that finds it down does nothing", async () => {
  injection.begin([
    fault(100, "ts1", CRASH),
    fault(200, "ts1", CRASH),
    fault(250, "ts1", { kind: "pause", durationMs: 50 }),
  ]);
  await cluster.line.runFor(1_000);
  expect(life("ts1")).toEqual(["100 crash power", "400 start"]);
  expect(marks.of("fault: crash")).toBe(1);
  expect(marks.of("fault: pause")).toBe(0);
});

test("a crash strikes before the nth callback, the nth step of the disk, the nth acknowledgement", async () => {
  injection.begin([
    fault(1, "ts1", CRASH, { kind: "event", nth: 20 }),
    fault(1, "ts2", CRASH, { kind: "disk-step", step: "sync", nth: 2 }),
    fault(1, "ts3", CRASH, { kind: "acknowledgement", nth: 3 }),
  ]);
  await cluster.line.runFor(185);
  expect(life("ts1")).toEqual([]);
  const directory = cluster.process("ts2").disks.log.openDirectory();
  await cluster.line.until(directory.createDurably("a", Buffer.of(1)));
  expect(life("ts2")).toEqual([]);
  void directory.writeAndSync("a", 0, Buffer.of(2));
  await cluster.line.runFor(30);
  expect(life("ts1").length + life("ts2").length).toBe(2);
  injection.acknowledged();
  injection.acknowledged();
  expect(life("ts3")).toEqual([]);
  injection.acknowledged();
  expect(life("ts3")).toHaveLength(1);
  expect(marks.of("crash before a sync of the log")).toBe(1);
  expect(marks.of("crash between two callbacks")).toBe(1);
});

test("whoever is the first in an awaited state is struck a few callbacks later", async () => {
  const [leader] = cluster.group(1, ["ts2", "ts3", "ts4"]);
  const state = { kind: "state", state: "joint-config", nth: 2, patienceMs: 500 } as const;
  injection.begin([fault(0, { kind: "whoever" }, CRASH, state)]);
  await cluster.line.runFor(100);
  if (leader !== undefined) leader.raft.config.outgoing = leader.raft.config.voters;
  await cluster.line.runFor(50);
  expect(life("ts2")[0]).toMatch(/^1[12]\d crash power$/);
  expect(marks.of("leader crashed in a joint config")).toBe(1);
});

test("power that is lost everywhere at an acknowledgement takes every process", async () => {
  const action = { kind: "power-lost-everywhere", downMs: 100 } as const;
  injection.begin([fault(5, "ts1", action, { kind: "acknowledgement", nth: 1 })]);
  await cluster.line.runFor(10);
  injection.acknowledged();
  expect(cluster.processes.map(({ state }) => state)).toEqual(Array(8).fill("down"));
  expect(marks.of("power lost right after an acknowledgement")).toBe(1);
  await cluster.line.runFor(3_000);
  expect(cluster.processes.map(({ state }) => state)).toEqual(Array(8).fill("running"));
});

test("links that two cuts hold pass again when both are over", async () => {
  const cut = { kind: "cut", shape: "pair", from: ["ts1"], to: ["m1"], ways: "one" } as const;
  injection.begin([
    fault(0, "ts1", { ...cut, durationMs: 100 }),
    fault(50, "ts1", { kind: "isolated", ways: "both", durationMs: 100 }),
  ]);
  const blocked = (): boolean[] => [
    cluster.network.isBlocked("http://ts1", "http://m1"),
    cluster.network.isBlocked("http://m1", "http://ts1"),
  ];
  await cluster.line.runFor(20);
  expect(blocked()).toEqual([true, false]);
  await cluster.line.runFor(100);
  expect(blocked()).toEqual([true, true]);
  await cluster.line.runFor(100);
  expect(blocked()).toEqual([false, false]);
});

test("the network is as bad as the last fault that still lasts made it", async () => {
  const worse = (loss: number, durationMs: number): FaultAction => ({
    kind: "worse-network",
    faults: { ...CALM_NETWORK, loss },
    durationMs,
  });
  injection.begin([fault(0, "m1", worse(0.1, 300)), fault(100, "m1", worse(0.2, 100))]);
  const losses: number[] = [];
  for (let round = 0; round < 4; round++) {
    await cluster.line.runFor(round === 0 ? 50 : 100);
    losses.push(cluster.network.faults.loss);
  }
  expect(losses).toEqual([0.1, 0.2, 0.1, 0]);
});

test("a machine keeps its wall clock and its rate when its process starts again", async () => {
  injection.begin([
    fault(0, "m1", { kind: "wall-clock-jumps", byMs: 3_600_000 }),
    fault(0, "m1", { kind: "clock-drifts", rate: 1.05, durationMs: 10_000 }),
    fault(10, "m1", { kind: "crash", what: "process", downMs: 0 }),
  ]);
  await cluster.line.runFor(1_010);
  const { clock } = cluster.process("m1");
  expect(clock?.monotonicMs()).toBeCloseTo(10 + 1.05 * 1_000, 6);
  const aheadMicros = (clock?.wallMicros() ?? 0) - cluster.line.wallMicros();
  expect(aheadMicros / 3_600_000_000).toBeCloseTo(1, 3);
});

const WIPE = { kind: "disk-wiped", downMs: 100 } as const;

test("a server is wiped whose groups bear it", async () => {
  cluster.group(1, ["ts1", "ts2", "ts3"]);
  injection.begin([fault(0, "ts1", WIPE)]);
  await cluster.line.runFor(200);
  expect(life("ts1")).toEqual(["0 crash power", "0 wipe", "100 start"]);
});

test.each([
  ["another server's damage is not found yet", () => (cluster.process("ts4").tainted = true)],
  ["another voter is down", () => cluster.process("ts2").crash("process")],
  ["another voter is suspect", () => cluster.process("ts2").suspects.push({ replicaId: 11 })],
  ["another voter lost its disk", () => cluster.process("ts3").diskEpoch++],
  ["another voter waits for a snapshot", () => (replicaOf("ts2").machine = null)],
  ["another voter is in a later term", () => (replicaOf("ts2").raft.term = 6)],
  ["a newer config is known", () => (replicaOf("ts3").raft.configIndex = 2)],
  ["nobody leads", () => (replicaOf("ts1").raft.role = "follower")],
  ["the config is joint", () => replicaOf("ts1").raft.config.outgoing.push(...votersOf("ts1"))],
  ["the config is not committed", () => (replicaOf("ts1").raft.commit = 0)],
])("no server is wiped while %s", async (_, change) => {
  cluster.group(1, ["ts1", "ts2", "ts3"]);
  change();
  injection.begin([fault(0, "ts1", WIPE)]);
  await cluster.line.runFor(200);
  expect(life("ts1")).toEqual([]);
  expect(marks.of("fault: disk-wiped")).toBe(0);
});

test("a master hands over while its steps about a newcomer are late", async () => {
  const [catalogLeader] = cluster.group(0, ["m1", "m2", "m3"]);
  cluster.group(1, ["ts1", "ts2", "ts3"]);
  const { network } = cluster;
  const action = {
    kind: "masters-take-turns",
    byMs: 1_000,
    lateForMs: 50,
    durationMs: 5_000,
  } as const;
  injection.begin([fault(0, "ts3", action)]);
  await cluster.line.runFor(100);
  expect(life("ts3")).toEqual(["0 crash power", "0 wipe", "0 start"]);
  expect(network.delayMs("http://m1", "http://ts1")).toBeLessThan(1_000);

  const [newcomer] = cluster.group(1, ["ts4"]);
  if (newcomer !== undefined) [newcomer.machine, newcomer.raft.role] = [null, "follower"];
  await cluster.line.runFor(25);
  expect(network.delayMs("http://m1", "http://ts1")).toBeGreaterThan(1_000);
  expect(catalogLeader?.asked).toEqual([]);
  await cluster.line.runFor(50);
  expect(network.delayMs("http://m1", "http://ts1")).toBeLessThan(1_000);
  expect(new Set(catalogLeader?.asked)).toEqual(new Set([1]));
  expect(marks.of("master deposed in a replacement")).toBe(1);
});

test("what a front-end sends again passes before what it held back, and it is silent until that has come", async () => {
  const action = {
    kind: "strays-behind-answers",
    frontend: "fe1",
    heldMs: 50,
    answeredMs: 20,
    byMs: 200,
    durationMs: 1_000,
  } as const;
  injection.begin([fault(0, { kind: "whoever" }, action)]);
  const { network } = cluster;
  const way = (): string => {
    if (network.isBlocked("http://fe1", "http://ts1")) return "silent";
    return (network.delayMs("http://fe1", "http://ts1") ?? 0) > 100 ? "held" : "passes";
  };
  const ways: string[] = [];
  for (const afterMs of [25, 35, 20, 180, 20]) {
    await cluster.line.runFor(afterMs);
    ways.push(way());
  }
  expect(ways).toEqual(["held", "passes", "silent", "silent", "passes"]);
  await cluster.line.runFor(200);
  expect(way()).toBe("held");
  expect(network.delayMs("http://m1", "http://ts1")).toBeLessThan(100);
  await cluster.line.runFor(1_000);
  expect(way()).toBe("passes");
});

function replicaOf(name: string) {
  const [replica] = cluster.process(name).replicas;
  if (replica === undefined) throw new Error(`${name} has no replica`);
  return replica;
}

function votersOf(name: string) {
  return replicaOf(name).raft.config.voters;
}

test("bits flip in segments that are closed, and the server finds out when it starts", async () => {
  const { log } = cluster.process("ts1").disks;
  const flip = { kind: "bit-flipped-in-log", place: 13, bit: 2, crashAfterMs: 50 } as const;
  log.placeFile("segment-0000000001.log", Buffer.alloc(8192));
  injection.begin([fault(0, "ts1", flip), fault(10, "ts1", flip)]);
  await cluster.line.runFor(5);
  expect(marks.of("fault: bit-flipped-in-log")).toBe(0);
  log.placeFile("segment-0000000002.log", Buffer.alloc(8192));
  await cluster.line.runFor(10);
  expect(log.counters.flippedBits).toBe(1);
  expect(log.fileBytes("segment-0000000002.log").equals(Buffer.alloc(8192))).toBe(true);
  expect(cluster.process("ts1").tainted).toBe(true);
  await cluster.line.runFor(3_000);
  expect(life("ts1")[0]).toBe("60 crash process");
  expect(cluster.process("ts1").tainted).toBe(false);
});

test("healing ends whatever lasts, disarms what waits, and brings everybody up", async () => {
  for (let seed = 0; seed < 40; seed++) {
    cluster = new FabricatedCluster();
    cluster.group(0, ["m1", "m2", "m3"]);
    cluster.group(1, ["ts1", "ts2", "ts3"]);
    injection = new FaultInjection(cluster, new SeededRandom(seed), marks, () => undefined);
    const shape = {
      masters: ["m1", "m2", "m3"],
      tabletServers: ["ts1", "ts2", "ts3", "ts4"],
      frontends: ["fe1"],
      durationMs: 2_000,
    };
    // They need hosts and stores that are real.
    const kinds = new Set([
      "leadership-moved",
      "store-write-fails",
      "store-stalls",
      "creation-comes-late",
      "bit-flipped-in-store",
    ]);
    const faults = drawFaults(new SeededRandom(seed), shape);
    injection.begin(faults.filter(({ action }) => !kinds.has(action.kind)));
    await cluster.line.runFor(1_500);
    injection.heal();
    await cluster.line.runFor(100);
    for (let nth = 0; nth < 100; nth++) injection.acknowledged();
    await cluster.line.runFor(10_000);
    const { network, processes } = cluster;
    expect(network.faults).toEqual(CALM_NETWORK);
    for (const process of processes) {
      const tainted = process.role !== "frontend" && process.tainted;
      expect([process.name, process.state, tainted]).toEqual([process.name, "running", false]);
      const before = process.clock?.monotonicMs() ?? 0;
      await cluster.line.runFor(10);
      expect((process.clock?.monotonicMs() ?? 0) - before).toBeCloseTo(10, 6);
      for (const { url } of processes) expect(network.isBlocked(process.url, url)).toBe(false);
    }
  }
});
