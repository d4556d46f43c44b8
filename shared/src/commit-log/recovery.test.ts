// Each row: what a disk does to a log, and what the log says at the next start.
import { beforeEach, describe, expect, test } from "vitest";
import { SeededRandom } from "../random.ts";
import { LogFailedError, LogRefusedError } from "./commit-log.ts";
import type { CommitLog, OpenedLog } from "./commit-log.ts";
import type { LogDirectory } from "./disk.ts";
import { batchBytes, encodeBatch } from "./batch-codec.ts";
import { BATCH_HEADER_BYTES, SEGMENT_HEADER, TABLE_ROW_BYTES, segmentName } from "./log-format.ts";
import { FOREIGN_ID, OWN_ID, entries, entry, hardState, ownerOf } from "./testing/log-samples.ts";
import { MemoryLogDisk } from "./testing/memory-log-disk.ts";
import { openCommitLog } from "./open-commit-log.ts";

const SEGMENT_BYTES = 32 * 1024;
const PAYLOAD_BYTES = 3000;
const ACTIVE = segmentName(3);
const MIDDLE = segmentName(2);

interface Batch {
  readonly lsn: number;
  readonly segment: number;
  /** In the segment's file: `[start, end)`. */
  readonly start: number;
  readonly end: number;
}

let disk: MemoryLogDisk;
let directory: LogDirectory;
let batches: Batch[];

function open(serverId = OWN_ID): Promise<OpenedLog> {
  directory = disk.openDirectory();
  const random = new SeededRandom(5);
  return openCommitLog({ directory, serverId, random, segmentBytes: SEGMENT_BYTES });
}

async function appendBatch(log: CommitLog): Promise<Batch> {
  const lsn = batches.length + 1;
  const payload = Buffer.alloc(PAYLOAD_BYTES, lsn);
  const { segment } = await log.append([entries(lsn, entry(1, payload)), hardState(lsn, 9)]);
  const end = log.segments().at(-1)!.bytes;
  const length = BATCH_HEADER_BYTES + 2 * TABLE_ROW_BYTES + 24 + PAYLOAD_BYTES + 8;
  const batch = { lsn, segment, start: end - length, end };
  batches.push(batch);
  return batch;
}

/** 24 batches in three segments: 9, 9 and 6. Batch n is about tablet n. */
beforeEach(async () => {
  disk = new MemoryLogDisk({ random: new SeededRandom(4) });
  batches = [];
  const { log } = await open();
  for (let lsn = 1; lsn <= 24; lsn++) await appendBatch(log);
  expect(log.segments().map(({ lastLsn }) => lastLsn)).toEqual([9, 18, 24]);
});

const batch = (lsn: number): Batch => batches[lsn - 1]!;
const lsnsOf = ({ records }: OpenedLog): number[] => [...new Set(records.map(({ lsn }) => lsn))];
const allBut = (...lost: number[]): number[] =>
  batches.map(({ lsn }) => lsn).filter((lsn) => !lost.includes(lsn));

/** Makes the last batch one that is known to have been durable. */
async function markIdle(): Promise<void> {
  const { log } = await open();
  await log.close();
}

async function expectTorn(lost: number): Promise<void> {
  const first = await open();
  expect(first.damage).toEqual([]);
  expect(first.repairedTornTail).toBe(true);
  expect(lsnsOf(first)).toEqual(allBut(lost));
  const { lsn } = await first.log.append([hardState(1, 1)]);
  expect(lsn).toBe(lost);
  const second = await open();
  expect([second.damage, second.repairedTornTail]).toEqual([[], false]);
  expect(lsnsOf(second)).toEqual([...allBut(lost), lost]);
}

/** Twice, because the loss must be told until the segment is freed; and appending goes on. */
async function expectDamage(
  lost: { from: number; to: number },
  segment: number,
  replicas: readonly unknown[] | null,
): Promise<void> {
  const gone = batches.map(({ lsn }) => lsn).filter((lsn) => lsn >= lost.from && lsn < lost.to);
  const next = batches.length + 1;
  const kept = allBut(...gone);
  for (const appended of [next, next + 1]) {
    const opened = await open();
    expect(opened.damage).toMatchObject([{ segment, lost, replicas }]);
    expect(opened.damage[0]!.detail).toContain(`batch`);
    expect(opened.repairedTornTail).toBe(false);
    expect(lsnsOf(opened)).toEqual(kept);
    expect((await opened.log.append([hardState(1, 1)])).lsn).toBe(appended);
    kept.push(appended);
  }
}

