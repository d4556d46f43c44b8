/**
 * The serving end of a batch channel: decodes a request, hands all its calls over at once, and
 * writes their answers as they come.
 *
 * S1. A request that does not decode is refused as a whole: none of its calls is handed over.
 * S2. Answers of one turn are written together at its end; the first write, with the reply headers,
 *     comes at the end of the turn that brought the request, answers or none.
 * S3. A channel has at most `openReplies` replies open. Past that, the second oldest ends and its
 *     open calls move to the oldest, which collects the slow ones; a call moves at most once while
 *     that lasts. So stuck calls never use up the connections of a channel.
 * S4. A call is forgotten `GRACE_MS` after its deadline, when its caller has long given up.
 * S5. An answer above `PART_BYTES` leaves part by part, the next when the network took the last one:
 *     answers that come meanwhile go first, and large ones take turns. A reply with large answers
 *     under way does not move its calls (S3): there may be more open replies by those.
 * S6. What waits to leave in parts is bounded: past `heldBytes` an answer is given up and its call
 *     fails, as it does with an answer above `MAX_REPLY_BYTES`.
 */
import { assert, must } from "../assert.ts";
import type { Clock } from "../clock.ts";
import { MalformedFrameError } from "../bytes/malformed-frame-error.ts";
import {
  decodeBatchRequest,
  encodeAnswers,
  encodeFailed,
  encodeMoved,
  MAX_REPLY_BYTES,
  PART_BYTES,
} from "./batch-frames.ts";
import type { Answer, AnswerFailure } from "./batch-frames.ts";
import type { CallHandler, IncomingCall } from "./channel-contract.ts";
import type { ClientGone, ReplySink } from "./exchange.ts";
import { LargeAnswer } from "./large-answer.ts";

const OPEN_REPLIES = 8;
const HELD_BYTES = 256 * 1024 * 1024;
const GRACE_MS = 1_000;
/** Deadlines are seldom missed: looking for them this often costs nothing. */
const SWEEP_MS = 500;
const NO_BYTES = Buffer.alloc(0);

/** The open replies of one channel, oldest first. */
type ChannelReplies = Reply[];

interface Reply {
  readonly channelId: string;
  readonly requestNumber: number;
  readonly sink: ReplySink;
  readonly calls: Set<OpenCall>;
  answers: Answer[];
  failures: { readonly callId: number; readonly failure: AnswerFailure }[];
  /** The first sends its next part first. */
  large: LargeAnswer[];
  /** The network has not taken the last part. */
  isFull: boolean;
  /** The request to which the open calls moved. */
  movedTo: number | null;
  dirty: boolean;
  isOver: boolean;
}

class OpenCall implements IncomingCall {
  readonly payload: Buffer;
  readonly deadlineMs: number;
  readonly callId: number;
  /** Null: the client is gone, or the deadline long passed. */
  target: Reply | null;
  readonly #responder: BatchResponder;
  #replied = false;

  constructor(
    responder: BatchResponder,
    target: Reply,
    call: { readonly callId: number; readonly payload: Buffer; readonly deadlineMs: number },
  ) {
    this.#responder = responder;
    this.target = target;
    this.callId = call.callId;
    this.payload = call.payload;
    this.deadlineMs = call.deadlineMs;
  }

  reply(...parts: Buffer[]): void {
    assert(!this.#replied, "a call is answered once");
    this.#replied = true;
    if (this.target !== null) this.#responder.answer(this.target, this, parts);
  }
}

export class BatchResponder {
  readonly #clock: Clock;
  readonly #handler: CallHandler;
  readonly #openReplies: number;
  readonly #heldLimit: number;
  /** Of all large answers that are not out yet. */
  #heldBytes = 0;
  readonly #channels = new Map<string, ChannelReplies>();
  #dirty: Reply[] = [];
  #sweeping = false;

  constructor(options: {
    readonly clock: Clock;
    readonly handler: CallHandler;
    readonly openReplies?: number;
    /** See S6. One answer may pass it. */
    readonly heldBytes?: number;
  }) {
    this.#clock = options.clock;
    this.#handler = options.handler;
    this.#openReplies = options.openReplies ?? OPEN_REPLIES;
    this.#heldLimit = options.heldBytes ?? HELD_BYTES;
    assert(this.#openReplies >= 2, "one reply collects, another is new");
  }

  /** Takes one request; an `ExchangeHandler`. */
  readonly accept = (body: Buffer, sink: ReplySink): ClientGone => {
    const request = decodedOrNull(body);
    if (request === null) {
      sink.answer(400, NO_BYTES);
      return () => {};
    }
    const { channelId, requestNumber } = request;
    const reply: Reply = {
      channelId,
      requestNumber,
      sink,
      calls: new Set(),
      answers: [],
      failures: [],
      large: [],
      isFull: false,
      movedTo: null,
      dirty: false,
      isOver: false,
    };
    this.#admit(reply);
    const nowMs = this.#clock.monotonicMs();
    const calls: IncomingCall[] = [];
    for (const { callId, remainingMs, payload } of request.calls) {
      const deadlineMs = nowMs + remainingMs;
      const call = new OpenCall(this, reply, { callId, payload, deadlineMs });
      reply.calls.add(call);
      calls.push(call);
    }
    this.#markDirty(reply);
    this.#planSweep();
    this.#handler.handle(calls);
    return () => this.#drop(reply);
  };

  /** For `OpenCall` alone. */
  answer(reply: Reply, call: OpenCall, parts: readonly Buffer[]): void {
    reply.calls.delete(call);
    const { callId } = call;
    let bytes = 0;
    for (const part of parts) bytes += part.length;
    const failure = this.#failureOf(bytes);
    if (failure !== null) {
      reply.failures.push({ callId, failure });
    } else if (bytes > PART_BYTES) {
      reply.large.push(new LargeAnswer(call, parts, bytes));
      this.#heldBytes += bytes;
    } else {
      reply.answers.push({ callId, parts });
    }
    this.#markDirty(reply);
  }

  /** S6. */
  #failureOf(bytes: number): AnswerFailure | null {
    if (bytes > MAX_REPLY_BYTES) return "too-large";
    if (bytes <= PART_BYTES || this.#heldBytes === 0) return null;
    return this.#heldBytes + bytes > this.#heldLimit ? "overloaded" : null;
  }

  #admit(reply: Reply): void {
    const { channelId } = reply;
    const replies = this.#channels.get(channelId) ?? [];
    this.#channels.set(channelId, replies);
    replies.push(reply);
    while (replies.length > this.#openReplies) {
      const at = replies.findIndex(({ large }, place) => place > 0 && large.length === 0);
      // The newest is just being made.
      if (at < 0 || at === replies.length - 1) return;
      const [leaving] = replies.splice(at, 1);
      this.#move(must(leaving, "a reply"), must(replies[0], "the oldest reply"));
    }
  }

