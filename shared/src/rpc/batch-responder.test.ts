import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { unreachable } from "../assert.ts";
import { MalformedFrameError } from "../bytes/malformed-frame-error.ts";
import { nextMacrotask } from "../testing/macrotask.adapter.ts";
import { SeededRandom } from "../random.ts";
import { SimulatedClock } from "../testing/simulated-clock.ts";
import {
  decodeBatchRequest,
  decodeReply,
  encodeAnswers,
  encodeBatchRequest,
  encodeFailed,
  encodeMoved,
  encodePart,
  MAX_REPLY_BYTES,
  PART_BYTES,
} from "./batch-frames.ts";
import { BatchResponder } from "./batch-responder.ts";
import type { IncomingCall } from "./channel-contract.ts";
import type { ReplySink } from "./exchange.ts";
import type { ReplyFrame } from "./batch-frames.ts";
import { decodeFrames } from "./frame.ts";

/** What one reply has sent so far, in words. */
class RecordingSink implements ReplySink {
  readonly writes: string[] = [];
  /** The network takes what was written. */
  take: () => void = () => {};

  answer(status: number): void {
    this.writes.push(`status ${status}`);
  }

  write(chunks: readonly Buffer[], taken?: () => void): void {
    if (taken !== undefined) this.take = taken;
    this.writes.push(`write${framesIn(chunks)}`);
  }

  end(chunks: readonly Buffer[]): void {
    this.writes.push(`end${framesIn(chunks)}`);
  }
}

function framesIn(chunks: readonly Buffer[]): string {
  const replies = decodeFrames(Buffer.concat(chunks)).map((frame) => decodeReply(frame));
  return replies.map((reply) => ` ${inWords(reply)}`).join("");
}

function inWords(reply: ReplyFrame): string {
  switch (reply.kind) {
    case "answer":
      return reply.payload.toString();
    case "moved":
      return `moved to ${reply.requestNumber}`;
    case "part":
      return `part of ${String.fromCharCode(reply.payload[0] as number)}`;
    case "failed":
      return reply.failure;
  }
}

/** A large answer to the call of this name: parts that begin with it. */
function answerLarge(calls: Map<string, IncomingCall>, name: string, bytes: number): void {
  calls.get(name)?.reply(Buffer.alloc(bytes / 2, name), Buffer.alloc(bytes / 2, name));
}

function setUp(
  openReplies: number,
  heldBytes?: number,
): {
  readonly clock: SimulatedClock;
  readonly calls: Map<string, IncomingCall>;
  readonly bring: (requestNumber: number, names: readonly string[]) => RecordingSink;
  readonly gone: Map<number, () => void>;
} {
  const clock = new SimulatedClock(new SeededRandom(1), nextMacrotask);
  const calls = new Map<string, IncomingCall>();
  const gone = new Map<number, () => void>();
  const handler = {
    handle: (incoming: readonly IncomingCall[]) => {
      for (const call of incoming) calls.set(call.payload.toString(), call);
    },
  };
  const limits = heldBytes === undefined ? {} : { heldBytes };
  const responder = new BatchResponder({ clock, handler, openReplies, ...limits });
  let callId = 0;
  const bring = (requestNumber: number, names: readonly string[]): RecordingSink => {
    const sink = new RecordingSink();
    const body = encodeBatchRequest({
      channelId: "x",
      requestNumber,
      calls: names.map((name) => ({
        callId: callId++,
        remainingMs: 1_000,
        payload: Buffer.from(name),
      })),
    });
    gone.set(requestNumber, responder.accept(body, sink));
    return sink;
  };
  return { clock, calls, bring, gone };
}

function answer(calls: Map<string, IncomingCall>, ...names: readonly string[]): void {
  for (const name of names) calls.get(name)?.reply(Buffer.from(name));
}

