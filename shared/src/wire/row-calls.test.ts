import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MalformedFrameError } from "../bytes/malformed-frame-error.ts";
import { DatabaseError } from "../errors.ts";
import type { TabletId, Version } from "../ids.ts";
import { MAX_PREDICATE_DEPTH, NO_CONDITIONS } from "../row-operations.ts";
import type { Predicate, RowWrite } from "../row-operations.ts";
import { rowCall, rowReply } from "./testing/row-arbitraries.ts";
import { decodeRowCall, encodeRowCall } from "./row-calls.ts";
import type { RowCall } from "./row-calls.ts";
import { decodeRowReply, encodeRowReply } from "./row-replies.ts";

/** Flips bits, cuts and lengthens: whatever happens to bytes on their way. */
function damaged(whole: fc.Arbitrary<Buffer>): fc.Arbitrary<Buffer> {
  const flip = fc.record({ at: fc.nat(), bit: fc.nat(7) });
  return fc
    .record({ whole, flips: fc.array(flip, { maxLength: 4 }), cut: fc.nat(40) })
    .map(({ whole: bytes, flips, cut }) => {
      const copy = Buffer.from(bytes.subarray(0, Math.max(1, bytes.length - cut)));
      for (const { at, bit } of flips) {
        const place = at % copy.length;
        copy[place] = (copy[place] as number) ^ (1 << bit);
      }
      return copy;
    });
}

function givesValueOrMalformed(decode: (bytes: Buffer) => unknown, bytes: Buffer): void {
  try {
    decode(bytes);
  } catch (error) {
    expect(error).toBeInstanceOf(MalformedFrameError);
  }
}

function writeWith(predicate: Predicate): RowCall {
  const write: RowWrite = {
    key: Buffer.from("k"),
    conditions: NO_CONDITIONS,
    predicate,
    mutations: [],
    otherwise: [],
    idempotency: null,
  };
  const writes = [{ seq: 1, write }];
  return {
    kind: "write",
    tabletId: 1 as TabletId,
    generation: 1,
    sequenceId: 1n,
    doneBelow: 1,
    retired: [],
    hasStrays: false,
    writes,
  };
}

function nested(levels: number): Predicate {
  let predicate: Predicate = { kind: "row-version", version: 1 as Version };
  for (let level = 1; level < levels; level++) predicate = { kind: "not", of: predicate };
  return predicate;
}

describe("row calls", () => {
  test("a tablet server reads the call that the front-end sent", () => {
    fc.assert(
      fc.property(rowCall, (call) => {
        expect(decodeRowCall(encodeRowCall(call))).toEqual(call);
      }),
    );
  });

  test("damaged calls are refused as malformed, or read as another call", () => {
    fc.assert(
      fc.property(damaged(rowCall.map(encodeRowCall)), (bytes) =>
        givesValueOrMalformed(decodeRowCall, bytes),
      ),
      { numRuns: 1000 },
    );
  });

  test("random bytes are refused as malformed, or read as a call", () => {
    const start = fc.constantFrom(Buffer.of(1, 1), Buffer.of(1, 2), Buffer.of(1, 3), Buffer.of());
    fc.assert(
      fc.property(start, fc.uint8Array(), (head, tail) =>
        givesValueOrMalformed(decodeRowCall, Buffer.concat([head, tail])),
      ),
      { numRuns: 1000 },
    );
  });

  test("a list that announces more items than bytes is refused before it is allocated", () => {
    const head = encodeRowCall({
      kind: "write",
      tabletId: 1 as TabletId,
      generation: 1,
      sequenceId: 1n,
      doneBelow: 1,
      retired: [],
      hasStrays: false,
      writes: [],
    });
    const announced = Buffer.concat([head.subarray(0, -1), Buffer.from("ffffffffffffff0f", "hex")]);
    expect(() => decodeRowCall(announced)).toThrow("items announced");
  });

  test("a call of another version is refused by name", () => {
    const call = encodeRowCall(writeWith(nested(1)));
    call[0] = 9;
    expect(() => decodeRowCall(call)).toThrow("unknown version 9");
  });

  test("a predicate may nest as deep as the limit and no deeper", () => {
    const deepest = writeWith(nested(MAX_PREDICATE_DEPTH));
    expect(decodeRowCall(encodeRowCall(deepest))).toEqual(deepest);
    const tooDeep = writeWith(nested(MAX_PREDICATE_DEPTH + 1));
    expect(() => encodeRowCall(tooDeep)).toThrow(DatabaseError);
  });

  test("a sender of deeper predicates cannot exhaust the stack of the reader", () => {
    const whole = encodeRowCall(writeWith(nested(2)));
    const not = whole.lastIndexOf(Buffer.of(7, 4));
    const bomb = Buffer.concat([
      whole.subarray(0, not),
      Buffer.alloc(1_000_000, 7),
      whole.subarray(not),
    ]);
    expect(() => decodeRowCall(bomb)).toThrow(MalformedFrameError);
  });
});

describe("row replies", () => {
  test("a front-end reads the reply that the tablet server sent", () => {
    fc.assert(
      fc.property(rowReply, (reply) => {
        expect(decodeRowReply(encodeRowReply(reply))).toEqual(reply);
      }),
    );
  });

  test("damaged replies are refused as malformed, or read as another reply", () => {
    fc.assert(
      fc.property(damaged(rowReply.map(encodeRowReply)), (bytes) =>
        givesValueOrMalformed(decodeRowReply, bytes),
      ),
      { numRuns: 1000 },
    );
  });

  test("random bytes are refused as malformed, or read as a reply", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 9 }), fc.uint8Array(), (kind, tail) =>
        givesValueOrMalformed(decodeRowReply, Buffer.from([1, kind, ...tail])),
      ),
      { numRuns: 1000 },
    );
  });

  test("an error code of a newer server is shown as INTERNAL with its text", () => {
    const bytes = encodeRowReply({
      kind: "failed",
      error: { code: "THROTTLED", detail: "wait", retryAfterMs: 5 },
    });
    bytes.write("THROTTLER", bytes.indexOf("THROTTLED"));
    expect(decodeRowReply(bytes)).toEqual({
      kind: "failed",
      error: { code: "INTERNAL", detail: "THROTTLER: wait", retryAfterMs: 5 },
    });
  });
});
