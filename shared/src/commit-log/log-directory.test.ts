// One suite for both directories: what the log may rely on without faults.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { SeededRandom } from "../random.ts";
import type { CommitLog, OpenedLog } from "./commit-log.ts";
import type { LogDirectory } from "./disk.ts";
import { FileLogDirectory } from "./log-directory.adapter.ts";
import {
  OWN_ID,
  asRecovered,
  created,
  entries,
  entry,
  hardState,
  snapshotInstalled,
  tombstone,
} from "./testing/log-samples.ts";
import { MemoryLogDisk } from "./testing/memory-log-disk.ts";
import { openCommitLog } from "./open-commit-log.ts";

const SEGMENT_BYTES = 64 * 1024;

/** `directory` opens what the process before it left. */
interface Disk {
  directory(): LogDirectory;
  remove(): void;
}

function memoryDisk(): Disk {
  const memory = new MemoryLogDisk({ random: new SeededRandom(1) });
  return {
    directory: () => memory.openDirectory(),
    remove: () => undefined,
  };
}

function fileDisk(): Disk {
  const parent = mkdtempSync(join(tmpdir(), "stele-log-"));
  return {
    directory: () => new FileLogDirectory(join(parent, "log")),
    remove: () => rmSync(parent, { recursive: true }),
  };
}

