import { describe, expect, test } from "vitest";
import { SeededRandom } from "../../random.ts";
import { StoreFailedError, StoreRefusedError } from "../checkpoint-store.ts";
import type { CheckpointStore, StoreEntry, StoreOperation } from "../checkpoint-store.ts";
import { MemoryStoreDisk } from "./memory-checkpoint-store.ts";
import { batchNumber, isPrefix, readAll } from "./numbered-batches.ts";
import { MemoryEngine } from "./memory-engine.ts";
import { drawnLatency, NO_LATENCY, STORE_PACES } from "./store-latency.ts";
import { OrderedTree } from "./ordered-tree.ts";
import { nextMacrotask } from "../../testing/macrotask.adapter.ts";
import { SimulatedClock } from "../../testing/simulated-clock.ts";

const newClock = (random: SeededRandom): SimulatedClock =>
  new SimulatedClock(random, nextMacrotask);
const key = Buffer.from("a");
const range = { start: Buffer.from("a"), end: Buffer.from("z"), reverse: false };
const putA = (value: string): StoreOperation => ({ type: "put", key, value: Buffer.from(value) });

interface CrashRun {
  readonly clock: SimulatedClock;
  readonly disk: MemoryStoreDisk;
  readonly random: SeededRandom;
}

function newRun(seed: number, ownLog: "deleted" | "trusted"): CrashRun {
  const random = new SeededRandom(seed);
  const clock = newClock(random);
  const disk = new MemoryStoreDisk({ clock, random, ownLog, writeBufferBytes: 20_000 });
  return { clock, disk, random };
}

/** Writes batches from `from` on with a checkpoint now and then, until the process is crashed. */
async function writeOn(store: CheckpointStore, from: number, proven: (n: number) => void) {
  for (let number = from; ; number++) {
    await store.write(batchNumber(number));
    if (number % 5 === 0) void store.checkpoint().then(() => proven(number));
  }
}

/** One life: open, write, crash at a random moment. Returns the highest proven batch. */
async function live({ clock, disk, random }: CrashRun, from: number): Promise<number> {
  let proven = from - 1;
  const store = await clock.until(disk.open());
  void writeOn(store, from, (number) => (proven = Math.max(proven, number)));
  await clock.runEvents(random.below(400));
  disk.crash();
  return proven;
}

async function contents({ clock, disk }: CrashRun): Promise<readonly StoreEntry[]> {
  const store = await clock.until(disk.open());
  const entries = await clock.until(readAll(store));
  await clock.until(store.close());
  return entries;
}

/** Lives and crashes a few times, each time found as a prefix: of so many batches, of which so many were proven. */
async function* prefixesOf(
  seed: number,
  run: CrashRun,
): AsyncGenerator<{ readonly batches: number; readonly proven: number }> {
  let applied = 0;
  for (let life = 0; life < 4; life++) {
    const proven = await live(run, applied + 1);
    const found = isPrefix(await contents(run));
    if (found.kind === "hole") throw new Error(`seed ${seed}: ${found.detail}`);
    expect(found.batches).toBeGreaterThanOrEqual(proven);
    applied = found.batches;
    yield { batches: applied, proven };
  }
}

/** How many of the seeds end with a store that is no prefix of its batches. */
async function countHoles(seeds: number, ownLog: "deleted" | "trusted"): Promise<number> {
  let holes = 0;
  for (let seed = 0; seed < seeds; seed++) {
    const run = newRun(seed, ownLog);
    await live(run, 1);
    if (isPrefix(await contents(run)).kind === "hole") holes += 1;
  }
  return holes;
}

describe("after a crash the twin", () => {
  test("holds an exact prefix of the batches, at or above the last proven checkpoint", async () => {
    let keptMore = 0;
    for (let seed = 0; seed < 30; seed++) {
      for await (const { batches, proven } of prefixesOf(seed, newRun(seed, "deleted"))) {
        keptMore += batches > proven ? 1 : 0;
      }
    }
    // The seeds reach crashes that keep more than was proven as well.
    expect(keptMore).toBeGreaterThan(10);
  });

  test("would have holes if it trusted its own log", async () => {
    expect(await countHoles(40, "trusted")).toBeGreaterThan(5);
    expect(await countHoles(40, "deleted")).toBe(0);
  });

  test("would lose batches if a flush that resolved were taken for a proof", async () => {
    let lost = 0;
    for (let seed = 0; seed < 40; seed++) {
      const random = new SeededRandom(seed);
      const clock = newClock(random);
      const files = { tables: new OrderedTree(), logs: [], nextLog: 1 };
      const { counters } = new MemoryStoreDisk({ clock, random });
      const flushing = { writeBufferBytes: 3000, silentFlushPercent: 30, flushMsMax: 20 };
      const settings = { ...flushing, latency: NO_LATENCY, counters };
      const engine = new MemoryEngine(files, { clock, random, ...settings });
      await clock.until(engine.writeBatch([putA("1")]));
      await clock.until(engine.flush());
      engine.crash();
      const isLost = files.tables.get(key) === undefined;
      expect(isLost).toBe(counters.silentFlushes > 0);
      expect(counters.lostMemtables).toBe(isLost ? 1 : 0);
      if (isLost) lost += 1;
    }
    expect(lost).toBeGreaterThan(5);
    expect(lost).toBeLessThan(20);
  });

  test("settles no promise of before", async () => {
    const { clock, disk } = newRun(5, "deleted");
    const store = await clock.until(disk.open());
    await clock.until(store.write([putA("1")]));
    const settled: string[] = [];
    for (const pending of [store.checkpoint(), store.getMany([key]), store.write([putA("2")])]) {
      void pending.then(
        () => settled.push("resolved"),
        () => settled.push("rejected"),
      );
    }
    disk.crash();
    await clock.runEvents(1000);
    expect(settled).toEqual([]);
  });
});

