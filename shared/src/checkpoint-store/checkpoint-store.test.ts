// What every checkpoint store promises, run on LevelDB and on its twin in memory.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../clock.ts";
import { SeededRandom } from "../random.ts";
import { StoreClosedError } from "./checkpoint-store.ts";
import type {
  CheckpointStore,
  StoreEntry,
  StoreIterator,
  StoreOperation,
} from "./checkpoint-store.ts";
import { openLevelCheckpointStore } from "./level-checkpoint-store.adapter.ts";
import { MemoryStoreDisk } from "./testing/memory-checkpoint-store.ts";

const clock = systemClock;
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "stele-store-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const text = (value: string): Buffer => Buffer.from(value, "latin1");
const put = (key: string, value: string): StoreOperation => ({
  type: "put",
  key: text(key),
  value: text(value),
});
const del = (key: string): StoreOperation => ({ type: "del", key: text(key) });

const FIRST = "\x00";
const BEYOND = "\xff".repeat(8);
const everything = { start: text(FIRST), end: text(BEYOND), reverse: false };

async function drain(iterator: StoreIterator, count = 100, byteLimit = 1e6): Promise<StoreEntry[]> {
  const entries: StoreEntry[] = [];
  for (;;) {
    const chunk = await iterator.next(count, byteLimit);
    if (chunk.length === 0) break;
    entries.push(...chunk);
  }
  await iterator.close();
  return entries;
}

const shown = (entries: readonly StoreEntry[]): string[] =>
  entries.map(([key, value]) => `${key.toString("latin1")}=${value.toString("latin1")}`);

/** Opens the store; calling it again after `close` opens the same store again. */
const stores: Readonly<Record<string, () => () => Promise<CheckpointStore>>> = {
  LevelDB: () => () => openLevelCheckpointStore({ directory, clock, writeBufferBytes: 256 * 1024 }),
  memory: () => {
    const disk = new MemoryStoreDisk({ clock, random: new SeededRandom(7), flushMsMax: 2 });
    return () => disk.open();
  },
};

