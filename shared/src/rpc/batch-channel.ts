/**
 * The calling end of a batch channel (B1..B4 of `channel-contract.ts`): gathers calls into requests
 * and settles each call when its answer comes, whichever reply brings it.
 *
 * C1. At most `slots` requests wait for their reply headers. While one is free, everything that was
 *     called in a turn leaves at the end of that turn; else it leaves when a slot frees.
 * C2. A call belongs to the request that brought it until the server moves it to another request's
 *     reply; when a request fails, exactly the calls that belong to it fail.
 * C3. Of all answers that come in parts, no more than `replyBytes` are gathered at a time.
 * C4. One timer serves all deadlines: it is set for the earliest and looks at every open call when
 *     it fires, at most once in `SWEEP_MS`.
 */
import { unreachable } from "../assert.ts";
import { MalformedFrameError } from "../bytes/malformed-frame-error.ts";
import type { CancelTimer, Clock } from "../clock.ts";
import { BATCH_CHANNEL_LIMITS, type BatchChannelLimits } from "./batch-channel-limits.ts";
import { decodeReply, encodeBatchRequest, MAX_CALL_PAYLOAD_BYTES } from "./batch-frames.ts";
import { ChannelFailure } from "./channel-contract.ts";
import type { CallChannel, ChannelLoad } from "./channel-contract.ts";
import type { AbortExchange, Exchange } from "./exchange.ts";
import { FrameReader } from "./frame.ts";
import { GatheredReply } from "./gathered-reply.ts";
import { failureOfStatus } from "./status-failure.ts";

export const BATCH_PATH = "/internal/batch";

const SWEEP_MS = 10;

interface Call {
  readonly id: number;
  readonly payload: Buffer;
  readonly deadlineMs: number;
  readonly resolve: (reply: Buffer) => void;
  readonly reject: (failure: ChannelFailure) => void;
  /** Null: not sent yet. */
  request: Request | null;
  /** Null: none, or all at once so far. */
  gathered: GatheredReply | null;
  settled: boolean;
}

interface Request {
  readonly number: number;
  readonly reader: FrameReader;
  /** Open calls whose answers its reply will bring. */
  readonly calls: Set<Call>;
  abort: AbortExchange;
  /** When it was sent, and later when it was first seen to have no open call; monotonic. */
  sinceMs: number;
  state: "waiting" | "replying" | "idle" | "over";
}

export class BatchChannel implements CallChannel {
  readonly #clock: Clock;
  readonly #exchange: Exchange;
  readonly #url: string;
  readonly #channelId: string;
  readonly #limits: BatchChannelLimits;
  readonly #open = new Map<number, Call>();
  readonly #requests = new Map<number, Request>();
  #queue: Call[] = [];
  #queuedBytes = 0;
  #gatheredBytes = 0;
  #waiting = 0;
  #nextCall = 1;
  #nextRequest = 1;
  #sendPlanned = false;
  #sweepAtMs = Number.POSITIVE_INFINITY;
  #cancelSweep: CancelTimer | null = null;
  #closed = false;

  /** `channelId`: never used before, in this process or another. */
  constructor(options: {
    readonly clock: Clock;
    readonly exchange: Exchange;
    readonly url: string;
    readonly channelId: string;
    readonly limits?: Partial<BatchChannelLimits>;
  }) {
    this.#clock = options.clock;
    this.#exchange = options.exchange;
    this.#url = options.url;
    this.#channelId = options.channelId;
    this.#limits = { ...BATCH_CHANNEL_LIMITS, ...options.limits };
  }

