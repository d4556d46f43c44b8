import { describe, expect, test } from "vitest";
import { MalformedFrameError } from "../bytes/malformed-frame-error.ts";
import type { StoreEntry } from "../checkpoint-store/checkpoint-store.ts";
import { MAX_FRAME_PAYLOAD_BYTES } from "../rpc/frame.ts";
import { IncomingEntries, OutgoingEntries } from "./snapshot-entries.ts";
import { encodeSnapshotChunk, encodeSnapshotEnd } from "./snapshot-frames.ts";

const MIB = 1024 * 1024;
const small: StoreEntry = [Buffer.from("small"), Buffer.from("value")];
const large: StoreEntry = [Buffer.from("large"), Buffer.alloc(40 * MIB + 7, "abcdefg")];

/** Of a snapshot of small and large entries, as the store's iterator gives them. */
function framesOf(...steps: readonly (readonly StoreEntry[])[]): Buffer[] {
  const outgoing = new OutgoingEntries();
  const frames = steps.flatMap((entries) => [...outgoing.frames(entries)]);
  return [...frames, outgoing.end()];
}

/** Throws unless the frames are a whole snapshot. */
function received(frames: readonly Buffer[]): StoreEntry[] {
  const incoming = new IncomingEntries();
  const entries: StoreEntry[] = [];
  for (const frame of frames) {
    const taken = incoming.take(frame);
    if (taken === null) return entries;
    entries.push(...taken);
  }
  throw new MalformedFrameError("no end");
}

describe("the entries of a snapshot", () => {
  test("pass through frames, also a value larger than a frame", () => {
    const frames = framesOf([small, small], [large], [small], [large, small]);
    for (const frame of frames) expect(frame.length).toBeLessThan(MAX_FRAME_PAYLOAD_BYTES / 8);
    const entries = received(frames);
    const sent = [small, small, large, small, large, small];
    expect(entries.map(([key]) => key.toString())).toEqual(sent.map(([key]) => key.toString()));
    entries.forEach(([, value], at) => {
      expect(value.equals((sent[at] as StoreEntry)[1])).toBe(true);
    });
  });

  test("are refused when any frame is missing, repeated or out of its place", () => {
    const frames = framesOf([small], [[large[0], large[1].subarray(0, 4 * MIB)]], [small]);
    for (let at = 0; at < frames.length; at++) {
      const missing = frames.toSpliced(at, 1);
      expect(() => received(missing), `without ${at}`).toThrow(MalformedFrameError);
      const repeated = frames.toSpliced(at, 0, frames[at] as Buffer);
      if (at === frames.length - 1) continue;
      expect(() => received(repeated), `${at} twice`).toThrow(MalformedFrameError);
      const swapped = frames.with(at, frames[at + 1] as Buffer).with(at + 1, frames[at] as Buffer);
      expect(() => received(swapped), `${at} behind its next`).toThrow(MalformedFrameError);
    }
  });

  test("cannot stand within a value, nor can the end", () => {
    const [opening] = framesOf([large]);
    for (const frame of [
      encodeSnapshotChunk([small]),
      encodeSnapshotEnd(0, 0),
      opening as Buffer,
    ]) {
      const incoming = new IncomingEntries();
      incoming.take(opening as Buffer);
      expect(() => incoming.take(frame)).toThrow("within a value");
    }
  });
});
