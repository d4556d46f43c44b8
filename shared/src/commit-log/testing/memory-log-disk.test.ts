import { beforeEach, describe, expect, test } from "vitest";
import { SeededRandom } from "../../random.ts";
import { nextMacrotask } from "../../testing/macrotask.adapter.ts";
import { SimulatedClock } from "../../testing/simulated-clock.ts";
import { MemoryLogDisk } from "./memory-log-disk.ts";
import type { DiskStep } from "./memory-log-disk.ts";

const bytesOf = (length: number, value: number): Buffer => Buffer.alloc(length, value);

describe("the simulated disk", () => {
  let line: SimulatedClock;
  let disk: MemoryLogDisk;

  beforeEach(() => {
    line = new SimulatedClock(new SeededRandom(1), nextMacrotask);
    disk = new MemoryLogDisk({ random: new SeededRandom(2), clock: line, stepMs: () => 1 });
  });

  test("ends the process between any two steps of a call, and no later step is taken", async () => {
    const steps: DiskStep[] = ["create", "write", "sync", "rename", "sync-names"];
    for (const [at, step] of steps.entries()) {
      const taken: string[] = [];
      const fresh = new MemoryLogDisk({
        random: new SeededRandom(3),
        clock: line,
        stepMs: () => 1,
        beforeStep: (each) => taken.push(each),
      });
      fresh.atNthStep(step, 1, () => fresh.endProcess());
      let settled = false;
      const call = fresh.openDirectory().createDurably("a", bytesOf(10, 1));
      void call.finally(() => (settled = true));
      await line.runFor(100);
      expect(settled).toBe(false);
      expect(taken).toEqual(steps.slice(0, at + 1));
      expect(fresh.fileNames()).toEqual(at === 0 ? [] : at < 4 ? ["a.tmp"] : ["a"]);
    }
  });

  test("takes a step whose point only watches, counts steps of its kind alone", async () => {
    const directory = disk.openDirectory();
    await line.until(directory.createDurably("a", bytesOf(10, 1)));
    const seen: string[] = [];
    disk.atNthStep("write", 2, () => seen.push(`${disk.fileBytes("a")[0]}`));
    for (const value of [2, 3, 4]) {
      await line.until(directory.writeAndSync("a", 0, bytesOf(10, value)));
    }
    expect(seen).toEqual(["2"]);
    expect(disk.fileBytes("a")).toEqual(bytesOf(10, 4));
  });

  test("forgets points, failures and stalls when the process ends", async () => {
    disk.openDirectory();
    let acted = false;
    disk.atNthStep("create", 1, () => (acted = true));
    disk.failStep("sync");
    disk.stallNext(1_000);
    disk.endProcess();
    const before = line.monotonicMs();
    await line.until(disk.openDirectory().createDurably("a", bytesOf(10, 1)));
    expect(line.monotonicMs() - before).toBe(5);
    expect(acted).toBe(false);
  });

  test("stalls in one step, and what stands behind it waits as well", async () => {
    const directory = disk.openDirectory();
    await line.until(directory.createDurably("a", bytesOf(10, 1)));
    disk.stallNext(3_000);
    disk.stallNext(2_000);
    const before = line.monotonicMs();
    const first = directory.writeAndSync("a", 0, bytesOf(10, 2));
    await line.until(Promise.all([first, directory.readFile("a")]));
    expect(line.monotonicMs() - before).toBe(3_003);
    expect(disk.counters.stalls).toBe(1);
  });

  test("tells a watcher set later of each step, with the file's name", async () => {
    const directory = disk.openDirectory();
    await line.until(directory.createDurably("a", bytesOf(10, 1)));
    const steps: string[] = [];
    disk.beforeStep = (step, name) => steps.push(`${step} ${name}`);
    await line.until(directory.writeAndSync("a", 0, bytesOf(1, 1)));
    disk.beforeStep = null;
    await line.until(directory.remove("a"));
    expect(steps).toEqual(["write a", "sync a"]);
  });

  test("counts the faults that took effect by their kinds", async () => {
    const directory = disk.openDirectory();
    await line.until(directory.createDurably("a", bytesOf(8 * 512, 1)));
    disk.failStep("sync");
    const failed = directory.writeAndSync("a", 0, bytesOf(10, 2));
    await expect(line.until(failed)).rejects.toThrow("EIO");
    disk.failStep("remove");
    await expect(line.until(directory.remove("a"))).rejects.toThrow("EIO");
    disk.limitCapacity(disk.usedBytes + 100);
    const full = directory.write("a", 8 * 512, bytesOf(512, 3));
    await expect(line.until(full)).rejects.toThrow("ENOSPC");
    expect(disk.fileBytes("a").length).toBe(8 * 512 + 100);
    disk.flipBit("a", 0);
    expect(disk.counters).toEqual({
      lostSectors: 0,
      lostNames: 0,
      failedSyncs: 1,
      failedSteps: 1,
      fullWrites: 1,
      stalls: 0,
      flippedBits: 1,
      misdirectedSectors: 0,
    });
  });

  test("counts the sectors and names that a power loss took", async () => {
    let sectors = 0;
    let names = 0;
    for (let seed = 0; seed < 40; seed++) {
      const fresh = new MemoryLogDisk({ random: new SeededRandom(seed) });
      const directory = fresh.openDirectory();
      await directory.createDurably("a", bytesOf(16 * 512, 1));
      await directory.write("a", 0, bytesOf(16 * 512, 2));
      fresh.atNthStep("sync-names", 1, () => fresh.losePower());
      void directory.remove("a");
      await nextMacrotask();
      const isBack = fresh.fileNames().length === 1;
      expect(fresh.counters.lostNames).toBe(isBack ? 1 : 0);
      names += fresh.counters.lostNames;
      if (!isBack) continue;
      const old = Array.from({ length: 16 }, (_, at) => fresh.fileBytes("a")[at * 512]);
      expect(fresh.counters.lostSectors).toBe(old.filter((value) => value === 1).length);
      sectors += fresh.counters.lostSectors;
    }
    expect(names).toBeGreaterThan(10);
    expect(names).toBeLessThan(30);
    expect(sectors).toBeGreaterThan(names * 4);
  });

  test("a sector that went astray lies over another one, for good", async () => {
    const directory = disk.openDirectory();
    const bytes = Buffer.concat([bytesOf(512, 1), bytesOf(512, 2), bytesOf(100, 3)]);
    await line.until(directory.createDurably("a", bytes));
    disk.misdirectSector("a", 0, 2);
    disk.misdirectSector("a", 1, 0);
    disk.losePower();
    const expected = Buffer.concat([bytesOf(1024, 2), bytesOf(100, 1)]);
    expect(disk.fileBytes("a")).toEqual(expected);
    expect(disk.counters.misdirectedSectors).toBe(2);
    expect(() => disk.misdirectSector("a", 0, 3)).toThrow(/3 sectors/);
  });
});