describe("a twin whose operations take time", () => {
  const slowRun = (seed: number): CrashRun => {
    const random = new SeededRandom(seed);
    const clock = newClock(random);
    const latency = drawnLatency("slow", new SeededRandom(seed));
    const disk = new MemoryStoreDisk({ clock, random, latency, writeBufferBytes: 20_000 });
    return { clock, disk, random };
  };

  test("answers later than it was asked, mostly soon and seldom late", async () => {
    for (const pace of STORE_PACES) {
      const latency = drawnLatency(pace, new SeededRandom(3));
      const drawn = Array.from({ length: 20_000 }, () => latency.nextMs()).sort((a, b) => a - b);
      const [median = 0, longest = 0] = [drawn[10_000], drawn.at(-1)];
      expect(drawn[0]).toBeGreaterThan(0);
      expect(median).toBeLessThan(pace === "slow" ? 3 : 1);
      expect(longest).toBeGreaterThan(pace === "swift" ? 0.04 : 100);
    }
    const { clock, disk } = slowRun(1);
    const store = await clock.until(disk.open());
    for (const call of [
      () => store.write([putA("1")]),
      () => store.getMany([key]),
      () => store.iterate(range).next(1, 100),
      () => store.approximateBytes(range.start, range.end),
    ]) {
      const before = clock.monotonicMs();
      await clock.until<unknown>(call());
      expect(clock.monotonicMs()).toBeGreaterThan(before);
    }
  });

  test("lets other work come between a read and its answer, which then is of before or after it", async () => {
    const seen = new Set<string>();
    for (let seed = 0; seed < 60; seed++) {
      const { clock, disk } = slowRun(seed);
      const store = await clock.until(disk.open());
      await clock.until(store.write([putA("old")]));
      const order: string[] = [];
      const read = store.getMany([key]).then(([value]) => order.push(String(value)));
      const write = store.write([putA("new")]).then(() => order.push("written"));
      await clock.until(Promise.all([read, write]));
      seen.add(order.join(" "));
    }
    expect([...seen].sort()).toEqual(["new written", "old written", "written new", "written old"]);
  });

  test("still recovers to a prefix of the batches, and to all that was proven", async () => {
    let midway = 0;
    for (let seed = 0; seed < 30; seed++) {
      for await (const { batches } of prefixesOf(seed, slowRun(seed))) {
        midway += batches > 0 ? 1 : 0;
      }
    }
    expect(midway).toBeGreaterThan(50);
  });

  test("a batch that was not carried out before the crash has no effect, and nobody hears of it", async () => {
    const outcomes = new Set<string>();
    for (let seed = 0; seed < 60; seed++) {
      const { clock, disk } = slowRun(seed);
      const store = await clock.until(disk.open());
      let isAnswered = false;
      void store.write([putA("1")]).then(() => (isAnswered = true));
      // The store's turn, then the engine's: the batch has been handed to it, and takes its time.
      await Promise.resolve();
      await Promise.resolve();
      const isCarriedOut = disk.contents.get(key) !== undefined;
      disk.crash();
      await clock.runFor(10_000);
      expect(isAnswered).toBe(false);
      expect(disk.flushed.get(key)).toBeUndefined();
      expect(disk.counters.lostMemtables).toBe(isCarriedOut ? 1 : 0);
      outcomes.add(isCarriedOut ? "carried out, then lost" : "never carried out");
    }
    expect(outcomes.size).toBe(2);
  });

  test("closes when everything under way is answered", async () => {
    for (let seed = 0; seed < 20; seed++) {
      const { clock, disk } = slowRun(seed);
      const store = await clock.until(disk.open());
      await clock.until(store.write([putA("1")]));
      const order: string[] = [];
      const reads = Array.from({ length: 5 }, () =>
        store.getMany([key]).then(([value]) => order.push(String(value))),
      );
      const closed = store.close().then(() => order.push("closed"));
      await clock.until(Promise.all([...reads, closed]));
      expect(order).toEqual(["1", "1", "1", "1", "1", "closed"]);
    }
  });
});

