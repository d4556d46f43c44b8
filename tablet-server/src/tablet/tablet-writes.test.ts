import { afterEach, describe, expect, test } from "vitest";
import type { Version } from "@stele/shared/ids.ts";
import type { RowReply } from "@stele/shared/wire/row-replies.ts";
import { LoneTablet, OTHER_SERVER } from "../testing/lone-tablet.ts";
import { outcomes, told } from "../testing/written-outcomes.ts";
import { DELETE_ROW, increment, rowWrite, set } from "../testing/row-writes.ts";
import { rowStoreKey } from "../storage/key-layout.ts";

const MIB = 1024 * 1024;

let lone: LoneTablet;

afterEach(() => {
  expect(lone.failures).toEqual([]);
});

/** Whether the promise is settled, as far as things have come. */
async function isOpen(promise: Promise<unknown>): Promise<boolean> {
  await lone.settle();
  return (await Promise.race([promise, Promise.resolve("open")])) === "open";
}

const count = (key = "a") => rowWrite(key, [increment("n")]);
const put = (key: string, value = "v") => rowWrite(key, [set("v", value)]);

describe("writes of one row", () => {
  test("are evaluated in order on one another's results, and share an entry", async () => {
    lone = await LoneTablet.begin();
    const replies = [
      lone.write(1, [count(), count()]),
      lone.write(3, [count()], { sequenceId: 2n }),
    ];
    expect(await lone.propose()).toHaveLength(1);
    const later = lone.write(4, [count()]);
    expect(await isOpen(later)).toBe(true);
    await lone.commit();
    await lone.run();
    expect((await Promise.all(replies)).map(told)).toEqual([[1, 2], [3]]);
    expect(told(await later)).toEqual([4]);
    expect(lone.tablet.writes?.waiting).toEqual({ writes: 0, bytes: 0, rows: 0 });
    expect(lone.tablet.state.rows).toBe(1);
  });

  test("that change nothing wait for the entry that they were read from", async () => {
    lone = await LoneTablet.begin();
    const first = lone.write(1, [put("a")]);
    const refused = lone.write(2, [
      rowWrite("a", [set("v", "x")], { conditions: { absent: true } }),
    ]);
    await lone.propose();
    expect(await isOpen(refused)).toBe(true);
    await lone.commit();
    expect(told(await first)).toEqual(["done"]);
    expect(told(await refused)).toEqual(["ROW_EXISTS"]);
  });

  test("that change nothing need a quorum when nothing is under way and the lease is not held", async () => {
    lone = await LoneTablet.begin();
    lone.group.holds = false;
    const reply = lone.write(1, [rowWrite("a", [DELETE_ROW])]);
    expect(await isOpen(reply)).toBe(true);
    lone.group.barriers.shift()?.("ready");
    expect(told(await reply)).toEqual(["done"]);
    const other = lone.write(2, [rowWrite("a", [DELETE_ROW])]);
    await lone.settle();
    lone.group.barriers.shift()?.("not-leader");
    expect((await other).kind).toBe("not-leader");
  });

  test("that change nothing need a quorum when their entry is applied, which may be an old one", async () => {
    lone = await LoneTablet.begin();
    const first = lone.write(1, [put("a")]);
    await lone.propose();
    // The followers' acknowledgements are on their way; another may lead and write before this arrives.
    lone.group.holds = false;
    const create = [rowWrite("a", [set("v", "x")], { conditions: { absent: true } })];
    const refused = [lone.write(2, create), lone.write(3, create)];
    await lone.settle();
    await lone.commit();
    expect(told(await first)).toEqual(["done"]);
    expect(await isOpen(Promise.race(refused))).toBe(true);
    expect(lone.group.barriers).toHaveLength(1);
    lone.group.barriers.shift()?.("not-leader");
    for (const reply of refused) expect((await reply).kind).toBe("not-leader");
  });

  test("get versions above all before them, though the clock stands still", async () => {
    lone = await LoneTablet.begin({ maxVersion: 5_000_000_000 as Version });
    const reply = lone.write(1, [put("a"), put("b"), put("a")]);
    await lone.run();
    const versions = outcomes(await reply).map((one) =>
      one.kind === "done" ? Number(one.result.version) : 0,
    );
    expect(versions.toSorted((a, b) => a - b)).toEqual([
      5_000_000_001, 5_000_000_002, 5_000_000_003,
    ]);
    expect(Number(versions[2])).toBeGreaterThan(Number(versions[0]));
    expect(lone.tablet.state.maxVersion).toBe(5_000_000_003);
  });

  test("that are large are logged as changes, several of them in one entry and one batch", async () => {
    lone = await LoneTablet.begin();
    void lone.write(1, [rowWrite("a", [set("big", "x".repeat(6000)), increment("n")])]);
    await lone.run();
    const replies = [lone.write(2, [count(), count()]), lone.write(4, [count()])];
    const [entry] = await lone.propose();
    expect(entry?.kind === "write" && entry.effects.map(({ kind }) => kind)).toEqual(
      Array.from({ length: 3 }, () => "change-row"),
    );
    await lone.commit();
    expect((await Promise.all(replies)).map(told)).toEqual([[2, 3], [4]]);
    const again = lone.write(5, [count()]);
    await lone.run();
    expect(told(await again)).toEqual([5]);
  });
});

