import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MalformedFrameError } from "@stele/shared/bytes/malformed-frame-error.ts";
import { bytes, key, version } from "@stele/shared/wire/testing/row-arbitraries.ts";
import type { CellChange, RowEffect } from "./effects.ts";
import { effectSize } from "./effect-codec.ts";
import { decodeEntry, encodeEntry } from "./entry-payload.ts";
import type { EntryPayload, WriteEntry } from "./entry-payload.ts";
import { logAge } from "./log-age.ts";

const family = fc.nat(65535);
const counter = fc.maxSafeNat();

const change: fc.Arbitrary<CellChange> = fc.oneof(
  fc.record({
    kind: fc.constant("set" as const),
    family,
    qualifier: bytes,
    timestamp: version,
    int64: fc.boolean(),
    value: bytes,
    keep: fc.option(fc.integer({ min: 1, max: 1000 })),
  }),
  fc.record({
    kind: fc.constant("delete-column" as const),
    family,
    qualifier: bytes,
    from: fc.option(version),
    to: fc.option(version),
  }),
  fc.record({ kind: fc.constant("delete-family" as const), family }),
  fc.record({ kind: fc.constant("delete-all" as const) }),
);

const effect: fc.Arbitrary<RowEffect> = fc.oneof(
  fc.record({ kind: fc.constant("put-row" as const), key, record: bytes }),
  fc.record({
    kind: fc.constant("change-row" as const),
    key,
    version,
    changes: fc.array(change, { maxLength: 5 }),
  }),
  fc.record({ kind: fc.constant("delete-row" as const), key }),
);

const name = { rowKey: key, idempotencyKey: fc.string({ minLength: 1 }) };

const entry: fc.Arbitrary<EntryPayload> = fc.oneof(
  fc.record({
    kind: fc.constant("write" as const),
    generation: counter,
    maxVersion: version,
    age: counter.map(logAge),
    rowsAdded: fc.nat(),
    rowsRemoved: fc.nat(),
    effects: fc.array(effect, { maxLength: 5 }),
    idempotency: fc.array(fc.record({ ...name, record: bytes }), { maxLength: 3 }),
    retries: bytes,
  }),
  fc.record({
    kind: fc.constant("forget-idempotency" as const),
    generation: counter,
    age: counter.map(logAge),
    records: fc.array(fc.record(name), { maxLength: 3 }),
  }),
  fc.record({ kind: fc.constant("drop-tablet" as const), generation: counter }),
  fc.record({ kind: fc.constant("verify" as const), generation: counter, verifyId: counter }),
);

describe("log entries", () => {
  test("come back as they were proposed", () => {
    fc.assert(
      fc.property(entry, (one) => {
        expect(decodeEntry(encodeEntry(one))).toEqual(one);
      }),
    );
  });

  test("changed, cut or random bytes are refused as malformed, or read as another entry", () => {
    const changes = fc.array(fc.record({ at: fc.nat(), value: fc.nat(255) }), { maxLength: 4 });
    const start = fc.constantFrom(Buffer.of(1, 1), Buffer.of(1, 2), Buffer.of(1), Buffer.of());
    const random = fc
      .tuple(start, fc.uint8Array())
      .map(([head, tail]) => Buffer.concat([head, tail]));
    fc.assert(
      fc.property(
        fc.oneof(entry.map(encodeEntry), random),
        changes,
        fc.nat(9),
        (whole, flips, cut) => {
          const damaged = Buffer.from(whole.subarray(0, Math.max(0, whole.length - cut)));
          for (const { at, value } of flips) {
            if (damaged.length > 0) damaged[at % damaged.length] = value;
          }
          try {
            decodeEntry(damaged);
          } catch (error) {
            expect(error).toBeInstanceOf(MalformedFrameError);
          }
        },
      ),
      { numRuns: 1000 },
    );
  });

  test("another format, and another kind, are refused by name", () => {
    const bytesOf = encodeEntry({ kind: "drop-tablet", generation: 1 });
    const [format, kind] = [Buffer.from(bytesOf), Buffer.from(bytesOf)];
    format[0] = 9;
    kind[1] = 9;
    expect(() => decodeEntry(format)).toThrow("format 9");
    expect(() => decodeEntry(kind)).toThrow("kind of log entry 9");
  });

  test("the size that a batch is cut by is never below what the effect takes", () => {
    fc.assert(
      fc.property(effect, (one) => {
        const empty: WriteEntry = {
          kind: "write",
          generation: 1,
          maxVersion: 1 as WriteEntry["maxVersion"],
          age: logAge(1),
          rowsAdded: 0,
          rowsRemoved: 0,
          effects: [],
          idempotency: [],
          retries: Buffer.of(),
        };
        const taken = encodeEntry({ ...empty, effects: [one] }).length - encodeEntry(empty).length;
        expect(effectSize(one)).toBeGreaterThanOrEqual(taken);
      }),
    );
  });
});
