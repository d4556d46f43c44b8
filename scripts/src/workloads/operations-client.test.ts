import { describe, expect, test } from "vitest";
import { MemoryOperations } from "@stele/frontend/rest/testing/memory-operations.ts";
import type { RowOperations } from "@stele/frontend/operations.ts";
import { must } from "@stele/shared/assert.ts";
import type { Clock } from "@stele/shared/clock.ts";
import { DatabaseError } from "@stele/shared/errors.ts";
import type { DatabaseErrorBody } from "@stele/shared/errors.ts";
import type { Version } from "@stele/shared/ids.ts";
import { SeededRandom } from "@stele/shared/random.ts";
import { nextMacrotask } from "@stele/shared/testing/macrotask.adapter.ts";
import { SimulatedClock } from "@stele/shared/testing/simulated-clock.ts";
import { OperationsClient } from "./operations-client.ts";
import type { FrontEndAccess } from "./operations-client.ts";
import { runWorkloads } from "./testing/workload-run.ts";
import type { WorkloadPlan } from "./workload-plan.ts";
import { increment, set, write } from "./writes.ts";

function accessTo({ rows, tables }: MemoryOperations, clock: Clock): FrontEndAccess {
  return { clock, rows, tables };
}

const CALL = { patienceMs: 1000 };
const NEVER = new Promise<never>(() => undefined);

async function opened(splitKeys: readonly string[] = []) {
  const clock = new SimulatedClock(new SeededRandom(1), nextMacrotask);
  const memory = new MemoryOperations(() => clock.wallMicros());
  const access: FrontEndAccess = accessTo(memory, clock.process());
  const state = { access: access as FrontEndAccess | null, unexpected: [] as unknown[] };
  const client = new OperationsClient({
    clock,
    frontEnd: () => state.access,
    chunkRows: 2,
    replicas: 1,
    unexpected: (error) => void state.unexpected.push(error),
  });
  const created = await client.createTable("t", { ...CALL, splitKeys, request: "create" });
  expect(created).toEqual({ kind: "done" });
  return { clock, memory, state, client };
}

async function failingWith(body: DatabaseErrorBody) {
  const own = await opened();
  own.memory.before = () => Promise.reject(new DatabaseError(body));
  return own;
}

const PUT = write("k", [set('"v"')]);
const GET = { kind: "get", key: "k", columns: null } as const;
const SCAN = { kind: "scan", start: null, end: null, reverse: false, columns: null } as const;