describe("a write sent again", () => {
  test("while it is under way joins it, also when the tablet is full", async () => {
    lone = await LoneTablet.begin();
    const first = lone.write(1, [count()]);
    const again = lone.write(1, [count()]);
    await lone.propose();
    const thrice = lone.write(1, [count()], { doneBelow: 1 });
    await lone.commit();
    expect([await first, await again, await thrice].map(told)).toEqual([[1], [1], [1]]);
    expect(lone.tablet.writes?.waiting).toEqual({ writes: 0, bytes: 0, rows: 0 });
  });

  test("after it was applied gets the stored result, also after a restart", async () => {
    lone = await LoneTablet.begin();
    const first = lone.write(1, [count()]);
    await lone.run();
    expect(told(await first)).toEqual([1]);
    expect(told(await lone.write(1, [count()]))).toEqual([1]);
    lone.restart();
    expect(told(await lone.write(1, [count()]))).toEqual([1]);
    const next = lone.write(2, [count()]);
    await lone.run();
    expect(told(await next)).toEqual([2]);
  });

  test("is not evaluated behind a later write of its row in the same call", async () => {
    lone = await LoneTablet.begin();
    void lone.write(1, [put("a", "old")]);
    await lone.run();
    const create = rowWrite("a", [set("v", "new")], { conditions: { absent: true } });
    const call = [create, rowWrite("a", [DELETE_ROW]), put("b")];
    const first = lone.write(2, call);
    await lone.propose();
    // The connection of the first may break while the entry is on its way, or its reply be lost.
    const meanwhile = lone.write(2, call);
    await lone.commit();
    const afterwards = lone.write(2, call);
    await lone.run();
    expect(told(await first)).toEqual(["ROW_EXISTS", "done", "done"]);
    for (const again of [meanwhile, afterwards]) {
      expect(told(await again)).toEqual(["UNAVAILABLE", "done", "done"]);
      expect(outcomes(await again)[0]).toMatchObject({ error: { applied: "no" } });
    }
    expect(lone.tablet.state.rows).toBe(1);
  });

  test("that changed nothing is evaluated again when nothing behind it was taken", async () => {
    lone = await LoneTablet.begin();
    const call = [rowWrite("a", [DELETE_ROW]), rowWrite("a", [DELETE_ROW]), put("b")];
    for (let attempt = 0; attempt < 2; attempt++) {
      const reply = lone.write(1, call);
      await lone.run();
      expect(told(await reply)).toEqual(["done", "done", "done"]);
    }
  });

  test("that changed nothing is in the log before it is answered, when an attempt may arrive late", async () => {
    lone = await LoneTablet.begin();
    void lone.write(1, [put("a")]);
    await lone.run();
    const create = rowWrite("a", [set("v", "late")], { conditions: { absent: true } });
    const again = lone.write(2, [create, rowWrite("b", [DELETE_ROW])], { hasStrays: true });
    expect(await isOpen(again)).toBe(true);
    await lone.run();
    expect(told(await again)).toEqual(["ROW_EXISTS", "done"]);
    void lone.write(4, [rowWrite("a", [DELETE_ROW]), put("b")]);
    await lone.run();
    expect(told(await lone.write(2, [create]))).toEqual(["ROW_EXISTS"]);
    lone.restart();
    expect(told(await lone.write(2, [create]))).toEqual(["ROW_EXISTS"]);
    expect(told(await lone.write(3, [rowWrite("b", [DELETE_ROW])]))).toEqual(["done"]);
    expect(lone.tablet.state.rows).toBe(1);
  });

  test("that changes nothing is not answered unlogged when a call with strays joins the first", async () => {
    lone = await LoneTablet.begin();
    lone.group.holds = false;
    const call = [rowWrite("a", [DELETE_ROW])];
    const first = lone.write(1, call);
    await lone.settle();
    const again = lone.write(1, call, { hasStrays: true });
    await lone.settle();
    lone.group.barriers.shift()?.("ready");
    expect(await isOpen(again)).toBe(true);
    await lone.run();
    expect([await first, await again].map(told)).toEqual([["done"], ["done"]]);
    void lone.write(2, [put("a")]);
    await lone.run();
    expect(told(await lone.write(1, call))).toEqual(["done"]);
    expect(lone.tablet.state.rows).toBe(1);
  });

  test("and on its way into the log unchanged goes to the next leader when the leadership ends", async () => {
    lone = await LoneTablet.begin();
    const read = lone.write(1, [rowWrite("a", [DELETE_ROW])], { hasStrays: true });
    const dependent = lone.write(2, [put("b"), rowWrite("b", [set("v", "v")])], {
      hasStrays: true,
    });
    await lone.propose();
    lone.follow();
    expect((await read).kind).toBe("not-leader");
    expect((await dependent).kind).toBe("not-leader");
    expect(lone.tablet.writes).toBe(null);
  });

  test("late, when its front-end was done with it, does nothing", async () => {
    lone = await LoneTablet.begin();
    const other = lone.write(5, [put("b")], { doneBelow: 5 });
    const late = lone.write(3, [count()]);
    expect(told(await late)).toEqual(["UNAVAILABLE"]);
    await lone.run();
    expect(told(await other)).toEqual(["done"]);
    lone.restart();
    expect(told(await lone.write(3, [count()]))).toEqual(["UNAVAILABLE"]);
  });
});

