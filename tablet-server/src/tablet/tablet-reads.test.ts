import fc from "fast-check";
import { expect, test } from "vitest";
import { MemoryStoreDisk } from "@stele/shared/checkpoint-store/testing/memory-checkpoint-store.ts";
import { spaceId, type Version } from "@stele/shared/ids.ts";
import { SeededRandom } from "@stele/shared/random.ts";
import type { Projection, ScanChunk, ScanRequest } from "@stele/shared/row-operations.ts";
import { containsKey } from "@stele/shared/row-range.ts";
import { decodeRowReply } from "@stele/shared/wire/row-replies.ts";
import type { TableSchema } from "@stele/shared/tablet-descriptor.ts";
import { rowStoreKey } from "../storage/key-layout.ts";
import { encodeRowRecord } from "../storage/row-record.ts";
import { ManualClock } from "../testing/lone-tablet.ts";
import { GENERATION, SCHEMA, TABLET } from "../testing/tablet-cluster.ts";
import { prepareProjection } from "./row-projection.ts";
import { PointReads, scanRows } from "./tablet-reads.ts";
import { newTabletState, spaceOf, type TabletState } from "./tablet-state.ts";

const MIB = 1024 * 1024;
const TWO: TableSchema = {
  ...SCHEMA,
  families: [
    { name: "d", number: 1, rule: { maxVersions: null } },
    { name: "e", number: 2, rule: { maxVersions: null } },
  ],
};
const ALL: Projection = { columns: null, versions: null, timestamp: null, keysOnly: false };
const SERVED_BY = () => ({
  server: "ts1",
  role: "leader" as const,
  tablet: TABLET,
  generation: GENERATION,
  staleness: 0,
  session: 1 as Version,
});

/** A tablet [b, x) in three spans, as after merges. */
const B = Buffer.from("b");
const X = Buffer.from("x");
const [F, M] = [Buffer.from("f"), Buffer.from("m")];
const STATE: TabletState = {
  ...newTabletState({
    tabletId: TABLET,
    schema: TWO,
    range: { start: B, end: X },
    generation: GENERATION,
    space: spaceId(1),
  }),
  spans: [
    { range: { start: B, end: F }, space: spaceId(9) },
    { range: { start: F, end: M }, space: spaceId(4) },
    { range: { start: M, end: X }, space: spaceId(5) },
  ],
};

interface TestRow {
  readonly key: Buffer;
  readonly families: readonly number[];
  readonly bytes: number;
}

async function storeOf(rows: readonly TestRow[]) {
  const clock = new ManualClock();
  const random = new SeededRandom(1);
  const disk = new MemoryStoreDisk({ clock, random, writeBufferBytes: 1 << 30 });
  const store = await disk.open();
  await store.write(
    rows.map(({ bytes, families, key }) => {
      const cells = [{ timestamp: 1 as Version, int64: false, value: Buffer.alloc(bytes) }];
      const columns = [{ qualifier: Buffer.from("q"), cells }];
      const row = {
        version: 7 as Version,
        families: families.map((number) => ({ number, columns })),
      };
      const value = encodeRowRecord(key, row);
      return { type: "put" as const, key: rowStoreKey(spaceOf(STATE, key), key), value };
    }),
  );
  return store;
}

async function chunkOf(
  store: Awaited<ReturnType<typeof storeOf>>,
  scan: ScanRequest,
): Promise<ScanChunk> {
  const prepared = prepareProjection(scan.projection, TWO);
  if (prepared.kind !== "ready") throw new Error("projection");
  const { parts, rows } = await scanRows(store, STATE, scan, prepared.projection, SERVED_BY);
  const reply = decodeRowReply(Buffer.concat(parts));
  if (reply.kind !== "scanned") throw new Error(reply.kind);
  expect(reply.chunk.count).toBe(rows);
  return reply.chunk;
}

const key = fc
  .array(fc.constantFrom(0, 97, 98, 102, 109, 119, 120, 255), { minLength: 1, maxLength: 3 })
  .map((bytes) => Buffer.from(bytes));
