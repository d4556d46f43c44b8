/**
 * What the frames of `POST /internal/batch` hold.
 *
 *   request = opening, call*
 *   opening = u8 format, text channel id, varint request number
 *   call    = varint call id, varint remaining milliseconds, payload
 *   reply   = answer | moved | part | failed
 *   answer  = u8 0, varint call id, payload
 *   moved   = u8 1, varint request number
 *   part    = u8 2, varint call id, varint bytes of the whole answer, some of them
 *   failed  = u8 3, varint call id, u8 reason
 *
 * Call ids and request numbers count up within a channel. `moved` is the last frame of its reply:
 * the calls of this request that are still open are answered in the reply of the request it names.
 * An answer above `PART_BYTES` comes in parts, in order, in one reply; frames of other calls may
 * stand between them.
 */
import { ByteReader } from "../bytes/byte-reader.ts";
import { MalformedFrameError } from "../bytes/malformed-frame-error.ts";
import { putVarint, varintSize } from "../bytes/varint.ts";
import {
  decodeFrames,
  encodeFrame,
  encodeFrameHeader,
  FRAME_HEADER_BYTES,
  MAX_FRAME_PAYLOAD_BYTES,
  sealFrame,
} from "./frame.ts";

const FORMAT = 1;
const ANSWER = 0;
const MOVED = 1;
const PART = 2;
const FAILED = 3;
/** Sent on the wire: never reorder. */
const FAILURES = ["too-large", "overloaded"] as const;
/** Replies above this size are written as they are, not copied behind others. */
const COPY_LIMIT_BYTES = 32 * 1024;

/** A larger payload fits no frame, whatever its ids. */
export const MAX_CALL_PAYLOAD_BYTES = MAX_FRAME_PAYLOAD_BYTES - 64;

/** The largest row, 64 MiB, and what stands around it; an answer has no more. */
export const MAX_REPLY_BYTES = 72 * 1024 * 1024;

/** So long at most another call's answer waits for a large one. */
export const PART_BYTES = 256 * 1024;

/** Why the serving end gives no answer, though the call was served. */
export type AnswerFailure = (typeof FAILURES)[number];

export interface CallFrame {
  readonly callId: number;
  readonly remainingMs: number;
  readonly payload: Buffer;
}

export interface BatchRequest {
  readonly channelId: string;
  readonly requestNumber: number;
  readonly calls: readonly CallFrame[];
}

export type ReplyFrame =
  | { readonly kind: "answer"; readonly callId: number; readonly payload: Buffer }
  | { readonly kind: "moved"; readonly requestNumber: number }
  | {
      readonly kind: "part";
      readonly callId: number;
      /** Of the whole answer; at most `MAX_REPLY_BYTES`. */
      readonly replyBytes: number;
      readonly payload: Buffer;
    }
  | { readonly kind: "failed"; readonly callId: number; readonly failure: AnswerFailure };

export interface Answer {
  readonly callId: number;
  readonly parts: readonly Buffer[];
}

/** The body of a request, in one buffer. */
export function encodeBatchRequest(request: BatchRequest): Buffer {
  const { channelId, requestNumber, calls } = request;
  const name = Buffer.from(channelId);
  let size = FRAME_HEADER_BYTES + 1 + varintSize(name.length) + name.length;
  size += varintSize(requestNumber);
  for (const call of calls) size += callSize(call);
  const body = Buffer.allocUnsafe(size);
  let at = FRAME_HEADER_BYTES;
  body[at++] = FORMAT;
  at = putVarint(body, at, name.length);
  body.set(name, at);
  at = putVarint(body, at + name.length, requestNumber);
  sealFrame(body, 0, at);
  for (const call of calls) at = putCall(body, at, call);
  return body;
}

/** @throws MalformedFrameError */
export function decodeBatchRequest(body: Buffer): BatchRequest {
  const [opening, ...rest] = decodeFrames(body);
  if (opening === undefined) throw new MalformedFrameError("a request without an opening");
  const calls = rest.map(decodeCall);
  return { ...decodeOpening(opening), calls };
}

