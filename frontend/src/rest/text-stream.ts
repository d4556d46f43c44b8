/**
 * Sends text that is made piece by piece: in chunks of about 32 KiB, made no faster than the client
 * takes them (measured elsewhere: flushing each row costs six times the CPU).
 *
 * X1. When the client goes away, the generator is closed, and runs its `finally`.
 * X2. A client that takes nothing for five minutes is cut off.
 */
import { Readable, pipeline } from "node:stream";
import type { FastifyReply } from "fastify";
import type { Clock } from "@stele/shared/clock.ts";
import type { Log } from "@stele/shared/log.ts";
import { reportUnexpected } from "./unexpected-error.ts";

const CHUNK_CHARACTERS = 32 * 1024;
const IDLE_READER_MS = 300_000;
/** Other requests get a turn after so much was made without a pause. */
const TURN_CHARACTERS = 256 * 1024;

/** An empty piece asks for what was gathered to be sent now. */
export type TextPieces = AsyncIterable<string> | Iterable<string>;

/** The status line and headers of `reply` were written already. */
export function streamText(
  context: { readonly clock: Clock; readonly log: Log },
  reply: FastifyReply,
  pieces: TextPieces,
): void {
  const chunks = chunked(context.clock, reply, pieces);
  pipeline(Readable.from(chunks, { objectMode: false }), reply.raw, (error) => {
    if (error === undefined || error === null) return;
    // The client went away, or a piece could not be made: either way the body ends unfinished.
    if (error.code !== "ERR_STREAM_PREMATURE_CLOSE") {
      reportUnexpected(context, reply.request.id, error);
    }
    reply.raw.destroy();
  });
}

async function* chunked(
  clock: Clock,
  reply: FastifyReply,
  pieces: TextPieces,
): AsyncGenerator<string> {
  let text = "";
  let sinceTurn = 0;
  for await (const piece of pieces) {
    text += piece;
    if (text.length < CHUNK_CHARACTERS && (piece !== "" || text === "")) continue;
    sinceTurn += text.length;
    const cancel = clock.after(IDLE_READER_MS, () => reply.raw.destroy());
    try {
      yield text;
    } finally {
      cancel();
    }
    text = "";
    if (sinceTurn < TURN_CHARACTERS) continue;
    sinceTurn = 0;
    await new Promise<void>((resolve) => clock.soon(resolve));
  }
  if (text !== "") yield text;
}
