import { describe, expect, test } from "vitest";
import { DatabaseError } from "@stele/shared/errors.ts";
import type { DatabaseErrorBody } from "@stele/shared/errors.ts";
import type { RowCall } from "@stele/shared/wire/row-calls.ts";
import type { RowReply } from "@stele/shared/wire/row-replies.ts";
import { server } from "./testing/fake-tablet.ts";
import type { FakeTablet } from "./testing/fake-tablet.ts";
import type { FakeTablets } from "./testing/fake-tablets.ts";
import { EVERYTHING, RoutingHarness, writeOf } from "./testing/routing-harness.ts";

function cluster(options?: ConstructorParameters<typeof RoutingHarness>[0]) {
  const harness = new RoutingHarness(options);
  const table = harness.tablets.createTable("t", []);
  const tablet = table.tablets[0] as FakeTablet;
  return { harness, tablets: harness.tablets, table, tablet };
}

async function errorOf(promise: Promise<unknown>): Promise<DatabaseErrorBody> {
  const error = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(DatabaseError);
  return (error as DatabaseError).body;
}

function create(harness: RoutingHarness, key: string) {
  return harness.settled(harness.rows.write("t", writeOf(key, true), harness.limits()));
}

/** What each write said of strays to the tablet, from the given call on. */
function toldOfStrays({ received }: FakeTablets, from: number): boolean[] {
  const calls = received.slice(from).map(({ call }) => call);
  return calls.flatMap((call) => (call.kind === "write" ? [call.hasStrays] : []));
}

/** The answer of the first server, which does not lead any more. */
function notLeader(tablets: FakeTablets, call: RowCall, applied: "no" | "unknown"): RowReply {
  const reply = tablets.serve(server(1), call);
  return reply.kind === "not-leader" ? { ...reply, applied } : reply;
}

describe("a call finds the leader", () => {
  test("by the map, with one call, and tells who served", async () => {
    const { harness, tablets, table } = cluster();
    tablets.put(table, "a");
    const { row, servedBy } = await harness.read("t", "a");
    expect(row?.key.toString()).toBe("a");
    expect(servedBy).toMatchObject({ server: "ts1", role: "leader", tablet: 1, generation: 1 });
    expect((await harness.read("t", "b")).row).toBeNull();
    expect(tablets.received).toHaveLength(2);
    expect(tablets.lookUps).toHaveLength(1);
  });

  test("in one hop when a follower names it", async () => {
    const { harness, tablets, tablet } = cluster();
    await harness.read("t", "a");
    tablet.leader = server(3);
    const { servedBy } = await harness.read("t", "a");
    expect(servedBy.server).toBe("ts3");
    expect(tablets.received).toHaveLength(3);
    await harness.read("t", "a");
    expect(tablets.received).toHaveLength(4);
    expect(tablets.lookUps).toHaveLength(1);
  });

  test("among the replicas when its server is down and another was elected", async () => {
    const { harness, tablets, tablet } = cluster();
    await harness.write("t", "a");
    tablets.states.set(server(1), "down");
    tablet.leader = server(2);
    expect((await harness.write("t", "a")).servedBy.server).toBe("ts2");
    expect(tablets.effects).toHaveLength(2);
  });

  test("once it is elected, by one search for all that wait", async () => {
    const { harness, tablets, tablet } = cluster();
    await harness.read("t", "a");
    tablet.leader = null;
    const before = tablets.received.length;
    const waiting = Array.from({ length: 100 }, () =>
      harness.rows.read("t", Buffer.from("a"), EVERYTHING, harness.limits()),
    );
    await harness.clock.runFor(1_500);
    tablet.leader = server(2);
    const results = await harness.settled(Promise.all(waiting));
    expect(new Set(results.map(({ servedBy }) => servedBy.server))).toEqual(new Set(["ts2"]));
    // 100 first attempts, 100 last ones, and a few rounds of three.
    expect(tablets.received.length - before).toBeLessThan(200 + 3 * 20);
  });

  test("when the leader freezes and the others elect one of them", async () => {
    const { harness, tablets, tablet } = cluster();
    await harness.write("t", "a");
    tablets.states.set(server(1), "frozen");
    const writing = harness.rows.write("t", writeOf("b"), harness.limits());
    await harness.clock.runFor(800);
    tablet.leader = server(2);
    const startMs = harness.clock.monotonicMs();
    const { servedBy } = await harness.settled(writing);
    expect(servedBy.server).toBe("ts2");
    expect(harness.clock.monotonicMs() - startMs).toBeLessThan(1_000);
    expect(tablets.effects.map(({ key }) => key)).toEqual(["a", "b"]);
  });

  test("with the masters' help when the tablet has moved to servers it never knew", async () => {
    const { harness, tablets, tablet } = cluster({ servers: 6 });
    await harness.write("t", "a");
    tablet.servers = [server(4), server(5), server(6)];
    tablet.leader = server(5);
    tablet.configIndex = 9;
    expect((await harness.write("t", "b")).servedBy.server).toBe("ts5");
    expect(tablets.lookUps).toHaveLength(2);
  });

  test("and leaves a slow leader alone while the others follow it", async () => {
    const { harness, tablets } = cluster();
    await harness.read("t", "a");
    tablets.latencyMs = (host) => (host === server(1) ? 1_500 : 1);
    const before = tablets.received.length;
    const { servedBy } = await harness.read("t", "a");
    expect(servedBy.server).toBe("ts1");
    const asked = tablets.received.slice(before).map((each) => each.server);
    expect(asked.filter((each) => each === server(1))).toHaveLength(1);
    expect(asked.length).toBeGreaterThan(1);
  });
});

