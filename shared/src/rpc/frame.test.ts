import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MalformedFrameError } from "../bytes/malformed-frame-error.ts";
import {
  decodeFrames,
  encodeFrame,
  encodeFrameHeader,
  FRAME_HEADER_BYTES,
  FrameReader,
  MAX_FRAME_PAYLOAD_BYTES,
} from "./frame.ts";

const payloads = fc.array(
  fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  { minLength: 1, maxLength: 12 },
);

/** Cuts the stream behind each of the given offsets. */
function chunked(stream: Buffer, cuts: readonly number[]): Buffer[] {
  const ends = [...cuts.map((cut) => cut % (stream.length + 1)), stream.length].toSorted(
    (a, b) => a - b,
  );
  return ends.map((end, at) => stream.subarray(ends[at - 1] ?? 0, end));
}

function readAll(chunks: readonly Buffer[]): Buffer[] {
  const reader = new FrameReader();
  const read: Buffer[] = [];
  for (const chunk of chunks) reader.push(chunk, (payload) => read.push(payload));
  reader.end();
  return read;
}

describe("frames", () => {
  test("a stream gives the same payloads however it is cut into chunks", () => {
    fc.assert(
      fc.property(payloads, fc.array(fc.nat(4000), { maxLength: 40 }), (sent, cuts) => {
        const stream = Buffer.concat(sent.map((payload) => encodeFrame([payload])));
        expect(readAll(chunked(stream, cuts))).toEqual(sent);
      }),
    );
  });

  test("a stream of single bytes gives the same payloads", () => {
    const sent = [Buffer.alloc(0), Buffer.from("a"), Buffer.alloc(3000, 7)];
    const stream = Buffer.concat(sent.map((payload) => encodeFrame([payload])));
    expect(readAll([...stream].map((byte) => Buffer.from([byte])))).toEqual(sent);
  });

  test("a changed byte never yields a payload that was not sent", () => {
    const change = fc.record({ at: fc.nat(4000), mask: fc.integer({ min: 1, max: 255 }) });
    const cuts = fc.array(fc.nat(4000), { maxLength: 5 });
    fc.assert(
      fc.property(payloads, change, cuts, (sent, { at, mask }, where) => {
        const stream = Buffer.concat(sent.map((payload) => encodeFrame([payload])));
        const position = at % stream.length;
        stream[position] = (stream[position] ?? 0) ^ mask;
        const reader = new FrameReader();
        const read: Buffer[] = [];
        let failure: unknown = null;
        try {
          for (const chunk of chunked(stream, where)) {
            reader.push(chunk, (payload) => read.push(payload));
          }
          reader.end();
        } catch (error) {
          failure = error;
        }
        expect(failure).toBeInstanceOf(MalformedFrameError);
        expect(read).toEqual(sent.slice(0, read.length));
        expect(read.length).toBeLessThan(sent.length);
      }),
    );
  });

  test("zeroes, as a lost page leaves them, are no frame", () => {
    expect(() => decodeFrames(Buffer.alloc(64))).toThrow(MalformedFrameError);
  });

  test("a length above the cap is refused before a byte of the payload arrives", () => {
    const header = Buffer.alloc(FRAME_HEADER_BYTES);
    header.writeUInt32BE(MAX_FRAME_PAYLOAD_BYTES + 1, 0);
    const reader = new FrameReader();
    expect(() => reader.push(header, () => {})).toThrow("announces");
    expect(() => reader.push(Buffer.alloc(1), () => {})).toThrow(MalformedFrameError);
    const split = new FrameReader();
    split.push(header.subarray(0, 3), () => {});
    expect(() => split.push(header.subarray(3), () => {})).toThrow("announces");
  });

  test("a frame that announces much and brings little holds only what came", () => {
    const frame = encodeFrame([Buffer.alloc(MAX_FRAME_PAYLOAD_BYTES)]);
    const reader = new FrameReader();
    const before = process.memoryUsage().arrayBuffers;
    reader.push(frame.subarray(0, 100), () => {});
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1024 * 1024);
    expect(() => reader.end()).toThrow("100 bytes into a frame");
  });

  test("a payload in one chunk is a slice of it, not a copy", () => {
    const frame = encodeFrame([Buffer.from("payload")]);
    const [payload] = decodeFrames(frame);
    frame[FRAME_HEADER_BYTES] = "P".charCodeAt(0);
    expect(payload?.toString()).toBe("Payload");
  });

  test("a header encoded apart from its parts makes the same frame", () => {
    const parts = [Buffer.from("one"), Buffer.alloc(0), Buffer.from("two")];
    expect(Buffer.concat([encodeFrameHeader(parts), ...parts])).toEqual(encodeFrame(parts));
  });
});