  get load(): ChannelLoad {
    return { calls: this.#open.size, bytes: this.#queuedBytes };
  }

  call(payload: Buffer, deadlineMs: number): Promise<Buffer> {
    const refusal = this.#refusal(payload, deadlineMs);
    if (refusal !== null) return Promise.reject(refusal);
    return new Promise((resolve, reject) => {
      const id = this.#nextCall++;
      const call: Call = {
        id,
        payload,
        deadlineMs,
        resolve,
        reject,
        request: null,
        gathered: null,
        settled: false,
      };
      this.#open.set(id, call);
      this.#queue.push(call);
      this.#queuedBytes += payload.length;
      this.#sweepBy(deadlineMs);
      this.#planSend();
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancelSweep?.();
    for (const call of this.#open.values()) {
      const sent = call.request === null ? "no" : "maybe";
      this.#fail(call, new ChannelFailure("closed", sent, "the channel was closed"));
    }
    for (const request of this.#requests.values()) {
      request.state = "over";
      request.abort();
    }
    this.#requests.clear();
    this.#queue = [];
  }

  #refusal(payload: Buffer, deadlineMs: number): ChannelFailure | null {
    const limits = this.#limits;
    if (this.#closed) return new ChannelFailure("closed", "no", "the channel was closed");
    if (payload.length > MAX_CALL_PAYLOAD_BYTES) {
      return new ChannelFailure("rejected", "no", `a call of ${payload.length} bytes`);
    }
    if (deadlineMs <= this.#clock.monotonicMs()) {
      return new ChannelFailure("deadline", "no", "the deadline had passed before the call");
    }
    if (Math.max(this.#open.size, this.#queue.length) >= limits.openCalls) {
      return new ChannelFailure("overloaded", "no", `${this.#open.size} calls are open`);
    }
    if (this.#queuedBytes > 0 && this.#queuedBytes + payload.length > limits.queuedBytes) {
      return new ChannelFailure("overloaded", "no", `${this.#queuedBytes} bytes wait to be sent`);
    }
    return null;
  }

  #planSend(): void {
    if (this.#sendPlanned || this.#waiting >= this.#limits.slots) return;
    this.#sendPlanned = true;
    this.#clock.soon(() => {
      this.#sendPlanned = false;
      while (!this.#closed && this.#waiting < this.#limits.slots) {
        const calls = this.#takeCalls();
        if (calls.length === 0) break;
        this.#send(calls);
      }
    });
  }

  /** The open calls at the head of the queue that fit into one request. */
  #takeCalls(): Call[] {
    const { requestCalls, requestBytes } = this.#limits;
    const calls: Call[] = [];
    let bytes = 0;
    let taken = 0;
    for (const call of this.#queue) {
      if (!call.settled) {
        const full = calls.length >= requestCalls || bytes + call.payload.length > requestBytes;
        if (full && calls.length > 0) break;
        calls.push(call);
        bytes += call.payload.length;
      }
      taken++;
    }
    this.#queue = taken === this.#queue.length ? [] : this.#queue.slice(taken);
    this.#queuedBytes -= bytes;
    return calls;
  }

  #send(calls: readonly Call[]): void {
    const nowMs = this.#clock.monotonicMs();
    const number = this.#nextRequest++;
    const request: Request = {
      number,
      reader: new FrameReader(),
      calls: new Set(calls),
      abort: () => {},
      sinceMs: nowMs,
      state: "waiting",
    };
    for (const call of calls) call.request = request;
    this.#requests.set(number, request);
    this.#waiting++;
    this.#sweepBy(nowMs + this.#limits.headersTimeoutMs);
    const body = encodeBatchRequest({
      channelId: this.#channelId,
      requestNumber: number,
      calls: calls.map(({ id, payload, deadlineMs }) => ({
        callId: id,
        remainingMs: Math.max(1, Math.round(deadlineMs - nowMs)),
        payload,
      })),
    });
    request.abort = this.#exchange.post(
      { url: this.#url, path: BATCH_PATH, body },
      {
        head: (status) => this.#onHead(request, status),
        data: (chunk) => this.#onData(request, chunk),
        end: () => this.#onEnd(request),
        failed: (reason, sent, detail) => {
          this.#finish(request, new ChannelFailure(reason, sent, detail));
        },
      },
    );
  }

