/**
 * Reads request bodies whole: bounded in bytes, in time, and over all requests together.
 *
 * D1. What of a refused body is still on its way is left to who writes the refusal: see `drain.ts`.
 * D2. Bodies above 64 KiB count against one budget until their reply is finished; beyond it: 429.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Clock } from "@stele/shared/clock.ts";
import { DatabaseError } from "@stele/shared/errors.ts";
import type { ErrorCode } from "@stele/shared/errors.ts";
import type { CallLimits } from "../operations.ts";
import { parseJson } from "./json-text.ts";
import { parseLargeJson } from "./large-json.ts";
import { LIMITS } from "./limits.ts";
import { bodyTypeOf, refuseContentEncoding } from "./media-types.ts";
import { TurnTaker } from "./turn-taker.ts";

/** Smaller bodies are not counted: there are as many as connections. */
const COUNTED_BYTES = 64 * 1024;
/** Larger JSON is parsed in slices. */
const LARGE_BYTES = 256 * 1024;

export class BodyReader {
  readonly #clock: Clock;
  readonly #budgetBytes: number;
  #heldBytes = 0;

  /** `budgetBytes`: of all bodies being read or worked on. */
  constructor(clock: Clock, budgetBytes: number) {
    this.#clock = clock;
    this.#budgetBytes = budgetBytes;
  }

  /** The body as JSON, of which there must be some. */
  async json(request: FastifyRequest, reply: FastifyReply, limits: CallLimits): Promise<unknown> {
    const body = await this.optionalJson(request, reply, limits);
    if (body === undefined) throw failure("INVALID_REQUEST", "the call needs a JSON body");
    return body;
  }

  /** Undefined: there is no body. */
  async optionalJson(
    request: FastifyRequest,
    reply: FastifyReply,
    limits: CallLimits,
  ): Promise<unknown> {
    const { raw } = request;
    if (!announcesBody(raw)) return undefined;
    bodyTypeOf(raw.headers, ["json"]);
    const bytes = await this.#collect(raw, reply.raw, LIMITS.jsonBodyBytes, limits);
    if (bytes.length === 0) return undefined;
    if (bytes.length <= LARGE_BYTES) return parseJson(bytes);
    return parseLargeJson(bytes, new TurnTaker(this.#clock));
  }

  /** The body as it is, of any type; no body is an empty one. */
  bytes(request: FastifyRequest, reply: FastifyReply, limits: CallLimits): Promise<Buffer> {
    refuseContentEncoding(request.raw.headers);
    return this.#collect(request.raw, reply.raw, LIMITS.valueBytes, limits);
  }

  #collect(
    raw: IncomingMessage,
    response: ServerResponse,
    maxBytes: number,
    limits: CallLimits,
  ): Promise<Buffer> {
    const announced = Number(raw.headers["content-length"] ?? 0);
    if (announced > maxBytes) return Promise.reject(tooLarge(maxBytes));
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      let received = 0;
      let hold: ((bytes: number) => boolean) | null = null;
      const stop = () => {
        cancelTimer();
        raw.off("data", onData).off("end", onEnd).off("close", onClose);
      };
      const refuse = (error: DatabaseError) => {
        stop();
        raw.pause();
        reject(error);
      };
      const onData = (chunk: Buffer) => {
        received += chunk.length;
        if (received > maxBytes) return refuse(tooLarge(maxBytes));
        chunks.push(chunk);
        if (received <= COUNTED_BYTES) return undefined;
        hold ??= this.#hold(response);
        return hold(received) ? undefined : refuse(overloaded());
      };
      const onEnd = () => {
        stop();
        resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, received));
      };
      const onClose = () => refuse(failure("INVALID_REQUEST", "the body ended too early"));
      const cancelTimer = this.#clock.after(
        Math.max(0, limits.deadlineMs - this.#clock.monotonicMs()),
        () => refuse(failure("REQUEST_TIMEOUT", "the body did not arrive in time")),
      );
      raw.on("data", onData).on("end", onEnd).on("close", onClose);
    });
  }

  /**
   * Counts one body until its reply is closed. The function returned takes the bytes that the body has
   * so far; false: there is no room.
   */
  #hold(response: ServerResponse): (bytes: number) => boolean {
    let held = 0;
    response.once("close", () => {
      this.#heldBytes -= held;
      held = 0;
    });
    return (bytes) => {
      if (this.#heldBytes + bytes - held > this.#budgetBytes) return false;
      this.#heldBytes += bytes - held;
      held = bytes;
      return true;
    };
  }
}

/** Whether a request has a body, possibly an empty one. */
export function announcesBody(raw: IncomingMessage): boolean {
  const length = raw.headers["content-length"];
  if (length !== undefined) return length !== "0";
  return raw.headers["transfer-encoding"] !== undefined;
}

/** Whether the body is large, or may be: what is made of it is to be made in turns. */
export function isLargeBody(raw: IncomingMessage): boolean {
  return Number(raw.headers["content-length"] ?? Infinity) > LARGE_BYTES;
}

function tooLarge(maxBytes: number): DatabaseError {
  return failure("TOO_LARGE", `the body is larger than ${maxBytes} bytes`);
}

function overloaded(): DatabaseError {
  return failure("THROTTLED", "too many large bodies are in work");
}

function failure(code: ErrorCode, detail: string): DatabaseError {
  return new DatabaseError({ code, detail });
}