async function expectRefusal(...texts: string[]): Promise<void> {
  const before = disk.fileNames().map((name) => [name, disk.fileBytes(name)]);
  const error: unknown = await open().catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(LogRefusedError);
  for (const text of [...texts, "empty data directory"]) {
    expect((error as Error).message).toContain(text);
  }
  expect(disk.fileNames().map((name) => [name, disk.fileBytes(name)])).toEqual(before);
}

function zero(name: string, start: number, end: number): void {
  disk.damage(name, (bytes) => void bytes.fill(0, start, end));
}

function cut(name: string, length: number): void {
  disk.placeFile(name, disk.fileBytes(name).subarray(0, length));
}

describe("the last batch, when nothing shows that it was acknowledged, is torn", () => {
  test("if a bit of its payload is flipped", async () => {
    disk.flipBit(ACTIVE, batch(24).end - 100);
    await expectTorn(24);
  });

  test("if a bit of its header is flipped", async () => {
    disk.flipBit(ACTIVE, batch(24).start + 5);
    await expectTorn(24);
  });

  test("if a bit of its table is flipped", async () => {
    disk.flipBit(ACTIVE, batch(24).start + BATCH_HEADER_BYTES + 9);
    await expectTorn(24);
  });

  test("if a sector in its middle was never written", async () => {
    zero(ACTIVE, batch(24).start + 512, batch(24).start + 1024);
    await expectTorn(24);
  });

  test("if its first page was never written", async () => {
    zero(ACTIVE, batch(24).start, batch(24).start + 2048);
    await expectTorn(24);
  });

  test("if the file ends within it", async () => {
    cut(ACTIVE, batch(24).end - 1000);
    await expectTorn(24);
  });

  test("if the file ends within its header", async () => {
    cut(ACTIVE, batch(24).start + 20);
    await expectTorn(24);
  });

  test("if only one tick passed since it was written", async () => {
    const { log } = await open();
    const { lsn, end } = await appendBatch(log);
    log.noteIdle();
    await directory.list();
    disk.flipBit(ACTIVE, end - 100);
    await expectTorn(lsn);
  });
});

describe("a batch that was acknowledged is damaged, not torn", () => {
  test("if a marker follows: a payload names its replicas", async () => {
    await markIdle();
    disk.flipBit(ACTIVE, batch(24).end - 100);
    await expectDamage({ from: 24, to: 25 }, 3, [ownerOf(24)]);
  });

  test("if a marker follows: a zeroed header names nobody", async () => {
    await markIdle();
    zero(ACTIVE, batch(24).start, batch(24).start + 512);
    await expectDamage({ from: 24, to: 25 }, 3, null);
  });

  test.each([
    [
      "two idle ticks",
      async (log: CommitLog) => {
        log.noteIdle();
        log.noteIdle();
        // The marker is written in front of any later call (D1).
        await directory.list();
      },
    ],
    ["a clean close", (log: CommitLog) => log.close()],
  ])("if a marker follows, which %s wrote", async (_name, finish) => {
    const { log } = await open();
    const { lsn } = await appendBatch(log);
    await finish(log);
    disk.flipBit(ACTIVE, batch(lsn).end - 100);
    await expectDamage({ from: lsn, to: lsn + 1 }, 3, [ownerOf(lsn)]);
  });

  test("if a batch follows: a flipped bit of the payload", async () => {
    disk.flipBit(ACTIVE, batch(21).start + 500);
    await expectDamage({ from: 21, to: 22 }, 3, [ownerOf(21)]);
  });

  test("if a batch follows: a flipped bit of the table", async () => {
    disk.flipBit(ACTIVE, batch(21).start + BATCH_HEADER_BYTES + 9);
    await expectDamage({ from: 21, to: 22 }, 3, null);
  });

  test.each([0, 4, 8, 16, 24, 28, 32, 36])(
    "if a batch follows: a flipped bit of the header's byte %i",
    async (byte) => {
      disk.flipBit(ACTIVE, batch(21).start + byte);
      await expectDamage({ from: 21, to: 22 }, 3, null);
    },
  );

  test("if a batch follows: a zeroed page that hits two batches", async () => {
    zero(ACTIVE, batch(20).end - 2048, batch(20).end + 2048);
    const opened = await open();
    expect(opened.damage).toMatchObject([{ lost: { from: 20, to: 22 }, replicas: null }]);
    expect(lsnsOf(opened)).toEqual(allBut(20, 21));
  });

  test("if a segment follows: the last batch of a middle segment", async () => {
    disk.flipBit(MIDDLE, batch(18).end - 100);
    await expectDamage({ from: 18, to: 19 }, 2, [ownerOf(18)]);
  });

  test("if a segment follows: its last two batches, of which one would still name a replica", async () => {
    disk.flipBit(MIDDLE, batch(17).end - 100);
    zero(MIDDLE, batch(18).start, batch(18).start + 64);
    await expectDamage({ from: 17, to: 19 }, 2, null);
  });

  test("if a segment follows: a middle segment that lost its end", async () => {
    cut(MIDDLE, batch(15).start);
    await expectDamage({ from: 15, to: 19 }, 2, null);
  });

  test("in each of several places, in one start", async () => {
    disk.flipBit(segmentName(1), batch(3).end - 100);
    disk.flipBit(MIDDLE, batch(11).end - 100);
    disk.flipBit(ACTIVE, batch(24).end - 100);
    const opened = await open();
    expect(opened.damage).toMatchObject([{ replicas: [ownerOf(3)] }, { replicas: [ownerOf(11)] }]);
    expect(opened.repairedTornTail).toBe(true);
    expect(lsnsOf(opened)).toEqual(allBut(3, 11, 24));
  });
});

