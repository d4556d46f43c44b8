import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Version } from "@stele/shared/ids.ts";
import { bytes, key, writeResult } from "@stele/shared/wire/testing/row-arbitraries.ts";
import { CorruptRecordError } from "../storage/corrupt-record-error.ts";
import {
  decodeIdempotencyRecord,
  encodeIdempotencyRecord,
  lookUpIdempotency,
} from "./idempotency.ts";
import type { IdempotencyRecord } from "./idempotency.ts";
import { logAge } from "./log-age.ts";

const ROW = Buffer.from("alice");
const RECORD: IdempotencyRecord = {
  fingerprint: Buffer.from("digest"),
  expiry: logAge(1000),
  result: {
    version: 5 as Version,
    createdRow: true,
    createdColumn: true,
    matched: true,
    computed: [],
    replayed: false,
  },
};
const GIVEN = { key: "once", fingerprint: Buffer.from("digest") };

describe("idempotency", () => {
  test("a retry of the same request gets the stored result, marked as replayed", () => {
    expect(lookUpIdempotency(RECORD, GIVEN, logAge(999))).toEqual({
      kind: "replay",
      result: { ...RECORD.result, replayed: true },
    });
  });

  test("another request under the same key is IDEMPOTENCY_MISMATCH and has no effect", () => {
    const other = { ...GIVEN, fingerprint: Buffer.from("another") };
    expect(lookUpIdempotency(RECORD, other, logAge(999))).toMatchObject({
      kind: "mismatch",
      error: { code: "IDEMPOTENCY_MISMATCH", applied: "no" },
    });
  });

  test("an unknown key and an expired one are new requests, also another request's", () => {
    expect(lookUpIdempotency(null, GIVEN, logAge(1))).toEqual({ kind: "new" });
    expect(lookUpIdempotency(RECORD, GIVEN, logAge(1000))).toEqual({ kind: "new" });
    const other = { ...GIVEN, fingerprint: Buffer.of() };
    expect(lookUpIdempotency(RECORD, other, logAge(1000))).toEqual({ kind: "new" });
  });

  const record: fc.Arbitrary<IdempotencyRecord> = fc.record({
    fingerprint: bytes,
    expiry: fc.maxSafeNat().map(logAge),
    result: writeResult.map((result) => ({ ...result, replayed: false })),
  });

  test("a record comes back as it was written", () => {
    fc.assert(
      fc.property(key, fc.string({ minLength: 1 }), record, (rowKey, name, one) => {
        const stored = encodeIdempotencyRecord(rowKey, name, one);
        expect(decodeIdempotencyRecord(rowKey, name, stored)).toEqual(one);
      }),
    );
  });

  test("a flipped bit is found", () => {
    fc.assert(
      fc.property(record, fc.nat(), (one, where) => {
        const stored = encodeIdempotencyRecord(ROW, "once", one);
        const bit = where % (stored.length * 8);
        stored[bit >> 3] = stored[bit >> 3]! ^ (1 << (bit & 7));
        expect(() => decodeIdempotencyRecord(ROW, "once", stored)).toThrow(CorruptRecordError);
      }),
    );
  });

  test("the record of another row or key is found", () => {
    const stored = encodeIdempotencyRecord(ROW, "once", RECORD);
    expect(() => decodeIdempotencyRecord(ROW, "twice", stored)).toThrow(CorruptRecordError);
    expect(() => decodeIdempotencyRecord(Buffer.from("bob"), "once", stored)).toThrow(
      CorruptRecordError,
    );
    expect(() => decodeIdempotencyRecord(ROW, "once", Buffer.of(1))).toThrow(CorruptRecordError);
  });
});
