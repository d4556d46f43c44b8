// Bytes that no log wrote: every decoder says so, without crashing, hanging or taking memory.
import { crc32 } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SeededRandom } from "../random.ts";
import { batchBytes, encodeBatch, takeBatch, takeBatchHeader } from "./batch-codec.ts";
import { LogRefusedError } from "./commit-log.ts";
import type { LogDirectory } from "./disk.ts";
import { decodeBounds, encodeBounds } from "./log-bounds.ts";
import {
  BATCH_HEADER,
  BATCH_HEADER_BYTES,
  MAX_PAYLOAD_BYTES,
  SEGMENT_HEADER_BYTES,
  TABLE_ROW_BYTES,
  segmentName,
  segmentOfName,
} from "./log-format.ts";
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
import type { LogRecord } from "./records.ts";
import { putSegmentHeader, takeSegmentHeader } from "./segment-header.ts";
import type { SegmentHeader } from "./segment-header.ts";

const SALT = 0x1234_5678;
const PLACE = { segment: 1, offset: SEGMENT_HEADER_BYTES };
const STAMP = { lsn: 7, durableLsn: 6, salt: SALT };

const text = fc.string({ maxLength: 40 });
const id = fc.maxSafeNat();
const anyRecord: fc.Arbitrary<LogRecord> = fc.oneof(
  fc
    .tuple(id, fc.nat(1e6), fc.array(text, { minLength: 1, maxLength: 5 }))
    .map(([tablet, first, payloads]) =>
      entries(
        tablet % 2 ** 40,
        ...payloads.map((payload, nth) =>
          entry(first + nth, payload, payload.length % 2 === 0 ? "config" : "command"),
        ),
      ),
    ),
  fc.tuple(fc.nat(), fc.option(id), id).map(([tablet, vote, at]) => hardState(tablet, vote, at)),
  fc.tuple(fc.nat(), text).map(([tablet, state]) => created(tablet, state)),
  fc.tuple(fc.nat(), id, text).map(([tablet, at, state]) => snapshotInstalled(tablet, at, state)),
  fc.tuple(fc.nat(), text).map(([tablet, state]) => tombstone(tablet, state)),
);

function encode(records: readonly LogRecord[]): Buffer {
  return encodeBatch(records, batchBytes(records), STAMP, PLACE).bytes;
}

/** Makes the batch's checksums right for whatever it holds. */
function sign(batch: Buffer): Buffer {
  const recordCount = batch.readUInt32LE(BATCH_HEADER.recordCount);
  const tableEnd = Math.min(batch.length, BATCH_HEADER_BYTES + recordCount * TABLE_ROW_BYTES);
  batch.writeUInt32LE(crc32(batch.subarray(BATCH_HEADER_BYTES, tableEnd)), BATCH_HEADER.tableCrc);
  batch.writeUInt32LE(crc32(batch.subarray(tableEnd)), BATCH_HEADER.payloadCrc);
  batch.writeUInt32LE(crc32(batch.subarray(4, BATCH_HEADER_BYTES)), BATCH_HEADER.crc);
  return batch;
}

describe("batches", () => {
  test("decode to the records that were encoded, at their locations", () => {
    fc.assert(
      fc.property(fc.array(anyRecord, { minLength: 1, maxLength: 6 }), (records) => {
        const { bytes, locations } = encodeBatch(records, batchBytes(records), STAMP, PLACE);
        const content = takeBatch(bytes, takeBatchHeader(bytes, 0, SALT)!, PLACE);
        if (content.kind !== "intact") throw new Error("damaged");
        expect(content.records.map(({ record }) => record)).toEqual(records.map(asRecovered));
        expect(content.records.flatMap((found) => found.locations)).toEqual(locations);
        const originals = records.flatMap((one) => (one.kind === "entries" ? one.entries : []));
        for (const [nth, { offset, length }] of locations.entries()) {
          const at = offset - PLACE.offset;
          expect(bytes.subarray(at, at + length)).toEqual(originals[nth]!.payload);
        }
      }),
    );
  });

  test("with any changed byte are not taken for intact", () => {
    const batch = encode([entries(1, entry(1, "one"), entry(2, "two", "config")), hardState(1, 2)]);
    fc.assert(
      fc.property(fc.nat(batch.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const bytes = Buffer.from(batch);
        bytes[at] = bytes[at]! ^ change;
        const header = takeBatchHeader(bytes, 0, SALT);
        if (header === null) return;
        expect(takeBatch(bytes, header, PLACE).kind).toBe("damaged");
      }),
    );
  });

  test("with nonsense under right checksums never crash the decoder", () => {
    const batch = encode([entries(1, entry(1, "one"), entry(2, "two", "config")), hardState(1, 2)]);
    const edits = fc.array(fc.tuple(fc.nat(batch.length - 1), fc.nat(255)), {
      minLength: 1,
      maxLength: 8,
    });
    fc.assert(
      fc.property(edits, fc.nat(batch.length), (list, length) => {
        const bytes = Buffer.from(batch);
        for (const [at, value] of list) bytes[at] = value;
        sign(bytes);
        const header = takeBatchHeader(bytes, 0, SALT);
        if (header === null) return;
        takeBatch(bytes, header, PLACE);
        const short = takeBatch(bytes.subarray(0, length), header, PLACE);
        if (length < header.length) expect(short.kind).toBe("damaged");
      }),
      { numRuns: 2000 },
    );
  });

  test("refuse what the limits refuse", () => {
    const oversized = Buffer.alloc(MAX_PAYLOAD_BYTES + 1);
    expect(() => batchBytes([entries(1, entry(1, oversized))])).toThrow("limit");
    expect(() => batchBytes([entries(1)])).toThrow("without an entry");
    expect(() => batchBytes([entries(1, entry(1, ""), entry(3, ""))])).toThrow("should follow");
    const largest = entries(1, entry(1, oversized.subarray(1)));
    expect(() => batchBytes([largest, largest, largest, largest])).toThrow("a batch of");
  });
});