describe("what lies behind the tail is not taken for batches", () => {
  test("batches of another salt", async () => {
    const file = disk.fileBytes(ACTIVE).subarray(0, batch(24).end);
    const salt = (file.readUInt32LE(SEGMENT_HEADER.salt) ^ 1) >>> 0;
    // Batches with the very LSNs that would follow.
    const old = [25, 26].map((lsn) => {
      const records = [hardState(lsn, 9)];
      const stamp = { lsn, durableLsn: lsn - 1, salt };
      return encodeBatch(records, batchBytes(records), stamp, { segment: 3, offset: 0 }).bytes;
    });
    disk.placeFile(ACTIVE, Buffer.concat([file, ...old]));
    await expectTorn(25);
  });

  test("a second copy of batches that are in the log", async () => {
    const file = disk.fileBytes(ACTIVE).subarray(0, batch(24).end);
    disk.placeFile(ACTIVE, Buffer.concat([file, file.subarray(batch(22).start)]));
    const opened = await open();
    expect(opened.repairedTornTail).toBe(true);
    expect(opened.damage).toEqual([]);
    expect(lsnsOf(opened)).toEqual(allBut());
  });

  test("a copy of the last segment that was not yet switched to", async () => {
    disk.placeFile(`${ACTIVE}.tmp`, disk.fileBytes(ACTIVE));
    expect(lsnsOf(await open())).toEqual(allBut());
    expect(disk.fileNames()).toEqual(["bounds", ...[1, 2, 3].map(segmentName)]);
  });

  test("the torn header of a segment that was being created", async () => {
    disk.placeFile(`${segmentName(4)}.tmp`, Buffer.from("STEL"));
    expect(lsnsOf(await open())).toEqual(allBut());
    expect(disk.fileNames()).toEqual(["bounds", ...[1, 2, 3].map(segmentName)]);
  });
});

describe("the start is refused", () => {
  test.each([1, 2, 3])("without segment %i", async (segment) => {
    disk.loseFile(segmentName(segment));
    await expectRefusal(segmentName(segment), "missing");
  });

  test("without any segment, or without the bounds", async () => {
    const bounds = disk.fileBytes("bounds");
    disk.loseFile("bounds");
    await expectRefusal("bounds", "missing");
    for (const name of disk.fileNames()) disk.loseFile(name);
    disk.placeFile("bounds", bounds);
    await expectRefusal(segmentName(1), "missing");
  });

  test("with an empty directory, if the caller knows that there was a log", async () => {
    for (const name of disk.fileNames()) disk.loseFile(name);
    directory = disk.openDirectory();
    const random = new SeededRandom(5);
    const opening = openCommitLog({ directory, serverId: OWN_ID, random, whenEmpty: "refuse" });
    await expect(opening).rejects.toThrow(LogRefusedError);
    expect(disk.fileNames()).toEqual([]);
  });

  test("with another server's log", async () => {
    const error: unknown = await open(FOREIGN_ID).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(LogRefusedError);
    expect((error as Error).message).toContain(`belongs to server ${OWN_ID}`);
  });

  test("with another server's segment", async () => {
    const other = new MemoryLogDisk({ random: new SeededRandom(6) });
    const random = new SeededRandom(7);
    await openCommitLog({ directory: other.openDirectory(), serverId: FOREIGN_ID, random });
    disk.placeFile(segmentName(1), other.fileBytes(segmentName(1)));
    await expectRefusal(segmentName(1), `belongs to server ${FOREIGN_ID}`);
  });

  test.each([0, 9, 20, 33, 41, 49])("with a flipped bit in a segment header", async (offset) => {
    disk.flipBit(MIDDLE, offset);
    await expectRefusal(MIDDLE);
  });

  test("with a flipped bit in the bounds", async () => {
    disk.flipBit("bounds", 33);
    await expectRefusal("bounds", "checksum");
  });

  test("with a segment under another one's name", async () => {
    disk.placeFile(MIDDLE, disk.fileBytes(segmentName(1)));
    await expectRefusal(MIDDLE, `written as ${segmentName(1)}`);
  });

  test("with a segment that does not belong to the log", async () => {
    disk.placeFile(segmentName(5), disk.fileBytes(ACTIVE));
    await expectRefusal(segmentName(4), "missing");
  });

  test("with a segment of another history", async () => {
    const before = disk.fileBytes(MIDDLE);
    disk = new MemoryLogDisk({ random: new SeededRandom(8) });
    batches = [];
    const { log } = await open();
    for (let lsn = 1; lsn <= 24; lsn++) {
      // Sized like the first history, with other bytes in batch 18.
      const other = lsn === 18 ? 77 : lsn;
      const record = entries(lsn, entry(1, Buffer.alloc(PAYLOAD_BYTES, other)));
      await log.append([record, hardState(lsn, 9)]);
    }
    disk.placeFile(MIDDLE, before);
    await expectRefusal(ACTIVE, "does not continue");
  });
});

