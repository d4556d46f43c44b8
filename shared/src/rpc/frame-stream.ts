/**
 * A request whose body is a stream of frames of any length, such as a snapshot, and whose reply is one
 * short result when all of it was taken. `frame-stream.adapter.ts` carries it over HTTP.
 */
import { MalformedFrameError } from "../bytes/malformed-frame-error.ts";
import { FrameReader } from "./frame.ts";

export const FRAMES_MEDIA_TYPE = "application/x-stele-frames";

export interface StreamCall {
  /** Aborted when the sender is gone. */
  readonly signal: AbortSignal;
}

/**
 * Takes the frames as fast as it consumes them and answers with the result's bytes. It may end before
 * the frames do; the rest is then not read. Throws `DatabaseError`.
 */
export type StreamHandler = (frames: AsyncIterable<Buffer>, call: StreamCall) => Promise<Buffer>;

/** The payloads in a stream of chunks. Throws `MalformedFrameError`, also when the last one is cut. */
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