describe("segment headers, bounds and names", () => {
  const anyHeader: fc.Arbitrary<SegmentHeader> = fc.record({
    serverId: fc.constant(OWN_ID),
    segment: fc.integer({ min: 1, max: 2 ** 50 }),
    firstLsn: fc.integer({ min: 1, max: 2 ** 50 }),
    salt: fc.integer({ min: 1, max: 0xffff_ffff }),
    previousCrc: fc.integer({ min: 0, max: 0xffff_ffff }),
  });

  test("decode to what was encoded, and to a complaint after any change", () => {
    const change = fc.tuple(fc.nat(47), fc.integer({ min: 1, max: 255 }));
    fc.assert(
      fc.property(anyHeader, change, (header, [at, flip]) => {
        const page = Buffer.alloc(SEGMENT_HEADER_BYTES);
        putSegmentHeader(page, header);
        expect(takeSegmentHeader(page)).toEqual(header);
        page[at] = page[at]! ^ flip;
        expect(takeSegmentHeader(page)).toBeTypeOf("string");

        const bounds = { serverId: OWN_ID, first: header.segment, last: header.segment + 2 };
        const bytes = encodeBounds(bounds);
        expect(decodeBounds(bytes)).toEqual(bounds);
        bytes[at] = bytes[at]! ^ flip;
        expect(decodeBounds(bytes)).toBeTypeOf("string");
        expect(segmentOfName(segmentName(header.segment))).toBe(header.segment);
      }),
    );
  });

  test("are never found in random bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), text, (bytes, name) => {
        const page = Buffer.alloc(SEGMENT_HEADER_BYTES);
        page.set(bytes);
        expect(takeSegmentHeader(page)).toBeTypeOf("string");
        expect(decodeBounds(Buffer.from(bytes))).toBeTypeOf("string");
        expect(takeBatchHeader(Buffer.from(bytes), 0, SALT)).toBeNull();
        expect(segmentOfName(name)).toBeNull();
      }),
    );
  });
});

/** Counts the largest read that recovery asks for. */
function watchReads(disk: LogDirectory): { directory: LogDirectory; largest: () => number } {
  let largest = 0;
  const readAt = (name: string, offset: number, length: number): Promise<Buffer> => {
    largest = Math.max(largest, length);
    return disk.readAt(name, offset, length);
  };
  const directory = new Proxy<LogDirectory>(disk, {
    get(target, property) {
      if (property === "readAt") return readAt;
      const value: unknown = Reflect.get(target, property, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  return { directory, largest: () => largest };
}

test("a log with random bytes anywhere in it opens or is refused, within bounded memory", async () => {
  for (let seed = 1; seed <= 150; seed++) {
    const random = new SeededRandom(seed);
    const disk = new MemoryLogDisk({ random });
    const options = { serverId: OWN_ID, random, segmentBytes: 16 * 1024 };
    const { log } = await openCommitLog({ ...options, directory: disk.openDirectory() });
    for (let lsn = 1; lsn <= 20; lsn++) {
      await log.append([entries(lsn, entry(lsn, random.bytes(random.below(3000))))]);
    }
    const names = disk.fileNames();
    for (let strokes = 1 + random.below(4); strokes > 0; strokes--) {
      const name = names[random.below(names.length)]!;
      disk.damage(name, (bytes) => {
        const at = random.below(bytes.length);
        random.bytes(1 + random.below(2000)).copy(bytes, at);
      });
    }
    const { directory, largest } = watchReads(disk.openDirectory());
    try {
      const opened = await openCommitLog({ ...options, directory });
      expect(opened.records.length).toBeLessThanOrEqual(20);
      await opened.log.append([hardState(1, 1)]);
    } catch (error) {
      expect(error).toBeInstanceOf(LogRefusedError);
    }
    expect(largest()).toBeLessThanOrEqual(2 * MAX_PAYLOAD_BYTES);
  }
});
