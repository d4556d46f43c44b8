import fc from "fast-check";
import { crc32 } from "node:zlib";
import { describe, expect, test } from "vitest";
import type { Version } from "@stele/shared/ids.ts";
import { key } from "@stele/shared/wire/testing/row-arbitraries.ts";
import { CorruptRecordError } from "./corrupt-record-error.ts";
import { decodeRowRecord, encodeRowRecord, openRowRecord, rowRecordSize } from "./row-record.ts";
import type { StoredRow } from "./stored-row.ts";
import { findColumn } from "./stored-row.ts";

const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));
const version = fc.maxSafeNat() as fc.Arbitrary<Version>;

/** Any row that keeps S1 and S2 of `stored-row.ts`. */
const storedRow: fc.Arbitrary<StoredRow> = fc.record({
  version,
  families: distinct(
    fc.record({
      number: fc.integer({ min: 1, max: 65535 }),
      columns: distinct(
        fc.record({
          qualifier: bytes,
          cells: distinct(
            fc.record({ timestamp: version, int64: fc.boolean(), value: bytes }),
            (a, b) => b.timestamp - a.timestamp,
          ),
        }),
        (a, b) => Buffer.compare(a.qualifier, b.qualifier),
      ),
    }),
    (a, b) => a.number - b.number,
  ),
});

function distinct<T>(item: fc.Arbitrary<T>, order: (a: T, b: T) => number): fc.Arbitrary<T[]> {
  return fc
    .uniqueArray(item, { comparator: (a, b) => order(a, b) === 0, minLength: 1, maxLength: 4 })
    .map((items) => items.sort(order));
}

/** Gives changed bytes a checksum that holds, as a bug in the writer would. */
function sealed(rowKey: Buffer, record: Buffer): Buffer {
  record.writeUInt32BE(crc32(record.subarray(4), crc32(rowKey)), 0);
  return record;
}

const KEY = Buffer.from("alice");
const ROW: StoredRow = {
  version: 0x1234 as Version,
  families: [
    {
      number: 3,
      columns: [
        {
          qualifier: Buffer.from("q"),
          cells: [{ timestamp: 0x1234 as Version, int64: true, value: Buffer.from("42") }],
        },
      ],
    },
  ],
};

describe("row record", () => {
  test("a row comes back as it was written", () => {
    fc.assert(
      fc.property(key, storedRow, (rowKey, row) => {
        const record = encodeRowRecord(rowKey, row);
        expect(record.length).toBe(rowRecordSize(row));
        expect(decodeRowRecord(rowKey, record)).toEqual(row);
      }),
    );
  });

  test("any flipped bit is found", () => {
    fc.assert(
      fc.property(key, storedRow, fc.nat(), (rowKey, row, where) => {
        const record = encodeRowRecord(rowKey, row);
        const bit = where % (record.length * 8);
        record[bit >> 3] = record[bit >> 3]! ^ (1 << (bit & 7));
        expect(() => openRowRecord(rowKey, record)).toThrow(CorruptRecordError);
      }),
    );
  });

  test("the record of another key is found", () => {
    const record = encodeRowRecord(KEY, ROW);
    expect(() => openRowRecord(Buffer.from("alicf"), record)).toThrow("checksum");
  });

  test("bytes with a good checksum and a bad structure are damage, never another error", () => {
    const change = fc.record({ at: fc.nat(), value: fc.nat(255) });
    fc.assert(
      fc.property(
        key,
        storedRow,
        fc.array(change, { maxLength: 3 }),
        fc.nat(20),
        (k, row, changes, cut) => {
          const record = encodeRowRecord(k, row);
          for (const { at, value } of changes) record[at % record.length] = value;
          const short = sealed(k, record.subarray(0, Math.max(14, record.length - cut)));
          try {
            decodeRowRecord(k, short);
          } catch (error) {
            expect(error).toBeInstanceOf(CorruptRecordError);
          }
        },
      ),
      { numRuns: 1000 },
    );
  });

  test("an empty or cut record is damage", () => {
    const record = encodeRowRecord(KEY, ROW);
    for (let length = 0; length < record.length; length++) {
      expect(() => openRowRecord(KEY, record.subarray(0, length))).toThrow(CorruptRecordError);
    }
  });

  test("a segmented record and an unknown format are refused by name", () => {
    const segmented = encodeRowRecord(KEY, ROW);
    segmented[5] = 2;
    expect(() => openRowRecord(KEY, sealed(KEY, segmented))).toThrow("segmented");
    const newer = encodeRowRecord(KEY, ROW);
    newer[4] = 2;
    expect(() => openRowRecord(KEY, sealed(KEY, newer))).toThrow("format 2");
  });

  test("the bytes on disk are these", () => {
    const record = encodeRowRecord(KEY, ROW);
    const parts = [
      "01 01 0000000000001234", // format, form, version
      "0003 0e", // family, length of its columns
      "01 71 0b", // qualifier, length of its cells
      "01 00000000001234 02 3432", // flags, timestamp, value
    ];
    const body = parts.join("").replaceAll(" ", "");
    expect(record.subarray(4).toString("hex")).toBe(body);
    expect(record.readUInt32BE(0)).toBe(crc32(Buffer.concat([KEY, Buffer.from(body, "hex")])));
  });
});

describe("stored row", () => {
  test("finds a column by family and qualifier, and nothing else", () => {
    fc.assert(
      fc.property(storedRow, bytes, (row, other) => {
        for (const { number, columns } of row.families) {
          for (const column of columns) {
            expect(findColumn(row, number, column.qualifier)).toBe(column);
          }
          const present = columns.find(({ qualifier }) => qualifier.equals(other)) ?? null;
          expect(findColumn(row, number, other)).toBe(present);
        }
        expect(findColumn(row, 0, other)).toBeNull();
        expect(findColumn(null, 1, other)).toBeNull();
      }),
    );
  });
});