describe("the end of a leadership", () => {
  test("sends everything that waits to the next leader, and gives its room back", async () => {
    lone = await LoneTablet.begin();
    const proposed = lone.write(1, [count()]);
    await lone.propose();
    const formed = lone.write(2, [count()]);
    await lone.settle();
    const loading = lone.write(3, [put("z")]);
    const { writes } = lone.tablet;
    lone.follow();
    for (const reply of [proposed, formed, loading]) {
      expect(await reply).toMatchObject({ kind: "not-leader", leader: OTHER_SERVER });
    }
    expect(writes?.waiting).toEqual({ writes: 0, bytes: 0, rows: 0 });
    // The old entry is committed all the same: in the next term the same number finds it.
    await lone.commit();
    lone.group.leaderServer = lone.group.serverId;
    lone.lead();
    expect(told(await lone.write(1, [count()]))).toEqual([1]);
    const again = lone.write(2, [count()]);
    await lone.run();
    expect(told(await again)).toEqual([2]);
  });
});

describe("a call that the next leader must answer is told whether it may take effect", () => {
  const effect = (reply: RowReply) => (reply.kind === "not-leader" ? reply.applied : reply.kind);

  test("no, as long as none of its writes was proposed", async () => {
    lone = await LoneTablet.begin();
    lone.group.refusal = "overloaded";
    const formed = lone.write(1, [count()]);
    const again = lone.write(1, [count()]);
    await lone.propose();
    const loading = lone.write(2, [put("z")]);
    lone.follow();
    const late = lone.write(4, [count()]);
    for (const reply of [formed, again, loading, late]) {
      expect(effect(await reply)).toBe("no");
    }
  });

  test("unknown, when one of them was, here or in the call that it joined", async () => {
    lone = await LoneTablet.begin();
    const proposed = lone.write(1, [count()]);
    const joinedBefore = lone.write(1, [count()]);
    await lone.propose();
    const joinedAfter = lone.write(1, [count()]);
    const partly = lone.write(1, [count(), put("z")]);
    lone.follow();
    for (const reply of [proposed, joinedBefore, joinedAfter, partly]) {
      expect(effect(await reply)).toBe("unknown");
    }
  });

  test("unknown, when one of them is done already", async () => {
    lone = await LoneTablet.begin();
    const first = lone.write(1, [count()]);
    await lone.run();
    await first;
    lone.group.refusal = "overloaded";
    const partly = lone.write(1, [count(), put("z")]);
    await lone.settle();
    lone.follow();
    expect(effect(await partly)).toBe("unknown");
  });
});