describe("a write takes effect once", () => {
  test("when the reply is lost and it is sent again under its number", async () => {
    const { harness, tablets } = cluster();
    await harness.read("t", "a");
    tablets.fates.push("cut");
    await harness.write("t", "a");
    expect(tablets.effects).toHaveLength(1);
    const seqs = tablets.received.flatMap(({ call }) =>
      call.kind === "write" ? call.writes.map(({ seq }) => seq) : [],
    );
    expect(seqs).toEqual([1, 1]);
  });

  test("when the request was lost with its connection", async () => {
    const { harness, tablets } = cluster();
    await harness.read("t", "a");
    tablets.fates.push("lost");
    await harness.write("t", "a");
    expect(tablets.effects).toHaveLength(1);
  });

  test("when its silent leader was replaced, for the next one is told that an attempt may stray", async () => {
    const { harness, tablets, tablet } = cluster();
    await harness.write("t", "a");
    tablets.states.set(server(1), "frozen");
    tablet.leader = server(2);
    const before = tablets.received.length;
    await harness.write("t", "a");
    expect(toldOfStrays(tablets, before)).toEqual([true]);
  });

  test("and later calls say that its number is done", async () => {
    const { harness, tablets } = cluster();
    await harness.write("t", "a");
    await harness.write("t", "b");
    const calls = tablets.received.map(({ call }) => call);
    expect(calls.map((call) => call.kind === "write" && call.doneBelow)).toEqual([1, 2]);
  });
});

describe("a request during which servers crash", () => {
  test("is given up before it has crashed them again and again", async () => {
    const { harness, tablets } = cluster({ servers: 5 });
    await harness.write("t", "a");
    tablets.poison = (call) => call.kind === "write" || call.kind === "scan";
    const before = tablets.received.length;
    const error = await errorOf(harness.write("t", "a", 60_000));
    expect(error).toMatchObject({ code: "UNAVAILABLE", applied: "unknown" });
    const writes = tablets.received.slice(before).filter(({ call }) => call.kind === "write");
    expect(writes).toHaveLength(3);
  });

  test("is tried again when it was another's fault", async () => {
    const { harness, tablets } = cluster();
    await harness.write("t", "a");
    let crashes = 0;
    tablets.poison = (call) => call.kind === "write" && ++crashes <= 2;
    expect((await harness.write("t", "b")).result.createdRow).toBe(true);
    expect(tablets.effects.map(({ key }) => key)).toEqual(["a", "b"]);
  });
});