describe("the serving end of a batch channel", () => {
  test("writes the answers of a turn together, and the headers in the first turn", async () => {
    const { clock, calls, bring } = setUp(2);
    const sink = bring(1, ["a", "b", "c", "d"]);
    await clock.runFor(1);
    answer(calls, "c", "a");
    await clock.runFor(1);
    answer(calls, "d");
    answer(calls, "b");
    await clock.runFor(1);
    expect(sink.writes).toEqual(["write", "write c a", "end d b"]);
  });

  test("answers of the first turn are the whole reply", async () => {
    const { clock, calls, bring } = setUp(2);
    const sink = bring(1, ["a"]);
    answer(calls, "a");
    await clock.runFor(1);
    expect(sink.writes).toEqual(["end a"]);
  });

  test("past its open replies, the second oldest moves its calls to the oldest", async () => {
    const { clock, calls, bring } = setUp(2);
    const sinks = [bring(1, ["a"]), bring(2, ["b"]), bring(3, ["c"]), bring(4, ["d", "e"])];
    await clock.runFor(1);
    answer(calls, "e", "b", "c");
    await clock.runFor(1);
    answer(calls, "d", "a");
    await clock.runFor(1);
    expect(sinks.map(({ writes }) => writes)).toEqual([
      ["write", "write b c", "end a"],
      ["end moved to 1"],
      ["end moved to 1"],
      ["write", "write e", "end d"],
    ]);
  });

  test("a broken collecting reply takes its calls along; the next oldest collects", async () => {
    const { clock, calls, bring, gone } = setUp(2);
    const sinks = [bring(1, ["a"]), bring(2, ["b"]), bring(3, ["c"])];
    await clock.runFor(1);
    gone.get(1)?.();
    answer(calls, "a", "b");
    sinks.push(bring(4, ["d"]), bring(5, ["e"]));
    await clock.runFor(1);
    answer(calls, "c", "d", "e");
    await clock.runFor(1);
    expect(sinks.map(({ writes }) => writes)).toEqual([
      ["write"],
      ["end moved to 1"],
      ["write", "end c d"],
      ["end moved to 3"],
      ["write", "end e"],
    ]);
  });

  test("large answers leave in turns, a part at a time; small ones go first", async () => {
    const { clock, calls, bring } = setUp(2);
    const sink = bring(1, ["a", "b", "c", "d"]);
    answerLarge(calls, "a", 3 * PART_BYTES);
    answerLarge(calls, "b", PART_BYTES + 2);
    await clock.runFor(1);
    answer(calls, "c");
    await clock.runFor(1);
    for (let round = 0; round < 4; round++) {
      sink.take();
      await clock.runFor(1);
    }
    answer(calls, "d");
    await clock.runFor(1);
    expect(sink.writes).toEqual([
      "write part of a",
      "write c",
      "write part of b",
      "write part of a",
      "write part of b",
      "write part of a",
      "end d",
    ]);
  });

  test("a reply with a large answer under way keeps its calls", async () => {
    const { clock, calls, bring } = setUp(2);
    const sinks = [bring(1, ["a"]), bring(2, ["b", "x"]), bring(3, ["c"])];
    await clock.runFor(1);
    sinks.push(bring(4, ["d"]));
    await clock.runFor(1);
    answerLarge(calls, "c", 2 * PART_BYTES);
    await clock.runFor(1);
    sinks.push(bring(5, ["e"]), bring(6, ["f"]));
    sinks[2]?.take();
    answer(calls, "d");
    await clock.runFor(1);
    expect(sinks.map(({ writes }) => writes.at(-1))).toEqual([
      "write d",
      "end moved to 1",
      "end moved to 1",
      "end moved to 1",
      "end moved to 1",
      "write",
    ]);
  });

  test("fails the calls of answers that are too large, or too many to be held", async () => {
    const { clock, calls, bring, gone } = setUp(2, 3 * PART_BYTES);
    const sink = bring(1, ["a", "b", "c", "d", "e"]);
    answerLarge(calls, "a", MAX_REPLY_BYTES + 2);
    answerLarge(calls, "b", 2 * PART_BYTES);
    answerLarge(calls, "c", 2 * PART_BYTES);
    answer(calls, "d");
    await clock.runFor(1);
    expect(sink.writes).toEqual(["write d too-large overloaded part of b"]);
    gone.get(1)?.();
    // What was held for a client that left is held no more.
    const second = bring(2, ["f"]);
    answerLarge(calls, "f", 3 * PART_BYTES);
    await clock.runFor(1);
    expect(second.writes).toEqual(["write part of f"]);
  });

  test("gives up a large answer that its client does not take by the deadline", async () => {
    const { clock, calls, bring } = setUp(2, 2 * PART_BYTES);
    const sink = bring(1, ["a"]);
    answerLarge(calls, "a", 2 * PART_BYTES);
    await clock.runFor(2_900);
    sink.take();
    await clock.runFor(1);
    expect(sink.writes).toEqual(["write part of a", "end"]);
    const second = bring(2, ["b"]);
    answerLarge(calls, "b", 2 * PART_BYTES);
    await clock.runFor(1);
    expect(second.writes).toEqual(["write part of b"]);
  });

  test("forgets calls long past their deadline and ends their reply", async () => {
    const { clock, calls, bring } = setUp(2);
    const sink = bring(1, ["a"]);
    await clock.runFor(1_900);
    expect(sink.writes).toEqual(["write"]);
    await clock.runFor(1_000);
    expect(sink.writes).toEqual(["write", "end"]);
    answer(calls, "a");
    await clock.runFor(1);
    expect(sink.writes).toHaveLength(2);
  });

  test("a request without calls is answered empty, a malformed one refused", async () => {
    const { clock, bring } = setUp(2);
    const sink = bring(1, []);
    await clock.runFor(1);
    expect(sink.writes).toEqual(["end"]);
    const refused = new RecordingSink();
    const handler = { handle: () => expect.unreachable() };
    new BatchResponder({ clock, handler }).accept(Buffer.from("nonsense"), refused);
    expect(refused.writes).toEqual(["status 400"]);
  });
});