const bound = fc.option(key);
const row = fc.record({
  key: key.filter((one) => containsKey(STATE.range, one)),
  families: fc.constantFrom<number[]>([1], [2], [1, 2]),
  bytes: fc.nat(60),
});

test("scanned chunk by chunk, a tablet gives exactly the rows that a look at all of them gives", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(row, { maxLength: 25, selector: (one) => one.key.toString("hex") }),
      fc.record({
        start: bound,
        end: bound,
        reverse: fc.boolean(),
        limit: fc.integer({ min: 1, max: 8 }),
        byteBudget: fc.nat(300),
        countOnly: fc.boolean(),
        keysOnly: fc.boolean(),
        family: fc.option(fc.constantFrom("d", "e")),
      }),
      async (rows, asked) => {
        const { family, keysOnly, ...more } = asked;
        const columns = family === null ? null : [{ family, qualifier: null }];
        const scan = { ...more, projection: { ...ALL, columns, keysOnly } };
        const store = await storeOf(rows);
        const found: string[] = [];
        let counted = 0;
        let [start, end]: (Buffer | null)[] = [scan.start, scan.end];
        for (let chunks = 0; ; chunks++) {
          expect(chunks, "every chunk leads on").toBeLessThanOrEqual(rows.length);
          const chunk = await chunkOf(store, { ...scan, start: start ?? null, end: end ?? null });
          expect(chunk.count).toBeLessThanOrEqual(scan.limit);
          counted += chunk.count;
          found.push(...chunk.rows.map((one) => one.key.toString("hex")));
          if (chunk.resume === null) break;
          if (scan.reverse) end = chunk.resume;
          else start = chunk.resume;
        }
        const number = family === "d" ? 1 : 2;
        const wanted = rows
          .filter((one) => containsKey({ start: scan.start, end: scan.end }, one.key))
          .filter(({ families }) => family === null || families.includes(number))
          .map((one) => one.key.toString("hex"))
          .sort();
        if (scan.reverse) wanted.reverse();
        expect(counted).toBe(wanted.length);
        expect(found).toEqual(scan.countOnly ? [] : wanted);
      },
    ),
    { numRuns: 300 },
  );
});

test("a scan knows the end: a limit that takes the last row leaves nothing to resume", async () => {
  const rows = ["c", "g", "n"].map((name) => ({ key: Buffer.from(name), families: [1], bytes: 1 }));
  const store = await storeOf(rows);
  const scan = { start: null, end: null, byteBudget: 1000, projection: ALL, countOnly: false };
  for (const reverse of [false, true]) {
    expect((await chunkOf(store, { ...scan, reverse, limit: 3 })).resume).toBeNull();
    expect((await chunkOf(store, { ...scan, reverse, limit: 2 })).resume).not.toBeNull();
  }
});

test("a chunk ends before the row that would make it too large for an answer", async () => {
  const rows = ["c", "d", "e"].map((name) => ({
    key: Buffer.from(name),
    families: [1],
    bytes: 40 * MIB,
  }));
  const store = await storeOf(rows);
  const scan = { start: null, end: null, reverse: false, limit: 10, countOnly: false };
  const chunk = await chunkOf(store, { ...scan, byteBudget: 100 * MIB, projection: ALL });
  expect(chunk.rows).toHaveLength(1);
  expect(chunk.resume?.toString()).toBe("d");
});

test("point reads go slice by slice, few rows at first", () => {
  const keys = Array.from({ length: 300 }, (_, at) => Buffer.from(`c${at}`));
  const prepared = prepareProjection(ALL, TWO);
  if (prepared.kind !== "ready") throw new Error("projection");
  const call = { kind: "read", tabletId: TABLET, generation: 1, keys, projection: ALL } as const;
  const reads = new PointReads(call, prepared.projection);
  const slices: number[] = [];
  for (let isOver = false; !isOver;) {
    const slice = reads.nextKeys(STATE, slices.length === 1 ? 20 : 1000);
    slices.push(slice.length);
    isOver = reads.add(slice.map(() => undefined));
  }
  expect(slices).toEqual([8, 20, 128, 128, 16]);
  expect(reads.reply(SERVED_BY()).rows).toBe(300);
});