  #onHead(request: Request, status: number): void {
    if (request.state !== "waiting") return;
    if (status !== 200) {
      request.abort();
      this.#finish(request, failureOfStatus(status));
      return;
    }
    request.state = "replying";
    this.#waiting--;
    this.#planSend();
  }

  #onData(request: Request, chunk: Buffer): void {
    if (request.state === "over") return;
    try {
      request.reader.push(chunk, (frame) => this.#onReply(request, frame));
    } catch (error) {
      if (!(error instanceof MalformedFrameError)) throw error;
      request.abort();
      this.#finish(request, broken(error.message));
    }
  }

  #onReply(request: Request, frame: Buffer): void {
    const reply = decodeReply(frame);
    if (reply.kind === "moved") {
      this.#onMoved(request, reply.requestNumber);
      return;
    }
    const call = this.#open.get(reply.callId);
    if (call === undefined) return;
    switch (reply.kind) {
      case "answer":
        this.#settle(call);
        call.resolve(reply.payload);
        return;
      case "part":
        this.#onPart(call, reply.replyBytes, reply.payload);
        return;
      case "failed":
        this.#fail(call, new ChannelFailure(reply.failure, "maybe", "the server gave no answer"));
        return;
      default:
        unreachable(reply);
    }
  }

  #onMoved(request: Request, requestNumber: number): void {
    const heir = this.#requests.get(requestNumber);
    if (heir === undefined || heir === request) {
      this.#finish(request, broken(`moved to the lost request ${requestNumber}`));
      return;
    }
    for (const call of request.calls) {
      call.request = heir;
      heir.calls.add(call);
    }
    request.calls.clear();
  }

  /** C3. Throws `MalformedFrameError`. */
  #onPart(call: Call, replyBytes: number, part: Buffer): void {
    if (call.gathered === null) {
      const held = this.#gatheredBytes;
      if (held > 0 && held + replyBytes > this.#limits.replyBytes) {
        const detail = `${held} bytes of large replies are on their way`;
        return this.#fail(call, new ChannelFailure("overloaded", "maybe", detail));
      }
      call.gathered = new GatheredReply(replyBytes);
      this.#gatheredBytes += replyBytes;
    }
    const { gathered } = call;
    gathered.add(part, replyBytes);
    if (!gathered.isWhole) return;
    this.#settle(call);
    call.resolve(gathered.bytes);
  }

  #onEnd(request: Request): void {
    if (request.state === "over") return;
    try {
      request.reader.end();
      this.#finish(request, broken("the reply ended before every call was answered"));
    } catch (error) {
      if (!(error instanceof MalformedFrameError)) throw error;
      this.#finish(request, broken(error.message));
    }
  }

  /** The request is over; calls that still belong to it fail. */
  #finish(request: Request, failure: ChannelFailure): void {
    if (request.state === "over") return;
    if (request.state === "waiting") this.#waiting--;
    request.state = "over";
    this.#requests.delete(request.number);
    for (const call of request.calls) this.#fail(call, failure);
    this.#planSend();
  }

  #fail(call: Call, failure: ChannelFailure): void {
    this.#settle(call);
    call.reject(failure);
  }

  #settle(call: Call): void {
    call.settled = true;
    this.#open.delete(call.id);
    if (call.gathered !== null) {
      this.#gatheredBytes -= call.gathered.bytes.length;
      call.gathered = null;
    }
    if (call.request !== null) call.request.calls.delete(call);
    else this.#queuedBytes -= call.payload.length;
  }

  #sweepBy(atMs: number): void {
    if (atMs >= this.#sweepAtMs) return;
    this.#cancelSweep?.();
    this.#sweepAtMs = atMs;
    const waitMs = Math.max(SWEEP_MS, atMs - this.#clock.monotonicMs());
    this.#cancelSweep = this.#clock.after(waitMs, () => this.#sweep());
  }

  #sweep(): void {
    const nowMs = this.#clock.monotonicMs();
    this.#sweepAtMs = Number.POSITIVE_INFINITY;
    let nextMs = Number.POSITIVE_INFINITY;
    for (const call of this.#open.values()) {
      if (call.deadlineMs > nowMs) {
        nextMs = Math.min(nextMs, call.deadlineMs);
        continue;
      }
      const sent = call.request === null ? "no" : "maybe";
      this.#fail(call, new ChannelFailure("deadline", sent, "no answer before the deadline"));
    }
    // Expired calls must not pile up behind a server that takes no request.
    this.#queue = this.#queue.filter(({ settled }) => !settled);
    for (const request of this.#requests.values()) {
      nextMs = Math.min(nextMs, this.#checkRequest(request, nowMs));
    }
    if (nextMs < Number.POSITIVE_INFINITY) this.#sweepBy(nextMs);
  }

  /** Ends a request that shows no sign of life; else tells when to look again. */
  #checkRequest(request: Request, nowMs: number): number {
    const timeoutMs = this.#limits.headersTimeoutMs;
    if (request.state === "replying" && request.calls.size === 0) {
      request.state = "idle";
      request.sinceMs = nowMs;
    } else if (request.state === "idle" && request.calls.size > 0) {
      request.state = "replying";
    }
    if (request.state === "replying") return nowMs + timeoutMs;
    if (nowMs - request.sinceMs < timeoutMs) return request.sinceMs + timeoutMs;
    request.abort();
    this.#finish(request, broken(`no reply headers for ${timeoutMs} ms`));
    return Number.POSITIVE_INFINITY;
  }
}

const broken = (detail: string): ChannelFailure => new ChannelFailure("broken", "maybe", detail);
