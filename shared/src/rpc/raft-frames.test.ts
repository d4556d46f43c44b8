import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { InvariantError } from "../assert.ts";
import { ByteReader } from "../bytes/byte-reader.ts";
import { ByteWriter } from "../bytes/byte-writer.ts";
import { MalformedFrameError } from "../bytes/malformed-frame-error.ts";
import type { LogIndex, ReplicaId, ServerId, TabletId, Term } from "../ids.ts";
import { MAX_TERM, readRaftMessage, writeRaftMessage } from "../raft/message-codec.ts";
import type { Entry, RaftMessage } from "../raft/messages.ts";
import type { RaftEnvelope } from "./channel-contract.ts";
import { encodeFrame } from "./frame.ts";
import { decodeRaftRequest, encodeRaftRequest, raftEnvelopeBytes } from "./raft-frames.ts";

const replica = fc.maxSafeNat().map((value) => value as ReplicaId);
const index = fc.maxSafeNat().map((value) => value as LogIndex);
const term = fc.nat({ max: MAX_TERM }).map((value) => value as Term);
const round = fc.maxSafeNat();
const server = fc.uuid({ version: 4 }).map((value) => value as ServerId);
const tablet = fc.maxSafeNat().map((value) => value as TabletId);
const addressed = { from: replica, to: replica, term };
const last = { lastIndex: index, lastTerm: term };

/** `count` distinct members, ascending. */
const members = fc
  .uniqueArray(fc.record({ replicaId: replica, serverId: server }), {
    selector: (member) => member.replicaId,
    minLength: 1,
    maxLength: 9,
  })
  .map((list) => list.toSorted((a, b) => a.replicaId - b.replicaId));

const config = fc.tuple(members, fc.boolean(), fc.nat(8)).map(([all, joint, at]) => {
  const voters = all.slice(0, Math.max(1, at % all.length));
  return { voters, outgoing: joint ? voters : [], learners: all.slice(voters.length) };
});

const append = fc
  .record({
    ...addressed,
    term: fc.integer({ min: 1000, max: MAX_TERM }).map((value) => value as Term),
    prevIndex: fc.nat(1e15).map((value) => value as LogIndex),
    prevTerm: fc.nat(10).map((value) => value as Term),
    commit: index,
    entries: fc.array(
      fc.record({
        kind: fc.constantFrom("empty", "config", "command"),
        payload: fc.uint8Array({ maxLength: 50 }).map((bytes) => Buffer.from(bytes)),
        step: fc.nat(3),
      }),
      { maxLength: 8 },
    ),
  })
  .map(({ entries, ...message }): RaftMessage => {
    let entryTerm: number = message.prevTerm;
    const numbered = entries.map(({ kind, payload, step }, at): Entry => {
      entryTerm += step;
      const entryIndex = (message.prevIndex + 1 + at) as LogIndex;
      return { index: entryIndex, term: entryTerm as Term, kind, payload };
    });
    return { kind: "append", ...message, entries: numbered };
  });

const message: fc.Arbitrary<RaftMessage> = fc.oneof(
  fc.record({ kind: fc.constant("pre-vote" as const), ...addressed, ...last }),
  fc.record({ kind: fc.constant("vote" as const), ...addressed, ...last, transfer: fc.boolean() }),
  fc.record({
    kind: fc.constantFrom("pre-vote-reply" as const, "vote-reply" as const),
    ...addressed,
    granted: fc.boolean(),
  }),
  append,
  fc.record({
    kind: fc.constant("append-reply" as const),
    ...addressed,
    outcome: fc.oneof(
      fc.record({ kind: fc.constant("accepted" as const), match: index }),
      fc.record({
        kind: fc.constant("rejected" as const),
        prevIndex: index,
        hintIndex: index,
        hintTerm: term,
      }),
    ),
  }),
  fc.record({ kind: fc.constant("heartbeat" as const), ...addressed, commit: index, round }),
  fc.record({ kind: fc.constant("heartbeat-reply" as const), ...addressed, round }),
  fc.record({
    kind: fc.constant("snapshot" as const),
    ...addressed,
    index,
    indexTerm: term,
    config,
    configIndex: index,
  }),
  fc.record({ kind: fc.constant("timeout-now" as const), ...addressed }),
);

const envelopes: fc.Arbitrary<RaftEnvelope[]> = fc.array(fc.record({ tabletId: tablet, message }), {
  maxLength: 10,
});

const request = fc.record({
  clusterId: fc.string(),
  sender: server,
  recipient: server,
  envelopes,
});

const append7: RaftMessage = {
  kind: "append",
  from: 1 as ReplicaId,
  to: 2 as ReplicaId,
  term: 7 as Term,
  prevIndex: 3 as LogIndex,
  prevTerm: 5 as Term,
  commit: 3 as LogIndex,
  entries: [
    { index: 4 as LogIndex, term: 6 as Term, kind: "command", payload: Buffer.from("put") },
  ],
};

const opening = {
  clusterId: "c",
  sender: "11111111-1111-4111-8111-111111111111" as ServerId,
  recipient: "22222222-2222-4222-8222-222222222222" as ServerId,
};

function bytesOf(value: RaftMessage): Buffer {
  const writer = new ByteWriter();
  writeRaftMessage(writer, value);
  return writer.finish();
}