describe("what a failed write says of its effect", () => {
  test("unknown, when the deadline passes behind a call that was sent", async () => {
    const { harness, tablets } = cluster();
    await harness.read("t", "a");
    for (const each of [1, 2, 3]) tablets.states.set(server(each), "frozen");
    const error = await errorOf(harness.write("t", "a", 2_000));
    expect(error).toMatchObject({ code: "DEADLINE", applied: "unknown" });
  });

  test("no, when every server refused the connection", async () => {
    const { harness, tablets } = cluster();
    await harness.read("t", "a");
    for (const each of [1, 2, 3]) tablets.states.set(server(each), "down");
    const error = await errorOf(harness.write("t", "a"));
    expect(error).toMatchObject({ code: "NO_QUORUM", applied: "no" });
  });

  test("no, when a leader that stepped down had not proposed it, unknown when it had", async () => {
    for (const applied of ["no", "unknown"] as const) {
      const { harness, tablets, tablet } = cluster();
      await harness.read("t", "a");
      tablet.leader = null;
      tablets.fates.push((call) => notLeader(tablets, call, applied));
      const error = await errorOf(harness.write("t", "a"));
      expect(error).toMatchObject({ code: "NO_QUORUM", applied });
    }
  });

  test("as the tablet says, when it refused the first attempt", async () => {
    const { harness, tablets } = cluster();
    await harness.read("t", "a");
    const throttled = {
      code: "THROTTLED",
      detail: "full",
      applied: "no",
      retryAfterMs: 100,
    } as const;
    tablets.fates.push({ kind: "failed", error: throttled });
    expect(await errorOf(harness.write("t", "a"))).toEqual(throttled);
  });

  test("unknown, when an overloaded tablet refuses what an earlier attempt may have done", async () => {
    const { harness, tablets, tablet } = cluster();
    await harness.read("t", "a");
    const throttled = { code: "THROTTLED", detail: "full", applied: "no" } as const;
    tablets.fates.push((call) => {
      // It lost the leadership while the write was on its way through the log.
      tablet.leader = server(2);
      tablets.fates.push({ kind: "failed", error: throttled });
      return notLeader(tablets, call, "unknown");
    });
    const error = await errorOf(harness.write("t", "a"));
    expect(error).toMatchObject({ code: "THROTTLED", applied: "unknown" });
  });

  test("no, when the next leader judged it after the first one stepped down", async () => {
    const { harness, table, tablets, tablet } = cluster();
    await harness.read("t", "a");
    tablets.put(table, "a");
    tablets.fates.push((call) => {
      tablet.leader = server(2);
      return notLeader(tablets, call, "unknown");
    });
    expect(await errorOf(create(harness, "a"))).toMatchObject({
      code: "ROW_EXISTS",
      applied: "no",
    });
  });

  test("no, when it was refused by a tablet that was told of an attempt without an answer", async () => {
    const { harness, table, tablets } = cluster();
    await harness.read("t", "a");
    tablets.put(table, "a");
    tablets.fates.push("cut");
    const before = tablets.received.length;
    expect(await errorOf(create(harness, "a"))).toMatchObject({
      code: "ROW_EXISTS",
      applied: "no",
    });
    expect(toldOfStrays(tablets, before)).toEqual([false, true]);
  });
});