/** Small answers share one buffer; larger ones are passed on without a copy. */
export function encodeAnswers(answers: readonly Answer[]): Buffer[] {
  const chunks: Buffer[] = [];
  let small: Answer[] = [];
  let smallBytes = 0;
  for (const answer of answers) {
    const size = answerSize(answer);
    if (size <= COPY_LIMIT_BYTES) {
      small.push(answer);
      smallBytes += size;
      continue;
    }
    if (small.length > 0) chunks.push(joinAnswers(small, smallBytes));
    small = [];
    smallBytes = 0;
    const parts = [answerHead(answer.callId), ...answer.parts];
    chunks.push(encodeFrameHeader(parts), ...parts);
  }
  if (small.length > 0) chunks.push(joinAnswers(small, smallBytes));
  return chunks;
}

export function encodeMoved(requestNumber: number): Buffer {
  const payload = Buffer.allocUnsafe(1 + varintSize(requestNumber));
  payload[0] = MOVED;
  putVarint(payload, 1, requestNumber);
  return encodeFrame([payload]);
}

/** Some bytes of an answer of `replyBytes`, passed on without a copy. */
export function encodePart(
  callId: number,
  replyBytes: number,
  slices: readonly Buffer[],
): readonly Buffer[] {
  const head = Buffer.allocUnsafe(1 + varintSize(callId) + varintSize(replyBytes));
  head[0] = PART;
  putVarint(head, putVarint(head, 1, callId), replyBytes);
  const parts = [head, ...slices];
  return [encodeFrameHeader(parts), ...parts];
}

export function encodeFailed(callId: number, failure: AnswerFailure): Buffer {
  const payload = Buffer.allocUnsafe(2 + varintSize(callId));
  payload[0] = FAILED;
  payload[putVarint(payload, 1, callId)] = FAILURES.indexOf(failure);
  return encodeFrame([payload]);
}

/** @throws MalformedFrameError */
export function decodeReply(frame: Buffer): ReplyFrame {
  const reader = new ByteReader(frame);
  const kind = reader.byte();
  const number = reader.varint();
  switch (kind) {
    case ANSWER:
      return { kind: "answer", callId: number, payload: reader.rest() };
    case MOVED:
      reader.end();
      return { kind: "moved", requestNumber: number };
    case PART: {
      const replyBytes = reader.varint();
      if (replyBytes > MAX_REPLY_BYTES) reader.fail(`an answer of ${replyBytes} bytes`);
      return { kind: "part", callId: number, replyBytes, payload: reader.rest() };
    }
    case FAILED: {
      const failure = FAILURES[reader.byte()];
      if (failure === undefined) return reader.fail("unknown failure of an answer");
      reader.end();
      return { kind: "failed", callId: number, failure };
    }
    default:
      return reader.fail(`unknown kind of reply ${kind}`);
  }
}

function decodeOpening(payload: Buffer): { channelId: string; requestNumber: number } {
  const reader = new ByteReader(payload);
  const format = reader.byte();
  if (format !== FORMAT) throw new MalformedFrameError(`unknown format of batches ${format}`);
  const channelId = reader.text();
  const requestNumber = reader.varint();
  reader.end();
  return { channelId, requestNumber };
}

function decodeCall(payload: Buffer): CallFrame {
  const reader = new ByteReader(payload);
  const callId = reader.varint();
  const remainingMs = reader.varint();
  return { callId, remainingMs, payload: reader.rest() };
}

function callSize({ callId, remainingMs, payload }: CallFrame): number {
  return FRAME_HEADER_BYTES + varintSize(callId) + varintSize(remainingMs) + payload.length;
}

function putCall(body: Buffer, start: number, call: CallFrame): number {
  let at = putVarint(body, start + FRAME_HEADER_BYTES, call.callId);
  at = putVarint(body, at, call.remainingMs);
  body.set(call.payload, at);
  at += call.payload.length;
  sealFrame(body, start, at);
  return at;
}

function answerHead(callId: number): Buffer {
  const head = Buffer.allocUnsafe(1 + varintSize(callId));
  head[0] = ANSWER;
  putVarint(head, 1, callId);
  return head;
}

function answerSize({ callId, parts }: Answer): number {
  let size = FRAME_HEADER_BYTES + 1 + varintSize(callId);
  for (const part of parts) size += part.length;
  return size;
}

function joinAnswers(answers: readonly Answer[], size: number): Buffer {
  const joined = Buffer.allocUnsafe(size);
  let start = 0;
  for (const { callId, parts } of answers) {
    let at = start + FRAME_HEADER_BYTES;
    joined[at++] = ANSWER;
    at = putVarint(joined, at, callId);
    for (const part of parts) {
      joined.set(part, at);
      at += part.length;
    }
    sealFrame(joined, start, at);
    start = at;
  }
  return joined;
}