describe.each([
  ["memory", memoryDisk],
  ["file", fileDisk],
])("a %s directory", (_kind, createDisk) => {
  let disk: Disk;
  let opened: { close(): Promise<void> } | null = null;

  beforeEach(() => {
    disk = createDisk();
  });
  afterEach(async () => {
    await opened?.close();
    opened = null;
    disk.remove();
  });

  function openDirectory(): LogDirectory {
    const directory = disk.directory();
    opened = directory;
    return directory;
  }

  async function open(): Promise<OpenedLog> {
    const directory = openDirectory();
    const random = new SeededRandom(2);
    const result = await openCommitLog({
      directory,
      serverId: OWN_ID,
      random,
      segmentBytes: SEGMENT_BYTES,
    });
    opened = result.log;
    return result;
  }

  async function close(log: CommitLog): Promise<void> {
    opened = null;
    await log.close();
  }

  test("a file is created whole, written in place, cut and removed", async () => {
    const directory = openDirectory();
    await directory.createDurably("a", Buffer.from("0123456789"));
    await directory.createDurably("b", Buffer.from("b"));
    await directory.writeAndSync("a", 4, Buffer.from("xy"));
    await directory.write("a", 12, Buffer.from("z"));
    expect((await directory.readFile("a")).toString()).toBe("0123xy6789\0\0z");
    expect((await directory.readAt("a", 9, 100)).toString()).toBe("9\0\0z");
    expect(await directory.readAt("a", 50, 10)).toHaveLength(0);
    await directory.truncateDurably("a", 5);
    await directory.createDurably("b", Buffer.from("replaced"));
    expect((await directory.readFile("a")).toString()).toBe("0123x");
    expect((await directory.readFile("b")).toString()).toBe("replaced");
    await directory.remove("a");
    expect(await directory.list()).toEqual(["b"]);
  });

  test("calls take effect in the order in which they were made", async () => {
    const directory = openDirectory();
    const calls = [
      directory.createDurably("a", Buffer.from("1")),
      directory.writeAndSync("a", 0, Buffer.from("2")),
      directory.write("a", 1, Buffer.from("3")),
    ];
    const read = directory.readFile("a");
    const removed = directory.remove("a");
    expect((await read).toString()).toBe("23");
    await Promise.all([...calls, removed]);
  });

  test("a call on a file that does not exist rejects and creates nothing", async () => {
    const directory = openDirectory();
    await expect(directory.readFile("a")).rejects.toThrow("ENOENT");
    await expect(directory.writeAndSync("a", 0, Buffer.from("x"))).rejects.toThrow("ENOENT");
    await expect(directory.remove("a")).rejects.toThrow("ENOENT");
    expect(await directory.list()).toEqual([]);
  });

  test("the log gives back every kind of record, and entries on demand", async () => {
    const { log } = await open();
    const config = entry(2, "a config", "config");
    const batches = [
      [created(1, "state of 1"), hardState(1, null), hardState(2, 102, 7)],
      [entries(1, entry(1, "", "empty"), config, entry(3, "a row")), tombstone(2, "why")],
      [snapshotInstalled(1, 40, "spans"), entries(1, entry(41, Buffer.alloc(5000, 7)))],
    ];
    for (const [nth, records] of batches.entries()) {
      expect((await log.append(records)).lsn).toBe(nth + 1);
    }
    await close(log);

    const again = await open();
    expect(again.damage).toEqual([]);
    expect(again.repairedTornTail).toBe(false);
    expect(again.records.map(({ record }) => record)).toEqual(batches.flat().map(asRecovered));
    const recovered = again.records.flatMap(({ record, locations }) =>
      record.kind === "entries"
        ? record.entries.map((item, nth) => ({ ...record, ...item, location: locations[nth]! }))
        : [],
    );
    const payloads = await again.log.read(recovered.toReversed());
    expect(payloads.map(String)).toEqual([String(Buffer.alloc(5000, 7)), "a row", "a config", ""]);
  });

  test("the log rolls over, frees from the oldest on, and survives restarts", async () => {
    let { log } = await open();
    const locations = [];
    for (let index = 1; index <= 40; index++) {
      const record = entries(1, entry(index, Buffer.alloc(5000, index)));
      const result = await log.append([record]);
      locations.push({
        ...record,
        index: record.entries[0]!.index,
        location: result.locations[0]!,
      });
    }
    expect(log.segments().map(({ segment }) => segment)).toEqual([1, 2, 3, 4]);
    expect(log.segments().map(({ firstLsn }) => firstLsn)).toEqual([1, 13, 25, 37]);
    expect(await log.freeThrough(11)).toBe(0);
    expect(await log.freeThrough(30)).toBe(2);
    await expect(log.read([locations[0]!])).rejects.toMatchObject({ reason: "freed" });
    await close(log);

    const again = await open();
    ({ log } = again);
    expect(again.records.map(({ lsn }) => lsn)).toEqual(locations.slice(24).map((_, i) => i + 25));
    expect(await log.freeThrough(1000)).toBe(1);
    expect((await log.append([hardState(1, 101)])).lsn).toBe(41);
    const [last] = await log.read([locations[39]!]);
    expect(last).toEqual(Buffer.alloc(5000, 40));
  });

  test("a batch larger than a segment gets one alone", async () => {
    const { log } = await open();
    await log.append([hardState(1, 101)]);
    const big = entries(1, entry(1, Buffer.alloc(200_000, 1)));
    const { segment, locations } = await log.append([big]);
    const small = await log.append([hardState(1, 102)]);
    expect([segment, small.segment]).toEqual([2, 3]);
    const index = big.entries[0]!.index;
    const [payload] = await log.read([{ ...big, index, location: locations[0]! }]);
    expect(payload).toEqual(Buffer.alloc(200_000, 1));
  });

  test("an idle log gets one marker, and the next batch overwrites it", async () => {
    const { log } = await open();
    await log.append([hardState(1, 101)]);
    for (let tick = 0; tick < 3; tick++) log.noteIdle();
    await log.append([hardState(1, 102)]);
    await log.append([hardState(1, 103)]);
    await close(log);
    const again = await open();
    expect(again.records.map(({ lsn }) => lsn)).toEqual([1, 2, 3]);
    expect(again.damage).toEqual([]);
  });

  test("recovery delivers records one by one to a caller that keeps none", async () => {
    const { log } = await open();
    await log.append([hardState(1, 101), hardState(2, 102)]);
    await log.append([hardState(1, 103)]);
    await close(log);
    const delivered: number[] = [];
    const directory = openDirectory();
    const again = await openCommitLog({
      directory,
      serverId: OWN_ID,
      random: new SeededRandom(3),
      deliver: ({ lsn }) => void delivered.push(lsn),
    });
    expect(delivered).toEqual([1, 1, 2]);
    expect(again.records).toEqual([]);
  });
});

describe("a file directory alone", () => {
  test("rejects pending and later calls when its thread ends", async () => {
    const parent = mkdtempSync(join(tmpdir(), "stele-log-"));
    try {
      writeFileSync(join(parent, "file"), "");
      const directory = new FileLogDirectory(join(parent, "file", "log"));
      await expect(directory.list()).rejects.toThrow("thread");
      await expect(directory.list()).rejects.toThrow("thread");
      await directory.close();
    } finally {
      rmSync(parent, { recursive: true });
    }
  });
});
