/**
 * A request whose body is a stream of frames of any length, such as a snapshot, and whose reply is
 * one short result when all of it was taken. `frame-stream.adapter.ts` carries it over HTTP.
 */
import { MalformedFrameError } from "../bytes/malformed-frame-error.ts";
import type { DatabaseError } from "../errors.ts";
import { decodeErrorBody } from "./error-body.ts";
import { ChannelFailure } from "./channel-contract.ts";
import { FrameReader } from "./frame.ts";

export const FRAMES_MEDIA_TYPE = "application/x-stele-frames";

export const STREAM_IDLE_MS = 10_000;

export interface StreamOptions {
  /** Between two frames taken by the network. */
  readonly idleMs?: number;
  /** From the last frame to the answer. */
  readonly answerMs: number;
  readonly signal?: AbortSignal;
}

/** The sending end. */
export interface FrameStreams {
  /**
   * Sends the frames to `path` of the process at `url` and returns the receiver's result. An error
   * of `frames` itself is passed on, and the receiver sees a cut stream. Throws `ChannelFailure`
   * and the receiver's `DatabaseError`.
   */
  sendStream(
    url: string,
    path: string,
    frames: AsyncIterable<Buffer>,
    options: StreamOptions,
  ): Promise<Buffer>;
}

export interface StreamCall {
  /** Aborted when the sender is gone. */
  readonly signal: AbortSignal;
}

/**
 * Takes the frames as fast as it consumes them and answers with the result's bytes. It may end
 * before the frames do; the rest is then not read. Throws `DatabaseError`.
 */
export type StreamHandler = (frames: AsyncIterable<Buffer>, call: StreamCall) => Promise<Buffer>;

/**
 * The payloads in a stream of chunks. Throws `MalformedFrameError`, also when the last one is cut.
 */
export async function* framesOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, void> {
  const reader = new FrameReader();
  for await (const chunk of chunks) {
    const payloads: Buffer[] = [];
    let damage: MalformedFrameError | null = null;
    try {
      reader.push(chunk, (payload) => payloads.push(payload));
    } catch (error) {
      if (!(error instanceof MalformedFrameError)) throw error;
      damage = error;
    }
    yield* payloads;
    if (damage !== null) throw damage;
  }
  reader.end();
}

/** What the sender hears when the receiver's status is not 200. */
export function failureOfReply(
  status: number,
  reply: Buffer,
  path: string,
): DatabaseError | ChannelFailure {
  const error = decodeErrorBody(reply);
  if (error !== null) return error;
  const detail = `${path} answered with status ${status}`;
  if (status === 403) return new ChannelFailure("rejected", "no", detail);
  return new ChannelFailure("broken", "maybe", detail);
}
