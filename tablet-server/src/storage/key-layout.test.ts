import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { LogIndex, SpaceId, TabletId } from "@stele/shared/ids.ts";
import { compareRowKeys } from "@stele/shared/row-key.ts";
import { WHOLE_TABLE, containsKey } from "@stele/shared/row-range.ts";
import { bytes, key } from "@stele/shared/wire/testing/row-arbitraries.ts";
import {
  decodeIdempotencyStoreKey,
  idempotencyBounds,
  idempotencyStoreKey,
  indexOfRetryStoreKey,
  keyInSpace,
  relativeKey,
  retryBounds,
  retryStoreKey,
  rowBounds,
  rowKeyOfStoreKey,
  rowStoreKey,
} from "./key-layout.ts";
import type { StoreKeyRange } from "./key-layout.ts";

const space = fc.maxSafeNat() as fc.Arbitrary<SpaceId>;
const range = fc.record({ start: fc.option(key), end: fc.option(key) });
const name = fc.string({ minLength: 1, maxLength: 128, unit: "grapheme-ascii" });
const SPACE = 7 as SpaceId;
const NEXT_SPACE = 8 as SpaceId;

function within({ start, end }: StoreKeyRange, storeKey: Buffer): boolean {
  return Buffer.compare(start, storeKey) <= 0 && Buffer.compare(storeKey, end) < 0;
}

describe("key layout", () => {
  test("row keys survive, whatever bytes they hold", () => {
    fc.assert(
      fc.property(space, key, (id, rowKey) => {
        expect(rowKeyOfStoreKey(rowStoreKey(id, rowKey))).toEqual(rowKey);
      }),
    );
  });

  test("idempotency records give back both of their keys", () => {
    fc.assert(
      fc.property(space, key, name, (id, rowKey, idempotencyKey) => {
        const storeKey = idempotencyStoreKey(id, rowKey, idempotencyKey);
        expect(decodeIdempotencyStoreKey(storeKey)).toEqual({ rowKey, idempotencyKey });
      }),
    );
  });

  test("both kinds of records are ordered by row key, also keys that begin with one another", () => {
    fc.assert(
      fc.property(key, key, name, name, (a, b, nameOfA, nameOfB) => {
        const order = Math.sign(compareRowKeys(a, b));
        const rows = Buffer.compare(rowStoreKey(SPACE, a), rowStoreKey(SPACE, b));
        expect(Math.sign(rows)).toBe(order);
        if (order === 0) return;
        const beside = Buffer.compare(
          idempotencyStoreKey(SPACE, a, nameOfA),
          idempotencyStoreKey(SPACE, b, nameOfB),
        );
        expect(Math.sign(beside)).toBe(order);
      }),
      { numRuns: 1000 },
    );
  });

  test("the bounds of a row range hold exactly the records of the rows in it", () => {
    fc.assert(
      fc.property(range, key, name, (rows, rowKey, idempotencyKey) => {
        const inRange = containsKey(rows, rowKey);
        expect(within(rowBounds(SPACE, rows), rowStoreKey(SPACE, rowKey))).toBe(inRange);
        const beside = idempotencyStoreKey(SPACE, rowKey, idempotencyKey);
        expect(within(idempotencyBounds(SPACE, rows), beside)).toBe(inRange);
      }),
      { numRuns: 1000 },
    );
  });

  test("no kind, tablet or space reaches into another", () => {
    const rowKey = Buffer.alloc(20, 0xff);
    const rows = rowBounds(SPACE, WHOLE_TABLE);
    const beside = idempotencyBounds(SPACE, WHOLE_TABLE);
    const retries = retryBounds(SPACE, 3 as TabletId);
    const keys = [
      rowStoreKey(SPACE, rowKey),
      idempotencyStoreKey(SPACE, rowKey, "~"),
      retryStoreKey(SPACE, 3 as TabletId, 9 as LogIndex),
      retryStoreKey(SPACE, 4 as TabletId, 9 as LogIndex),
      rowStoreKey(NEXT_SPACE, Buffer.of(0)),
    ];
    const found = [rows, beside, retries].map((one) => keys.map((at) => within(one, at)));
    expect(found).toEqual([
      [true, false, false, false, false],
      [false, true, false, false, false],
      [false, false, true, false, false],
    ]);
  });

  test("retry records come in log order", () => {
    const tablet = 3 as TabletId;
    const indices = [1, 255, 256, 2 ** 40, Number.MAX_SAFE_INTEGER] as LogIndex[];
    const keys = indices.map((index) => retryStoreKey(SPACE, tablet, index));
    expect([...keys].reverse().sort(Buffer.compare)).toEqual(keys);
    expect(keys.map(indexOfRetryStoreKey)).toEqual(indices);
  });

  test("a snapshot moves keys to another space and keeps everything else", () => {
    fc.assert(
      fc.property(space, space, key, (from, to, rowKey) => {
        const moved = keyInSpace(to, relativeKey(rowStoreKey(from, rowKey)));
        expect(moved).toEqual(rowStoreKey(to, rowKey));
      }),
    );
  });

  test("a damaged idempotency key is refused as malformed", () => {
    const prefix = idempotencyStoreKey(SPACE, Buffer.of(1), "x").subarray(0, 10);
    fc.assert(
      fc.property(bytes, (rest) => {
        const storeKey = Buffer.concat([prefix, rest]);
        try {
          const { rowKey, idempotencyKey } = decodeIdempotencyStoreKey(storeKey);
          expect(rowKey.length + idempotencyKey.length).toBeLessThan(storeKey.length);
        } catch (error) {
          expect((error as Error).name).toBe("MalformedFrameError");
        }
      }),
    );
  });

  test("the bytes on disk are these", () => {
    const rowKey = Buffer.from("6100", "hex");
    expect(rowStoreKey(SPACE, rowKey).toString("hex")).toBe("100000000000000007016100");
    expect(idempotencyStoreKey(SPACE, rowKey, "k").toString("hex")).toBe(
      "100000000000000007026100ff00016b",
    );
    expect(retryStoreKey(SPACE, 3 as TabletId, 5 as LogIndex).toString("hex")).toBe(
      "1000000000000000070300000000000000030000000000000005",
    );
  });
});