describe("a refused proposal", () => {
  test("keeps its place, and is tried again without piling up timers", async () => {
    lone = await LoneTablet.begin();
    lone.group.refusal = "transferring";
    const replies = [lone.write(1, [count()]), lone.write(2, [count("b")])];
    expect(await lone.propose()).toEqual([]);
    for (let turn = 0; turn < 20; turn++) {
      replies.push(lone.write(3 + turn, [count()]));
      await lone.propose();
    }
    expect(lone.clock.timers).toBe(1);
    lone.group.refusal = null;
    lone.clock.pass(20);
    await lone.run();
    const all = await Promise.all(replies);
    expect(all.map(told)).toEqual([[1], [1], ...Array.from({ length: 20 }, (_, at) => [at + 2])]);
  });
});

describe("entries", () => {
  test("never pass 16 MiB, whatever comes together", async () => {
    lone = await LoneTablet.begin();
    const small = Array.from({ length: 7 }, (_, at) => put(`s${at}`, "x".repeat(500 * 1024)));
    const large = rowWrite("l", [set("1", "y".repeat(7 * MIB)), set("2", "y".repeat(7 * MIB))]);
    const replies = [lone.write(1, small), lone.write(10, [large])];
    await lone.propose();
    const sizes = lone.group.proposed.map(({ payload }) => payload.length);
    expect(sizes.length).toBeGreaterThan(1);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(16 * MIB);
    await lone.commit();
    expect((await Promise.all(replies)).flatMap(told)).toEqual(
      Array.from({ length: 8 }, () => "done"),
    );
  });

  test("of a generation that has passed have no effect, and their callers route anew", async () => {
    lone = await LoneTablet.begin();
    const dropped = lone.tablet.drop();
    const reply = lone.write(1, [count()]);
    await lone.propose();
    const late = lone.write(2, [count()]);
    await lone.settle();
    await lone.commit();
    expect((await dropped).kind).toBe("applied");
    expect((await reply).kind).toBe("table-dropped");
    expect((await late).kind).toBe("table-dropped");
    expect((await lone.write(3, [count()])).kind).toBe("table-dropped");
    expect(lone.tablet.state.rows).toBe(0);
    expect(lone.tablet.writes?.waiting).toEqual({ writes: 0, bytes: 0, rows: 0 });
  });
});

