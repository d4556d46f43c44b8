import fc from "fast-check";
import { expect, test } from "vitest";
import { MalformedFrameError } from "@stele/shared/bytes/malformed-frame-error.ts";
import { spaceId, tableId, tabletId, type Version } from "@stele/shared/ids.ts";
import { logAge } from "./log-age.ts";
import { decodeTabletState, encodeTabletState, type TabletState } from "./tablet-state.ts";

const counter = fc.maxSafeNat();
const bound = fc.option(fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)));
const range = fc.record({ start: bound, end: bound });
const state: fc.Arbitrary<TabletState> = fc.record({
  tabletId: counter.map(tabletId),
  schema: fc.record({
    tableId: counter.map(tableId),
    schemaVersion: counter,
    families: fc.array(
      fc.record({
        name: fc.string({ minLength: 1, maxLength: 8 }),
        number: fc.integer({ min: 1, max: 65535 }),
        rule: fc.record({ maxVersions: fc.option(fc.integer({ min: 1, max: 1000 })) }),
      }),
      { maxLength: 4 },
    ),
  }),
  range,
  generation: counter,
  spans: fc.array(fc.record({ range, space: counter.map(spaceId) }), { maxLength: 4 }),
  maxVersion: counter as fc.Arbitrary<Version>,
  age: counter.map(logAge),
  rows: counter,
  idempotencyBytes: counter,
  dropped: fc.boolean(),
  retrySequences: fc.option(fc.uint8Array({ maxLength: 30 }).map((bytes) => Buffer.from(bytes))),
});

test("a tablet's state comes back as it was written", () => {
  fc.assert(
    fc.property(state, (one) => {
      const bytes = encodeTabletState(one);
      const decoded = decodeTabletState(bytes);
      expect(decoded).toEqual(one);
      expect(encodeTabletState(decoded)).toEqual(bytes);
    }),
  );
});

test("damaged bytes of a state are refused or give another state, and nothing worse", () => {
  fc.assert(
    fc.property(state, fc.nat(), fc.integer({ min: 1, max: 255 }), (one, where, flip) => {
      const bytes = encodeTabletState(one);
      const at = where % bytes.length;
      bytes[at] = (bytes[at] ?? 0) ^ flip;
      for (const damaged of [bytes, bytes.subarray(0, at)]) {
        try {
          decodeTabletState(damaged);
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedFrameError);
        }
      }
    }),
  );
});

test("a decoded state keeps nothing of the bytes that it came from", () => {
  const [one] = fc.sample(state, 1) as [TabletState];
  const bytes = encodeTabletState({ ...one, retrySequences: Buffer.from("sequences") });
  const decoded = decodeTabletState(bytes);
  bytes.fill(0);
  expect(decoded.retrySequences?.toString()).toBe("sequences");
});