describe.each(Object.entries(stores))("the checkpoint store: %s", (_, makeOpener) => {
  let open: () => Promise<CheckpointStore>;
  let store: CheckpointStore;

  beforeEach(async () => {
    open = makeOpener();
    store = await open();
  });
  afterEach(() => store.close());

  test("values come back in the order of the keys asked, undefined where absent", async () => {
    await store.write([put("a", "1"), put("b", "2"), put("empty", "")]);
    const values = await store.getMany(["b", "missing", "a", "b", "empty"].map(text));
    expect(values).toEqual([text("2"), undefined, text("1"), text("2"), text("")]);
    expect(await store.getMany([])).toEqual([]);
  });

  test("keys are ordered bytewise, with 00 and FF bytes and prefixes", async () => {
    const ordered = [
      "\x00",
      "\x00\x00",
      "\x00\xff",
      "a",
      "a\x00",
      "ab",
      "\x7f",
      "\x80",
      "\xff\xfe",
    ];
    await store.write(ordered.toReversed().map((key) => put(key, "v")));
    const keys = (await drain(store.iterate(everything))).map(([key]) => key.toString("latin1"));
    expect(keys).toEqual(ordered);
  });

  test("a range includes its start, excludes its end, and walks both ways", async () => {
    await store.write(["a", "b", "c", "d"].map((key) => put(key, key)));
    const range = { start: text("b"), end: text("d"), reverse: false };
    expect(shown(await drain(store.iterate(range)))).toEqual(["b=b", "c=c"]);
    expect(shown(await drain(store.iterate({ ...range, reverse: true })))).toEqual(["c=c", "b=b"]);
    const between = { start: text("bb"), end: text("cc"), reverse: true };
    expect(shown(await drain(store.iterate(between)))).toEqual(["c=c"]);
    for (const end of ["b", "a"]) {
      expect(await drain(store.iterate({ ...range, end: text(end) }))).toEqual([]);
    }
  });

  test("the later of two operations on one key in a batch wins", async () => {
    await store.write([
      put("a", "1"),
      put("a", "2"),
      put("b", "1"),
      del("b"),
      del("c"),
      put("c", "1"),
    ]);
    expect(shown(await drain(store.iterate(everything)))).toEqual(["a=2", "c=1"]);
  });

  test("a walk hands out no more entries and bytes than asked, but always one", async () => {
    await store.write(["a", "b", "c", "d", "e"].map((key) => put(key, "x".repeat(9))));
    await store.write([put("f", "x".repeat(200_000)), put("g", "1")]);
    const iterator = store.iterate(everything);
    const sizes: number[] = [];
    for (const [count, byteLimit] of [
      [2, 1e6],
      [9, 20],
      [9, 5],
      [9, 100],
      [9, 1e6],
    ] as const) {
      sizes.push((await iterator.next(count, byteLimit)).length);
    }
    expect(sizes).toEqual([2, 2, 1, 1, 1]);
    expect(await iterator.next(9, 1e6)).toEqual([]);
    await iterator.close();
  });

  test("a walk sees the store as it was when the walk began", async () => {
    await store.write([put("a", "old"), put("b", "old")]);
    const iterator = store.iterate(everything);
    await store.write([put("a", "new"), del("b"), put("c", "new")]);
    expect(shown(await drain(iterator, 1))).toEqual(["a=old", "b=old"]);
  });

  test("a snapshot is untouched by later batches, checkpoints and its own close", async () => {
    await store.write([put("a", "old"), put("b", "old")]);
    const snapshot = store.snapshot();
    await store.write([put("a", "new"), del("b"), put("c", "new")]);
    await store.checkpoint();
    const last = snapshot.iterate({ ...everything, reverse: true });
    expect(shown(await drain(snapshot.iterate(everything)))).toEqual(["a=old", "b=old"]);
    await snapshot.close();
    expect(() => snapshot.iterate(everything)).toThrow(StoreClosedError);
    await store.write([put("b", "newer")]);
    expect(shown(await drain(last))).toEqual(["b=old", "a=old"]);
    expect(shown(await drain(store.iterate(everything)))).toEqual(["a=new", "b=newer", "c=new"]);
  });

  test("a second batch while one is in flight is a broken invariant", async () => {
    const first = store.write([put("a", "1")]);
    await expect(store.write([put("b", "1")])).rejects.toThrow("K4");
    await first;
    await expect(store.write([put("", "1")])).rejects.toThrow("empty key");
    expect(shown(await drain(store.iterate(everything)))).toEqual(["a=1"]);
  });

  test("batches go on during checkpoints, and concurrent checkpoints share proofs", async () => {
    let written = 0;
    const checkpoints: Promise<void>[] = [];
    for (; written < 60; written++) {
      await store.write([put(`key ${written % 7}`, "x".repeat(3000)), put("n", String(written))]);
      checkpoints.push(store.checkpoint());
    }
    await Promise.all(checkpoints);
    expect(await store.getMany([text("n")])).toEqual([text("59")]);
  });

  test("a checkpoint changes nothing that a reader sees", async () => {
    await store.write([put("a", "1"), put("b", "1")]);
    await store.checkpoint();
    await store.write([put("a", "2"), del("b")]);
    await store.checkpoint();
    await store.checkpoint();
    expect(shown(await drain(store.iterate(everything)))).toEqual(["a=2"]);
  });

  test("a closed store keeps its rows and refuses calls", async () => {
    await store.write([put("a", "1"), put("b", "2")]);
    const iterator = store.iterate(everything);
    const read = store.getMany([text("a")]);
    await store.close();
    expect(await read).toEqual([text("1")]);
    await store.close();
    for (const call of [
      () => store.getMany([text("a")]),
      () => store.write([put("a", "1")]),
      () => store.checkpoint(),
      () => store.approximateBytes(text("a"), text("b")),
      () => iterator.next(1, 1),
    ]) {
      await expect(call()).rejects.toThrow(StoreClosedError);
    }
    expect(() => store.iterate(everything)).toThrow(StoreClosedError);
    expect(() => store.snapshot()).toThrow(StoreClosedError);
    store = await open();
    expect(shown(await drain(store.iterate(everything)))).toEqual(["a=1", "b=2"]);
  });

  test("sizes of ranges are estimated once the rows have left memory", async () => {
    const random = new SeededRandom(3);
    for (let at = 0; at < 64; at++) {
      const key = text(`row ${String(at).padStart(3, "0")}`);
      await store.write([{ type: "put", key, value: random.bytes(4096) }]);
    }
    await store.checkpoint();
    const total = await store.approximateBytes(text("row"), text("rox"));
    const half = await store.approximateBytes(text("row"), text("row 032"));
    expect(total).toBeGreaterThan(64 * 4096 * 0.9);
    expect(total).toBeLessThan(64 * 4096 * 1.2);
    expect(half / total).toBeGreaterThan(0.35);
    expect(half / total).toBeLessThan(0.65);
    expect(await store.approximateBytes(text("a"), text("b"))).toBe(0);
  });

  test("any sequence of batches reads back like a sorted map", async () => {
    const key = fc.uint8Array({ minLength: 1, maxLength: 3 }).map((bytes) => Buffer.from(bytes));
    const value = fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes));
    const operation: fc.Arbitrary<StoreOperation> = fc.oneof(
      fc.record({ type: fc.constant("put" as const), key, value }),
      fc.record({ type: fc.constant("del" as const), key }),
    );
    const batches = fc.array(fc.array(operation, { minLength: 1, maxLength: 20 }), {
      maxLength: 5,
    });
    const query = fc.record({ start: key, end: key, reverse: fc.boolean() });
    const model = new Map<string, Buffer>();
    const property = fc.asyncProperty(batches, query, async (sequence, range) => {
      for (const batch of sequence) {
        await store.write(batch);
        for (const each of batch) {
          if (each.type === "put") model.set(each.key.toString("latin1"), each.value);
          else model.delete(each.key.toString("latin1"));
        }
      }
      // Latin-1 strings compare as their bytes do.
      const [start, end] = [range.start.toString("latin1"), range.end.toString("latin1")];
      const keys = [...model.keys()].filter((each) => each >= start && each < end).sort();
      if (range.reverse) keys.reverse();
      const expected = keys.map((each) => [text(each), model.get(each)]);
      expect(await drain(store.iterate(range), 7, 60)).toEqual(expected);
    });
    await fc.assert(property, { numRuns: 40 });
  });
});