describe("a client of a front-end's operations", () => {
  test("gives what was written, refused and computed in terms of histories", async () => {
    const { client } = await opened();
    const first = await client.write("t", PUT, { ...CALL, request: null });
    expect(first).toMatchObject({ kind: "written", matched: true });
    const version = first?.kind === "written" ? first.version : null;
    expect(await client.get("t", GET, CALL)).toEqual({
      kind: "read",
      row: { version, columns: new Map([["d:v", '"v"']]) },
    });
    const insert = write("k", [set('"w"')], { kind: "no-row" });
    expect(await client.write("t", insert, { ...CALL, request: null })).toEqual({
      kind: "failed",
      code: "ROW_EXISTS",
      version,
    });
    const many = [write("n", [increment("d:n")]), write("n", [increment("d:n")]), insert];
    const outcomes = await client.writeMany("t", many, CALL);
    expect(outcomes).toMatchObject([
      { kind: "written", computed: new Map([["d:n", '{"int64":"1"}']]) },
      { kind: "written", computed: new Map([["d:n", '{"int64":"2"}']]) },
      { kind: "failed", code: "ROW_EXISTS" },
    ]);
  });

  test("reads many rows in as many calls as it takes, each with its own answer", async () => {
    const { client, clock, memory, state } = await opened(["c"]);
    const keys = ["d", "missing", "a", "d", "\xff", "b"];
    const writes = ["a", "b", "d"].map((key) => write(key, [set(`"${key}"`)]));
    const written = await client.writeMany("t", writes, CALL);
    const read = (at: number, value: string) => {
      const answer = written[at];
      const version = answer?.kind === "written" ? answer.version : null;
      return { kind: "read", row: { version, columns: new Map([["d:v", value]]) } };
    };
    const failed = (code: string) => ({ kind: "failed", code, version: null });
    memory.rowsOfOneRead = 2;
    memory.failingKeys.set("\xff", { code: "UNAVAILABLE", detail: "" });
    const many = { keys, columns: null };
    const d = read(2, '"d"');
    const first = [d, { kind: "read", row: null }, read(0, '"a"'), d];
    const rest = [failed("UNAVAILABLE"), read(1, '"b"')];
    expect(await client.getMany("t", many, CALL)).toEqual([...first, ...rest]);
    expect(state.unexpected).toEqual([]);
    memory.failingKeys.set("\xff", { code: "INTERNAL", detail: "it threw" });
    expect(await client.getMany("t", many, CALL)).toMatchObject([
      ...first,
      failed("INTERNAL"),
      rest[1],
    ]);
    expect(state.unexpected).toMatchObject([{ body: { detail: "it threw" } }]);
    let calls = 0;
    memory.before = () => (++calls === 3 ? NEVER : Promise.resolve());
    expect(await clock.until(client.getMany("t", many, CALL))).toEqual([...first, null, null]);
    const dead = new DatabaseError({ code: "DEADLINE", detail: "" });
    calls = 0;
    memory.before = () => (++calls === 3 ? Promise.reject(dead) : Promise.resolve());
    const late = [failed("DEADLINE"), failed("DEADLINE")];
    expect(await client.getMany("t", many, CALL)).toEqual([...first, ...late]);
  });

  test("scans through all chunks and tablets, in both directions", async () => {
    const { client } = await opened(["c", "\xff"]);
    const keys = ["a", "b", "c", "d", "e", "\xef", "\xff", "\xffz"];
    const writes = keys.map((key) => write(key, [set('"v"')]));
    await client.writeMany("t", writes, CALL);
    const keysOf = async (scan: Parameters<typeof client.scan>[1]) => {
      const answer = await client.scan("t", scan, CALL);
      if (answer?.kind !== "scanned") throw new Error("not scanned");
      expect(answer.resume).toBeNull();
      return answer.rows.map(({ key }) => key);
    };
    expect(await keysOf(SCAN)).toEqual(keys);
    const whole = await client.scan("t", SCAN, CALL);
    if (whole?.kind !== "scanned") throw new Error("not scanned");
    const rows = whole.rows.map((row) => ({ ...row, columns: null }));
    const ofKeys = await client.scan("t", SCAN, { ...CALL, shows: "keys" });
    expect(ofKeys).toEqual({ ...whole, rows });
    expect(await keysOf({ ...SCAN, start: "b", end: "\xff", reverse: true })).toEqual(
      ["b", "c", "d", "e", "\xef"].reverse(),
    );
  });

  test("gives up a scan with what it has, and says where the rest begins", async () => {
    for (const reverse of [false, true]) {
      const { client, clock, memory } = await opened();
      const writes = ["a", "b", "c", "d", "e"].map((key) => write(key, [set('"v"')]));
      await client.writeMany("t", writes, CALL);
      let chunks = 0;
      memory.before = () => (chunks++ === 1 ? NEVER : Promise.resolve());
      const answer = await clock.until(client.scan("t", { ...SCAN, reverse }, CALL));
      if (answer?.kind !== "scanned") throw new Error("not scanned");
      expect(answer.rows.map(({ key }) => key)).toEqual(reverse ? ["e", "d"] : ["a", "b"]);
      const rest = reverse ? { end: answer.resume } : { start: answer.resume };
      const left = await client.scan("t", { ...SCAN, reverse, ...rest }, CALL);
      expect(left).toMatchObject({ rows: { length: 3 }, resume: null });
    }
  });

  test("calls a failure certain only where the answer says that nothing was done", async () => {
    const certain = await failingWith({ code: "THROTTLED", detail: "busy", applied: "no" });
    const failed = { kind: "failed", code: "THROTTLED", version: null };
    const call = { ...CALL, request: null };
    expect(await certain.client.write("t", PUT, call)).toEqual(failed);
    expect(await certain.client.writeMany("t", [PUT, PUT], CALL)).toEqual([failed, failed]);
    for (const applied of ["unknown", undefined] as const) {
      const { client } = await failingWith({ code: "VERSION_MISMATCH", detail: "", applied });
      expect(await client.write("t", PUT, call)).toBeNull();
      expect(await client.writeMany("t", [PUT, PUT], CALL)).toEqual([null, null]);
    }
  });

  test("gives up at the end of its patience, and tells the front-end so", async () => {
    const { client, clock, memory } = await opened();
    const signals: AbortSignal[] = [];
    memory.before = (_call, { signal }) => {
      signals.push(signal);
      return NEVER;
    };
    const startMs = clock.monotonicMs();
    expect(await clock.until(client.write("t", PUT, { ...CALL, request: "q" }))).toBeNull();
    expect(clock.monotonicMs() - startMs).toBe(CALL.patienceMs);
    expect(await clock.until(client.writeMany("t", [PUT], CALL))).toEqual([null]);
    expect(await clock.until(client.get("t", GET, CALL))).toBeNull();
    expect(await clock.until(client.scan("t", SCAN, CALL))).toBeNull();
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true, true, true]);
  });

  test("is refused by a front-end that is down, not at once", async () => {
    const { client, clock, state } = await opened();
    state.access = null;
    const startMs = clock.monotonicMs();
    const answer = await clock.until(client.write("t", PUT, { ...CALL, request: null }));
    expect(answer).toMatchObject({ kind: "failed", code: "UNAVAILABLE" });
    expect(clock.monotonicMs()).toBeGreaterThan(startMs);
    const call = { ...CALL, request: "drop" };
    const failed = { kind: "failed", code: "UNAVAILABLE" };
    expect(await clock.until(client.dropTable("t", call))).toEqual(failed);
  });

  test("tells a fault of the program, and calls its outcome unknown", async () => {
    const { client, memory, state } = await opened();
    const fault = new TypeError("no such thing");
    memory.before = () => Promise.reject(fault);
    expect(await client.write("t", PUT, { ...CALL, request: null })).toBeNull();
    expect(state.unexpected).toEqual([fault]);
  });

  test("tells that a server failed, of a call and of one write of many", async () => {
    const body = { code: "INTERNAL", detail: "the call failed", applied: "unknown" } as const;
    const { client, memory, state } = await opened();
    memory.before = () => Promise.reject(new DatabaseError(body));
    expect(await client.write("t", PUT, { ...CALL, request: null })).toBeNull();
    expect(state.unexpected).toEqual([new DatabaseError(body)]);
    const access = must(state.access, "a front-end");
    const writeMany: RowOperations["writeMany"] = () =>
      Promise.resolve({ outcomes: [{ kind: "failed", error: body }], session: 0 as Version });
    state.access = { ...access, rows: { ...access.rows, writeMany } };
    expect(await client.writeMany("t", [PUT], CALL)).toEqual([null]);
    expect(state.unexpected).toHaveLength(2);
  });

  test("asks for three replicas, however few servers are alive", async () => {
    const { access } = (await opened()).state;
    if (access === null) throw new Error("the front-end is up");
    const asked: unknown[] = [];
    const tables: FrontEndAccess["tables"] = {
      ...access.tables,
      create: ({ replicas }) => {
        asked.push(replicas);
        return NEVER;
      },
    };
    for (const replicas of [undefined, 1] as const) {
      const own = new OperationsClient({
        clock: access.clock,
        frontEnd: () => ({ ...access, tables }),
        chunkRows: 2,
        unexpected: () => undefined,
        ...(replicas !== undefined && { replicas }),
      });
      void own.createTable("u", { ...CALL, splitKeys: [], request: "q" });
    }
    expect(asked).toEqual([3, 1]);
  });

  test("tells a judged refusal of a table call from one whose work may go on", async () => {
    const { client, state } = await opened();
    const create = { ...CALL, splitKeys: [], request: "other" };
    const exists = { kind: "failed", code: "TABLE_EXISTS" };
    expect(await client.createTable("t", create)).toEqual(exists);
    const failing = (body: DatabaseErrorBody) => () => Promise.reject(new DatabaseError(body));
    const { access } = state;
    if (access === null) throw new Error("the front-end is up");
    for (const code of ["DEADLINE", "UNAVAILABLE"] as const) {
      const tables = { ...access.tables, create: failing({ code, detail: "" }) };
      state.access = { ...access, tables };
      expect(await client.createTable("u", create)).toEqual({ kind: "unknown" });
    }
    const away = failing({ code: "UNAVAILABLE", detail: "", applied: "no" });
    state.access = { ...access, tables: { ...access.tables, create: away } };
    const failed = { kind: "failed", code: "UNAVAILABLE" };
    expect(await client.createTable("u", create)).toEqual(failed);
  });
});

/** Without batches: this twin gives a new version to a row from which a missing column is deleted. */
const NO_BATCHES: WorkloadPlan = {
  tables: 2,
  tablets: 3,
  rows: 3,
  names: 2,
  weights: {
    registers: 2,
    counters: 2,
    appends: 2,
    batches: 0,
    locks: 1,
    scans: 3,
    linkedNodes: 2,
    namedTables: 2,
  },
};

test("workloads find the front-end's operations on tables in memory honest", async () => {
  for (const seed of [1, 2, 3]) {
    const unexpected: unknown[] = [];
    const { workloads } = await runWorkloads({
      seed,
      operations: 600,
      plan: NO_BATCHES,
      store: (clock) => {
        const memory = new MemoryOperations(() => clock.wallMicros());
        memory.before = () => new Promise((resolve) => void clock.after(seed, resolve));
        return new OperationsClient({
          clock,
          frontEnd: () => accessTo(memory, clock),
          chunkRows: 5,
          replicas: 1,
          unexpected: (error) => void unexpected.push(error),
        });
      },
    });
    expect(workloads.problems()).toEqual([]);
    expect(unexpected).toEqual([]);
  }
});