describe("Raft requests", () => {
  test("a request decodes to what was encoded", () => {
    fc.assert(
      fc.property(request, (value) => {
        expect(decodeRaftRequest(encodeRaftRequest(value))).toEqual(value);
      }),
    );
  });

  test("arbitrary bytes are a message only if it encodes to these bytes", () => {
    const bytes = fc.tuple(fc.nat(12), fc.uint8Array({ maxLength: 40 }));
    fc.assert(
      fc.property(bytes, ([kind, rest]) => {
        const buffer = Buffer.from([kind, ...rest]);
        const reader = new ByteReader(buffer);
        let decoded: RaftMessage;
        try {
          decoded = readRaftMessage(reader);
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedFrameError);
          return;
        }
        expect(bytesOf(decoded)).toEqual(buffer.subarray(0, reader.position));
      }),
      { numRuns: 2000 },
    );
  });

  test("a cut message is malformed, wherever it is cut", () => {
    fc.assert(
      fc.property(
        message,
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (m, f) => {
          const bytes = bytesOf(m);
          const cut = bytes.subarray(0, Math.floor(bytes.length * f));
          expect(() => readRaftMessage(new ByteReader(cut))).toThrow(MalformedFrameError);
        },
      ),
    );
  });

  test("the size estimate of an append is never below its size", () => {
    fc.assert(
      fc.property(append, tablet, (m, tabletId) => {
        const size = new ByteWriter().varint(tabletId).length + bytesOf(m).length;
        expect(raftEnvelopeBytes({ tabletId, message: m })).toBeGreaterThanOrEqual(size);
      }),
    );
  });

  test("an entry of the largest size travels in a frame of its own", () => {
    const payload = Buffer.alloc(16 * 1024 * 1024, 3);
    const large: RaftMessage = {
      ...append7,
      entries: [{ index: 4 as LogIndex, term: 6 as Term, kind: "command", payload }],
    };
    const sent = [append7, large, append7].map((m) => ({ tabletId: 1 as TabletId, message: m }));
    const decoded = decodeRaftRequest(encodeRaftRequest({ ...opening, envelopes: sent }));
    expect(decoded.envelopes.map((envelope) => raftEnvelopeBytes(envelope))).toEqual(
      sent.map((envelope) => raftEnvelopeBytes(envelope)),
    );
  });

  test("a sender never leaves a gap between entries", () => {
    const entry = { term: 6 as Term, kind: "command" as const, payload: Buffer.alloc(0) };
    const gap = { ...append7, entries: [{ ...entry, index: 5 as LogIndex }] };
    expect(() => bytesOf(gap)).toThrow(InvariantError);
  });

  test.each([
    ["an unknown kind", [99, 1, 2, 7]],
    ["kind 0", [0, 1, 2, 7]],
    ["an entry of a term before the previous entry's", [5, 1, 2, 7, 3, 5, 3, 1, 2, 4, 0]],
    ["an entry of a term after the leader's", [5, 1, 2, 7, 3, 5, 3, 1, 2, 8, 0]],
    ["an unknown kind of entry", [5, 1, 2, 7, 3, 5, 3, 1, 3, 6, 0]],
    ["more entries than bytes", [5, 1, 2, 7, 3, 5, 3, 100, 2, 6, 0]],
    ["a grant that is neither yes nor no", [4, 1, 2, 7, 2]],
  ])("a follower refuses %s", (_, bytes) => {
    expect(() => readRaftMessage(new ByteReader(Buffer.from(bytes)))).toThrow(MalformedFrameError);
  });

  test("an entry larger than the log takes is refused where it arrives", () => {
    const payload = Buffer.alloc(16 * 2 ** 20 + 1);
    const entry = { index: 4 as LogIndex, term: 6 as Term, kind: "command" as const, payload };
    const bytes = bytesOf({ ...append7, entries: [entry] });
    expect(() => readRaftMessage(new ByteReader(bytes))).toThrow("an entry of 16777217 bytes");
  });

  test("a term of 2^53 - 1 is refused, so that no peer ends the terms", () => {
    const at = (value: number): Buffer =>
      new ByteWriter().byte(10).varint(1).varint(2).varint(value).finish();
    expect(readRaftMessage(new ByteReader(at(MAX_TERM)))).toMatchObject({ term: MAX_TERM });
    expect(() => readRaftMessage(new ByteReader(at(MAX_TERM + 1)))).toThrow("a term of");
  });

  test("one malformed message spoils the whole request", () => {
    const good = encodeRaftRequest({
      ...opening,
      envelopes: [{ tabletId: 1 as TabletId, message: append7 }],
    });
    const bad = encodeFrame([Buffer.from([1, 99, 1, 2, 7])]);
    expect(() => decodeRaftRequest(Buffer.concat([good, bad]))).toThrow("unknown kind");
    expect(() => decodeRaftRequest(Buffer.alloc(0))).toThrow("without an opening");
  });

  test("a sender that is no server id is malformed", () => {
    const body = encodeRaftRequest({ ...opening, sender: "ts1" as ServerId, envelopes: [] });
    expect(() => decodeRaftRequest(body)).toThrow("lower-case uuid");
  });
});