describe("the twin's faults", () => {
  test("a failed write fails every later call, and the store is only closed", async () => {
    const { clock, disk } = newRun(1, "deleted");
    const store = await clock.until(disk.open());
    disk.failWrites(new Error("ENOSPC"));
    await expect(clock.until(store.write([putA("1")]))).rejects.toThrow(StoreFailedError);
    for (const call of [
      () => store.write([putA("1")]),
      () => store.getMany([key]),
      () => store.checkpoint(),
    ]) {
      await expect(call()).rejects.toThrow(/ENOSPC/);
    }
    await clock.until(store.close());
  });

  test("a failed flush shows in no flush request, but in every batch and after the crash", async () => {
    const { clock, disk } = newRun(1, "deleted");
    const store = await clock.until(disk.open());
    await clock.until(store.write([putA("proven")]));
    await clock.until(store.checkpoint());
    await clock.until(store.write([putA("lost")]));
    disk.failNextFlush(new Error("EIO"));
    await expect(clock.until(store.checkpoint())).rejects.toThrow(/no proof/);
    await expect(clock.until(store.write([putA("refused")]))).rejects.toThrow(StoreFailedError);
    expect(disk.contents.get(key)?.toString()).toBe("lost");
    expect(disk.flushed.get(key)?.toString()).toBe("proven");
    disk.crash();
    expect(disk.counters).toMatchObject({ failedFlushes: 1, lostMemtables: 1 });
    const again = await clock.until(disk.open());
    expect((await clock.until(again.getMany([key])))[0]?.toString()).toBe("proven");
    await clock.until(again.write([putA("fresh")]));
    await clock.until(again.checkpoint());
  });

  test("after a failed flush a batch that needs a new memtable fails at once", async () => {
    const { clock, disk } = newRun(1, "deleted");
    const store = await clock.until(disk.open());
    disk.failNextFlush(new Error("EIO"));
    const fill = async (): Promise<void> => {
      for (;;) await store.write([putA("x".repeat(15_000))]);
    };
    const before = clock.monotonicMs();
    await expect(clock.until(fill())).rejects.toThrow(/EIO/);
    expect(clock.monotonicMs() - before).toBeLessThan(100);
  });

  test("a flush that stalls holds the checkpoint up, and reads and batches go on", async () => {
    const { clock, disk } = newRun(2, "deleted");
    const store = await clock.until(disk.open());
    await clock.until(store.write([putA("1")]));
    disk.stallNextFlush(5_000);
    const before = clock.monotonicMs();
    const proven = store.checkpoint();
    await clock.runFor(1_000);
    const wrote = clock.monotonicMs();
    await clock.until(store.write([putA("2")]));
    expect((await clock.until(store.getMany([key])))[0]?.toString()).toBe("2");
    expect(clock.monotonicMs() - wrote).toBeLessThan(1);
    await clock.until(proven);
    expect(clock.monotonicMs() - before).toBeGreaterThan(5_000);
    expect(clock.monotonicMs() - before).toBeLessThan(6_000);
    expect(disk.counters.stalledFlushes).toBe(1);
  });

  test("a store that halts holds up what begins meanwhile, and nothing before or after", async () => {
    const { clock, disk } = newRun(2, "deleted");
    const store = await clock.until(disk.open());
    await clock.until(store.write([putA("1")]));
    const order: string[] = [];
    void store.getMany([key]).then(() => order.push("before"));
    disk.halt(500);
    void store.getMany([key]).then(() => order.push("meanwhile"));
    await clock.runFor(499);
    expect(order).toEqual(["before"]);
    await clock.runFor(1);
    expect(order).toEqual(["before", "meanwhile"]);
    const halted = clock.monotonicMs();
    await clock.until(store.write([putA("2")]));
    expect(clock.monotonicMs()).toBe(halted);
  });

  test("a damaged store is refused until it is wiped", async () => {
    const { clock, disk } = newRun(1, "deleted");
    const store = await clock.until(disk.open());
    await clock.until(store.write([putA("1")]));
    await clock.until(store.close());
    disk.damage("a bit of the manifest flipped");
    await expect(disk.open()).rejects.toThrow(StoreRefusedError);
    disk.wipe();
    const wiped = await clock.until(disk.open());
    expect(await clock.until(wiped.getMany([key]))).toEqual([undefined]);
  });

  test("a flipped bit shows in readers of the table, not in what was handed out", async () => {
    const { clock, disk } = newRun(1, "deleted");
    const store = await clock.until(disk.open());
    expect(disk.flipBit(range)).toBeNull();
    // The checkpoint's probe writes the last key again, so that must be another.
    const other = { type: "put", key: Buffer.from("zz"), value: Buffer.from("1") } as const;
    await clock.until(store.write([putA("old"), other]));
    await clock.until(store.checkpoint());
    const [before] = await clock.until(store.getMany([key]));
    expect(disk.flipBit(range)).toEqual(key);
    const [after] = await clock.until(store.getMany([key]));
    expect(before?.toString()).toBe("old");
    expect(after?.length).toBe(3);
    expect(after?.equals(Buffer.from("old"))).toBe(false);
    await clock.until(store.write([putA("new")]));
    expect((await clock.until(store.getMany([key])))[0]?.toString()).toBe("new");
  });
});
