import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MalformedFrameError } from "../bytes/malformed-frame-error.ts";
import { replicaId, serverId } from "../ids.ts";
import {
  decodeSnapshotFrame,
  encodeSnapshotChunk,
  encodeSnapshotEnd,
  encodeSnapshotHeader,
  encodeSnapshotPiece,
  encodeSnapshotValue,
  type SnapshotHeader,
} from "./snapshot-frames.ts";

const header: SnapshotHeader = {
  tabletId: 7,
  from: 1,
  to: 2,
  term: 3,
  index: 40,
  indexTerm: 3,
  configIndex: 1,
  config: {
    voters: [
      { replicaId: replicaId(1), serverId: serverId("00000000-0000-4000-8000-000000000001") },
    ],
    outgoing: [],
    learners: [],
  },
  machineState: Buffer.from("state").toString("base64"),
};

const bytes = fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array));

describe("the frames of a snapshot", () => {
  test("come back as they were encoded", () => {
    expect(decodeSnapshotFrame(encodeSnapshotHeader(header))).toEqual({ kind: "header", header });
    fc.assert(
      fc.property(fc.array(fc.tuple(bytes, bytes)), (entries) => {
        const frame = decodeSnapshotFrame(encodeSnapshotChunk(entries));
        expect(frame).toEqual({ kind: "chunk", entries });
      }),
    );
    const key = Buffer.from("key");
    const value = { kind: "value", key, bytes: 5 };
    expect(decodeSnapshotFrame(encodeSnapshotValue(key, 5))).toEqual(value);
    expect(decodeSnapshotFrame(encodeSnapshotPiece(key))).toEqual({ kind: "piece", piece: key });
    expect(decodeSnapshotFrame(encodeSnapshotEnd(12, 0xdeadbeef))).toEqual({
      kind: "end",
      count: 12,
      crc: 0xdeadbeef,
    });
  });

  test("are refused when they are cut anywhere", () => {
    const chunk = encodeSnapshotChunk([
      [Buffer.from("key"), Buffer.from("value")],
      [Buffer.from("next"), Buffer.alloc(0)],
    ]);
    for (const frame of [encodeSnapshotHeader(header), chunk, encodeSnapshotEnd(1, 2)]) {
      for (let end = 0; end < frame.length; end++) {
        expect(() => decodeSnapshotFrame(frame.subarray(0, end))).toThrow(MalformedFrameError);
      }
      const longer = Buffer.concat([frame, Buffer.of(1)]);
      expect(() => decodeSnapshotFrame(longer)).toThrow(MalformedFrameError);
    }
  });

  test("never make the decoder throw anything else, whatever the bytes", () => {
    const changed = fc
      .tuple(
        fc.constantFrom(
          encodeSnapshotHeader(header),
          encodeSnapshotChunk([[Buffer.from("key"), Buffer.from("value")]]),
          encodeSnapshotValue(Buffer.from("key"), 5),
          encodeSnapshotPiece(Buffer.from("value")),
          encodeSnapshotEnd(1, 2),
        ),
        fc.nat(400),
        fc.nat(255),
      )
      .map(([frame, at, value]) => {
        const copy = Buffer.from(frame);
        copy[at % copy.length] = value;
        return copy;
      });
    fc.assert(
      fc.property(fc.oneof(bytes, changed), (frame) => {
        try {
          decodeSnapshotFrame(frame);
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedFrameError);
        }
      }),
      { numRuns: 1000 },
    );
  });

  test("a value larger than any that is stored is refused before memory is taken for it", () => {
    const key = Buffer.from("key");
    for (const bytes of [0, 72 * 2 ** 20 + 1, 0xffff_ffff]) {
      expect(() => decodeSnapshotFrame(encodeSnapshotValue(key, bytes))).toThrow(
        "snapshot value of",
      );
    }
  });

  test("a chunk that claims more entries than it has bytes costs no memory", () => {
    const frame = encodeSnapshotChunk([[Buffer.from("key"), Buffer.from("value")]]);
    frame.writeUInt32LE(0xffff_ffff, 1);
    expect(() => decodeSnapshotFrame(frame)).toThrow("snapshot chunk is cut");
  });
});