  #move(leaving: Reply, collector: Reply): void {
    leaving.movedTo = collector.requestNumber;
    for (const call of leaving.calls) {
      call.target = collector;
      collector.calls.add(call);
    }
    leaving.calls.clear();
    this.#markDirty(leaving);
  }

  #markDirty(reply: Reply): void {
    if (reply.dirty) return;
    reply.dirty = true;
    this.#dirty.push(reply);
    if (this.#dirty.length === 1) this.#clock.soon(() => this.#flush());
  }

  #flush(): void {
    const dirty = this.#dirty;
    this.#dirty = [];
    for (const reply of dirty) {
      reply.dirty = false;
      this.#send(reply);
    }
  }

  #send(reply: Reply): void {
    if (reply.isOver) return;
    const chunks = encodeAnswers(reply.answers);
    reply.answers = [];
    for (const { callId, failure } of reply.failures) chunks.push(encodeFailed(callId, failure));
    reply.failures = [];
    if (reply.large.length > 0 && !reply.isFull) this.#takePart(reply, chunks);
    if (reply.large.length > 0) {
      const isWaiting = reply.isFull;
      reply.isFull = true;
      if (isWaiting) reply.sink.write(chunks);
      else {
        reply.sink.write(chunks, () => {
          reply.isFull = false;
          this.#markDirty(reply);
        });
      }
      return;
    }
    if (reply.movedTo !== null) chunks.push(encodeMoved(reply.movedTo));
    if (reply.calls.size > 0) {
      reply.sink.write(chunks);
    } else {
      reply.sink.end(chunks);
      this.#forget(reply);
    }
  }

  /** S5: the next part of the large answer whose turn it is. */
  #takePart({ large }: Reply, chunks: Buffer[]): void {
    const answer = must(large.shift(), "a large answer");
    chunks.push(...answer.nextFrame());
    if (answer.isSent) this.#heldBytes -= answer.byteLength;
    else large.push(answer);
  }

  /** The client is gone: answers to these calls have nowhere to go. */
  #drop(reply: Reply): void {
    for (const call of reply.calls) call.target = null;
    reply.calls.clear();
    reply.answers = [];
    reply.failures = [];
    this.#giveUp(reply, reply.large);
    this.#forget(reply);
  }

  #forget(reply: Reply): void {
    reply.isOver = true;
    const replies = this.#channels.get(reply.channelId);
    const at = replies?.indexOf(reply) ?? -1;
    if (replies === undefined || at < 0) return;
    replies.splice(at, 1);
    if (replies.length === 0) this.#channels.delete(reply.channelId);
  }

  #giveUp(reply: Reply, answers: readonly LargeAnswer[]): void {
    for (const { byteLength } of answers) this.#heldBytes -= byteLength;
    reply.large = reply.large.filter((answer) => !answers.includes(answer));
  }

  #planSweep(): void {
    if (this.#sweeping) return;
    this.#sweeping = true;
    this.#clock.after(SWEEP_MS, () => {
      this.#sweeping = false;
      const forgetMs = this.#clock.monotonicMs() - GRACE_MS;
      for (const replies of this.#channels.values()) {
        for (const reply of replies) this.#expire(reply, forgetMs);
      }
      if (this.#channels.size > 0) this.#planSweep();
    });
  }

  #expire(reply: Reply, forgetMs: number): void {
    for (const call of reply.calls) {
      if (call.deadlineMs > forgetMs) continue;
      call.target = null;
      reply.calls.delete(call);
    }
    this.#giveUp(
      reply,
      reply.large.filter(({ deadlineMs }) => deadlineMs <= forgetMs),
    );
    if (reply.calls.size + reply.large.length === 0) this.#markDirty(reply);
  }
}

function decodedOrNull(body: Buffer): ReturnType<typeof decodeBatchRequest> | null {
  try {
    return decodeBatchRequest(body);
  } catch (error) {
    if (error instanceof MalformedFrameError) return null;
    throw error;
  }
}
