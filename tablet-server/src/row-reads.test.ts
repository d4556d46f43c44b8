import { expect, test } from "vitest";
import type { ScanRequest } from "@stele/shared/row-operations.ts";
import type { RowCall } from "@stele/shared/wire/row-calls.ts";
import { rowStoreKey } from "./storage/key-layout.ts";
import { LoneTablet, OTHER_SERVER } from "./testing/lone-tablet.ts";
import { ALL_CELLS } from "./testing/row-client.ts";
import { rowWrite, set } from "./testing/row-writes.ts";
import { GENERATION, TABLET } from "./testing/tablet-cluster.ts";

const MIB = 1024 * 1024;
const TARGET = { tabletId: TABLET, generation: GENERATION };

function read(...keys: string[]): RowCall {
  const bytes = keys.map((key) => Buffer.from(key));
  return { kind: "read", ...TARGET, keys: bytes, projection: ALL_CELLS };
}

function scan(more: Partial<ScanRequest> = {}): RowCall {
  const all: ScanRequest = {
    start: null,
    end: null,
    reverse: false,
    limit: 100,
    byteBudget: MIB,
    projection: ALL_CELLS,
    countOnly: false,
  };
  return { kind: "scan", ...TARGET, scan: { ...all, ...more } };
}

async function filled(...rows: string[]): Promise<LoneTablet> {
  const lone = await LoneTablet.begin();
  void lone.write(
    0,
    rows.map((row) => rowWrite(row, [set("v", row)])),
  );
  await lone.run();
  return lone;
}

test("under the lease a read is served at once, and sees what was acknowledged", async () => {
  const lone = await filled("a", "b");
  expect(await lone.call(read("b", "x", "a", "b"))).toMatchObject({
    kind: "read",
    servedBy: { role: "leader", session: lone.tablet.state.maxVersion },
    rows: [{ key: Buffer.from("b") }, null, { key: Buffer.from("a") }, { key: Buffer.from("b") }],
  });
  expect(await lone.call(scan({ limit: 1 }))).toMatchObject({
    chunk: { count: 1, resume: Buffer.from("b") },
  });
  expect(await lone.call(scan({ countOnly: true }))).toMatchObject({
    chunk: { count: 2, rows: [] },
  });
  const { counters } = lone.rows;
  expect(counters).toMatchObject({ readCalls: 1, scanCalls: 2, rowsRead: 7, writeCalls: 1 });
});

test("without the lease reads wait for a round of the quorum", async () => {
  const lone = await filled("a");
  lone.group.holds = false;
  for (const call of [read("a"), scan()]) {
    const served = lone.call(call);
    const refused = lone.call(call);
    await lone.settle();
    const [first, second] = lone.group.barriers.splice(0);
    first?.("ready");
    second?.("not-leader");
    expect((await served).kind).toBe(call.kind === "read" ? "read" : "scanned");
    expect((await refused).kind).toBe("not-leader");
  }
});

test("a read whose leadership ends before its rows are there is sent to the next leader", async () => {
  const lone = await filled("a");
  const replies = [lone.call(read("a")), lone.call(scan())];
  lone.follow();
  for (const reply of replies) {
    expect(await reply).toMatchObject({ kind: "not-leader", leader: OTHER_SERVER });
  }
  lone.lead();
  const between = lone.call(read("a"));
  lone.follow();
  lone.lead();
  expect((await between).kind).toBe("not-leader");
});

test("calls of another generation, or to no tablet here, are told where to go", async () => {
  const lone = await filled("a");
  const stale = { ...read("a"), generation: GENERATION - 1 } as RowCall;
  expect(await lone.call(stale)).toMatchObject({
    kind: "wrong-range",
    descriptors: [{ tabletId: TABLET, generation: GENERATION }],
  });
  const elsewhere = { ...read("a"), tabletId: 99 as typeof TABLET } as RowCall;
  expect((await lone.call(elsewhere)).kind).toBe("not-here");
  const dropped = lone.tablet.drop();
  await lone.run();
  await dropped;
  expect((await lone.call(read("a"))).kind).toBe("table-dropped");
});

test("a damaged row makes the replica suspect and sends the call elsewhere", async () => {
  for (const call of [read("a"), scan()]) {
    const lone = await filled("b");
    const key = rowStoreKey(1 as never, Buffer.from("a"));
    await lone.store.write([{ type: "put", key, value: Buffer.from("not a record at all") }]);
    expect((await lone.call(call)).kind).toBe("not-leader");
    expect(lone.group.damage).toHaveLength(1);
    expect(lone.failures).toEqual([]);
  }
});

test("a read of large rows is answered with the first of them, one at least", async () => {
  const lone = await LoneTablet.begin();
  for (const [at, name] of ["a", "b", "c"].entries()) {
    void lone.write(at, [rowWrite(name, [set("v", "x".repeat(3 * MIB))])]);
    await lone.run();
  }
  const keysOf = async (...keys: string[]): Promise<unknown> => {
    const reply = await lone.call(read(...keys));
    return reply.kind === "read" && reply.rows.map((row) => row?.key.toString() ?? null);
  };
  expect(await keysOf("no", "a", "b", "c")).toEqual([null, "a", "b"]);
  expect(await keysOf("c")).toEqual(["c"]);
});

test("scans run a bounded number at a time, and those beyond the queue are throttled", async () => {
  const lone = await filled("a");
  const replies = await Promise.all(Array.from({ length: 1200 }, () => lone.call(scan())));
  const kinds = replies.map(({ kind }) => kind);
  expect(kinds.filter((kind) => kind === "scanned")).toHaveLength(1032);
  expect(kinds.filter((kind) => kind === "failed")).toHaveLength(168);
  expect(lone.rows.counters.throttled).toBe(168);
});

test("a call that comes after its deadline is not served", async () => {
  const lone = await filled("a");
  expect(await lone.call(read("a"), 0)).toMatchObject({ error: { code: "DEADLINE" } });
});