describe("a disk that fails", () => {
  test("on fsync ends the log, and nothing that recovery then gave back is lost later", async () => {
    const { log } = await open();
    const lsn = batches.length + 1;
    disk.failStep("sync");
    await expect(log.append([hardState(1, 1)])).rejects.toThrow(LogFailedError);
    await expect(log.append([hardState(1, 2)])).rejects.toThrow(LogFailedError);
    await expect(log.freeThrough(9)).rejects.toThrow(LogFailedError);

    // The page cache still shows the batch whose fsync failed.
    const again = await open();
    expect(lsnsOf(again)).toEqual([...allBut(), lsn]);
    disk.losePower();
    const afterwards = await open();
    expect(lsnsOf(afterwards)).toEqual([...allBut(), lsn]);
    expect(afterwards.damage).toEqual([]);
  });

  test("for want of space ends the log, which is whole once there is space again", async () => {
    let { log } = await open();
    disk.limitCapacity(1);
    await expect(log.append([hardState(1, 1)])).rejects.toThrow("ENOSPC");
    await expect(log.append([hardState(1, 1)])).rejects.toThrow(LogFailedError);
    await expect(open()).rejects.toThrow(LogFailedError);
    disk.limitCapacity(Number.POSITIVE_INFINITY);
    const again = await open();
    expect(lsnsOf(again)).toEqual(allBut());
    log = again.log;
    expect((await log.append([hardState(1, 1)])).lsn).toBe(25);
  });

  test.each(["create", "write", "sync", "rename", "sync-names"] as const)(
    "at the %s of a new segment ends the log without losing a batch",
    async (step) => {
      const { log } = await open();
      while (log.segments().at(-1)!.bytes + PAYLOAD_BYTES < SEGMENT_BYTES) await appendBatch(log);
      const kept = batches.length;
      disk.failStep(step);
      await expect(appendBatch(log)).rejects.toThrow(LogFailedError);
      disk.losePower();
      const again = await open();
      expect(lsnsOf(again)).toEqual(allBut().slice(0, kept));
      expect((await again.log.append([hardState(1, 1)])).lsn).toBe(kept + 1);
    },
  );

  test("while idle ends the log at the next append", async () => {
    const { log } = await open();
    await log.append([hardState(1, 1)]);
    log.noteIdle();
    disk.failStep("write");
    log.noteIdle();
    await expect(log.append([hardState(1, 1)])).rejects.toThrow(LogFailedError);
  });

  test("an entry that rotted is refused alone", async () => {
    const { log } = await open();
    const records = [1, 2].map((tablet) => entries(tablet, entry(1, Buffer.alloc(100, tablet))));
    const { locations } = await log.append(records);
    const addresses = records.map((record, nth) => ({
      ...record,
      index: record.entries[0]!.index,
      location: locations[nth]!,
    }));
    disk.flipBit(segmentName(locations[0]!.segment), locations[0]!.offset + 50);
    await expect(log.read(addresses)).rejects.toMatchObject({
      name: "EntryReadError",
      reason: "damaged",
      ...ownerOf(1),
    });
    expect(await log.read([addresses[1]!])).toEqual([Buffer.alloc(100, 2)]);
    const stranger = { ...addresses[1]!, ...ownerOf(3) };
    await expect(log.read([stranger])).rejects.toMatchObject({ reason: "damaged", ...ownerOf(3) });
    const misplaced = { ...addresses[1]!, index: entry(2, "").index };
    await expect(log.read([misplaced])).rejects.toMatchObject({ reason: "damaged" });
  });
});