function encodedAgain(reply: ReplyFrame): Buffer {
  const { kind } = reply;
  switch (kind) {
    case "answer":
      return Buffer.concat(encodeAnswers([{ callId: reply.callId, parts: [reply.payload] }]));
    case "moved":
      return encodeMoved(reply.requestNumber);
    case "part":
      return Buffer.concat(encodePart(reply.callId, reply.replyBytes, [reply.payload]));
    case "failed":
      return encodeFailed(reply.callId, reply.failure);
    default:
      return unreachable(kind);
  }
}

describe("batch frames", () => {
  const bytes = fc.uint8Array({ maxLength: 60 }).map((array) => Buffer.from(array));
  const number = fc.maxSafeNat();

  test("requests and answers decode to what was encoded", () => {
    const call = fc.record({ callId: number, remainingMs: number, payload: bytes });
    const request = fc.record({
      channelId: fc.string(),
      requestNumber: number,
      calls: fc.array(call),
    });
    fc.assert(
      fc.property(request, (value) => {
        expect(decodeBatchRequest(encodeBatchRequest(value))).toEqual(value);
      }),
    );
    const answers = fc.array(fc.record({ callId: number, parts: fc.array(bytes) }));
    fc.assert(
      fc.property(answers, (sent) => {
        const frames = decodeFrames(Buffer.concat(encodeAnswers(sent)));
        const read = frames.map((frame) => decodeReply(frame));
        expect(read).toEqual(
          sent.map(({ callId, parts }) => ({
            kind: "answer",
            callId,
            payload: Buffer.concat(parts),
          })),
        );
      }),
    );
  });

  test("arbitrary frames decode or are malformed, nothing else", () => {
    fc.assert(
      fc.property(bytes, (frame) => {
        try {
          const [again] = decodeFrames(encodedAgain(decodeReply(frame)));
          expect(again).toEqual(frame);
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedFrameError);
        }
      }),
    );
  });
});