describe("limits", () => {
  test("too many waiting writes are refused at once, but not one that is under way", async () => {
    lone = await LoneTablet.begin();
    lone.group.refusal = "overloaded";
    const writes = (from: number) =>
      Array.from({ length: 10_000 }, (_, at) => put(`k${from + at}`));
    const waiting = [lone.write(0, writes(0)), lone.write(10_000, writes(10_000))];
    expect(await lone.write(20_000, [count()])).toMatchObject({
      kind: "failed",
      error: { code: "THROTTLED", applied: "no" },
    });
    waiting.push(lone.write(0, [put("k0")]));
    await lone.propose(100);
    lone.group.refusal = null;
    lone.clock.pass(20);
    await lone.run();
    for (const reply of await Promise.all(waiting)) {
      expect(new Set(told(reply))).toEqual(new Set(["done"]));
    }
    expect(lone.tablet.writes?.waiting).toEqual({ writes: 0, bytes: 0, rows: 0 });
    expect(lone.tablet.state.rows).toBe(20_000);
    expect(lone.rows.counters.throttled).toBe(1);
  });

  test("a write whose deadline passes before its turn is not done", async () => {
    lone = await LoneTablet.begin();
    const reply = lone.write(1, [count()], { timeoutMs: 5 });
    lone.clock.pass(5);
    expect(outcomes(await reply)).toMatchObject([{ error: { code: "DEADLINE", applied: "no" } }]);
    expect(await lone.write(2, [count()], { timeoutMs: 0 })).toMatchObject({
      error: { code: "DEADLINE", applied: "no" },
    });
  });

  test("a full retry table forgets when it is told to, though nothing can be written", async () => {
    lone = await LoneTablet.begin();
    const large = (at: number) =>
      rowWrite(`r${at}`, [
        {
          kind: "append",
          column: { family: "d", qualifier: Buffer.from("l") },
          value: Buffer.alloc(5 * MIB),
          timestamp: null,
        },
      ]);
    for (let at = 0; at < 7; at++) {
      const reply = lone.write(at, [large(at)]);
      await lone.run();
      expect(outcomes(await reply)).toMatchObject([{ kind: "done" }]);
    }
    expect(await lone.write(7, [count()], { doneBelow: 7 })).toMatchObject({
      error: { code: "THROTTLED" },
    });
    await lone.run();
    const reply = lone.write(8, [count()], { doneBelow: 7 });
    await lone.run();
    expect(told(await reply)).toEqual([1]);
  });

  test("the results of a former sequence go when a call of the next one says that it is over", async () => {
    lone = await LoneTablet.begin();
    for (let seq = 1; seq <= 3; seq++) {
      const reply = lone.write(seq, [count()], { doneBelow: 1 });
      await lone.run();
      await reply;
    }
    const other = { sequenceId: 2n, doneBelow: 1 };
    const next = lone.write(1, [put("b")], {
      ...other,
      retired: [{ sequenceId: 1n, doneBelow: 3 }],
    });
    await lone.run();
    expect(told(await next)).toEqual(["done"]);
    expect(told(await lone.write(2, [count()]))).toEqual(["UNAVAILABLE"]);
    expect(told(await lone.write(3, [count()]))).toEqual([3]);
    lone.restart();
    expect(told(await lone.write(2, [count()]))).toEqual(["UNAVAILABLE"]);
    expect(told(await lone.write(3, [count()]))).toEqual([3]);
  });

  test("idempotency keys beyond 64 MiB are refused, known ones are not", async () => {
    lone = await LoneTablet.begin({ idempotencyBytes: 64 * MIB - 1 });
    const write = rowWrite("a", [increment("n")], { idempotencyKey: "k" });
    const first = lone.write(1, [write]);
    await lone.run();
    expect(told(await first)).toEqual([1]);
    const other = rowWrite("a", [increment("n")], { idempotencyKey: "l" });
    expect(told(await lone.write(2, [other]))).toEqual(["THROTTLED"]);
    expect(told(await lone.write(3, [write]))).toEqual([1]);
  });
});

describe("damage", () => {
  test("of a row makes the replica suspect, and its callers go elsewhere", async () => {
    lone = await LoneTablet.begin();
    const key = rowStoreKey(1 as never, Buffer.from("a"));
    await lone.store.write([{ type: "put", key, value: Buffer.from("not a record at all") }]);
    const write = lone.write(1, [count()]);
    await lone.settle();
    expect(lone.group.damage).toHaveLength(1);
    lone.follow();
    expect((await write).kind).toBe("not-leader");
  });
});

test("calls without a row are malformed", async () => {
  lone = await LoneTablet.begin();
  expect(await lone.write(1, [])).toMatchObject({ error: { code: "INVALID_REQUEST" } });
  expect(await lone.send(Buffer.from([9, 9]))).toMatchObject({
    error: { code: "INVALID_REQUEST" },
  });
});