describe("a tablet without a quorum", () => {
  test("fails calls after three seconds, later ones at once, and serves again soon after it is back", async () => {
    const { harness, tablets, tablet } = cluster();
    await harness.read("t", "a");
    tablet.leader = null;
    tablets.states.set(server(1), "down");
    const startMs = harness.clock.monotonicMs();
    const error = await errorOf(harness.write("t", "a"));
    expect(error).toMatchObject({ code: "NO_QUORUM", applied: "no", retryAfterMs: 1000 });
    expect(error.detail).toMatch(
      /Tablet 1 of table "t" .*ts1 does not answer.*ts2 knows no leader/,
    );
    expect(harness.clock.monotonicMs() - startMs).toBeGreaterThanOrEqual(3_000);
    expect(harness.clock.monotonicMs() - startMs).toBeLessThan(4_000);
    const againMs = harness.clock.monotonicMs();
    expect((await errorOf(harness.write("t", "a"))).applied).toBe("no");
    expect((await errorOf(harness.read("t", "a"))).code).toBe("NO_QUORUM");
    expect(harness.clock.monotonicMs() - againMs).toBeLessThan(25);
    tablet.leader = server(3);
    await harness.clock.runFor(500);
    expect((await harness.read("t", "a")).servedBy.server).toBe("ts3");
  });

  test("is not watched for ever", async () => {
    const { harness, tablets, tablet } = cluster();
    await harness.read("t", "a");
    tablet.leader = null;
    await errorOf(harness.read("t", "a"));
    await harness.clock.runFor(70_000);
    const before = tablets.received.length;
    await harness.clock.runFor(10_000);
    expect(tablets.received).toHaveLength(before);
    tablet.leader = server(2);
    expect((await harness.read("t", "a")).servedBy.server).toBe("ts2");
  });

  test("does not keep the calls of other tablets", async () => {
    const harness = new RoutingHarness();
    const table = harness.tablets.createTable("t", ["m"]);
    (table.tablets[0] as FakeTablet).leader = null;
    const stuck = errorOf(harness.rows.read("t", Buffer.from("a"), EVERYTHING, harness.limits()));
    await harness.clock.runFor(100);
    const startMs = harness.clock.monotonicMs();
    await harness.read("t", "z");
    expect(harness.clock.monotonicMs() - startMs).toBeLessThan(5);
    expect((await harness.settled(stuck)).code).toBe("NO_QUORUM");
  });

  test("has the time of an election once a majority of its replicas answers again", async () => {
    const { harness, tablets, tablet } = cluster();
    await harness.read("t", "a");
    tablet.leader = null;
    for (const each of [1, 2]) tablets.states.set(server(each), "frozen");
    expect((await errorOf(harness.read("t", "a"))).code).toBe("NO_QUORUM");
    await harness.clock.runFor(20_000);
    const startMs = harness.clock.monotonicMs();
    expect((await errorOf(harness.read("t", "a"))).code).toBe("NO_QUORUM");
    expect(harness.clock.monotonicMs() - startMs).toBeLessThanOrEqual(250);
    tablets.states.set(server(2), "up");
    harness.clock.after(3_000, () => (tablet.leader = server(2)));
    // What was asked of the frozen server is lost here; it answers the next question.
    await harness.clock.runFor(1_300);
    expect((await harness.read("t", "a")).servedBy.server).toBe("ts2");
  });

  test("that is back is noticed by the first call that comes", async () => {
    const { harness, tablets, tablet } = cluster();
    await harness.read("t", "a");
    for (const each of [1, 2, 3]) tablets.states.set(server(each), "down");
    await errorOf(harness.read("t", "a"));
    await harness.clock.runFor(5_000);
    for (const each of [1, 2, 3]) tablets.states.set(server(each), "up");
    tablet.leader = null;
    harness.clock.after(1_500, () => (tablet.leader = server(3)));
    expect((await harness.read("t", "a")).servedBy.server).toBe("ts3");
  });
});

describe("a tablet that changed", () => {
  test("is routed by the descriptors in the answer, without a master", async () => {
    const { harness, tablets, table, tablet } = cluster();
    await harness.read("t", "a");
    const right = tablets.split(tablet, Buffer.from("m"));
    right.leader = server(2);
    right.servers = [server(2), server(3), server(1)];
    expect((await harness.read("t", "z")).servedBy).toMatchObject({ tablet: 2, server: "ts2" });
    expect((await harness.read("t", "a")).servedBy).toMatchObject({ tablet: 1, generation: 2 });
    expect(tablets.lookUps).toHaveLength(1);
    expect(harness.cache.tabletsOf(table.name)).toHaveLength(2);
  });

  test("under contradicting answers is asked about with pauses, until the deadline", async () => {
    const { harness, tablets } = cluster();
    await harness.read("t", "a");
    tablets.latencyMs = () => 0.1;
    const before = tablets.received.length;
    for (let count = 0; count < 1000; count++) {
      tablets.fates.push({ kind: "wrong-range", descriptors: [], applied: "no" });
    }
    const error = await errorOf(harness.read("t", "a", 1_000));
    expect(error.code).toBe("DEADLINE");
    expect(tablets.received.length - before).toBeLessThan(25);
  });

  test("of a dropped table is 404, or the table that took the name", async () => {
    const { harness, tablets, table } = cluster();
    await harness.write("t", "a");
    tablets.drop(table);
    expect((await errorOf(harness.write("t", "b"))).code).toBe("TABLE_NOT_FOUND");
    const next = tablets.createTable("t", []);
    await harness.write("t", "b");
    expect([...next.rows.keys()]).toEqual(["b"]);
  });
});
