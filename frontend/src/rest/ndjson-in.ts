/**
 * The lines of a request body, as they arrive.
 *
 * L1. Memory is bounded: a line is at most 12 MiB, and nothing is read while the caller works.
 * L2. A client that sends nothing for five minutes ends the body with REQUEST_TIMEOUT.
 */
import type { IncomingMessage } from "node:http";
import type { Clock } from "@stele/shared/clock.ts";
import { DatabaseError } from "@stele/shared/errors.ts";
import type { ErrorCode } from "@stele/shared/errors.ts";
import { LIMITS } from "./limits.ts";

const IDLE_WRITER_MS = 300_000;
const NEWLINE = 0x0a;

/** Complete lines without their ends, in batches as they arrive; the last may lack its newline. */
export async function* lineBatches(
  raw: IncomingMessage,
  clock: Clock,
): AsyncGenerator<readonly Buffer[]> {
  let begun: Buffer[] = [];
  let begunBytes = 0;
  for (;;) {
    const chunk = await nextChunk(raw, clock);
    if (chunk === null) break;
    const lines: Buffer[] = [];
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      const tail = chunk.subarray(start, end);
      checkLength(begunBytes + tail.length);
      lines.push(begun.length === 0 ? tail : Buffer.concat([...begun, tail]));
      begun = [];
      begunBytes = 0;
      start = end + 1;
    }
    if (start < chunk.length) {
      begun.push(chunk.subarray(start));
      begunBytes += chunk.length - start;
      checkLength(begunBytes);
    }
    yield lines;
  }
  if (begunBytes > 0) yield [Buffer.concat(begun)];
}

function checkLength(bytes: number): void {
  if (bytes <= LIMITS.ndjsonLineBytes) return;
  throw failure("TOO_LARGE", `a line is longer than ${LIMITS.ndjsonLineBytes} bytes`);
}

/** Null: the body ended. Between two calls nothing is read. */
function nextChunk(raw: IncomingMessage, clock: Clock): Promise<Buffer | null> {
  if (raw.readableEnded) return Promise.resolve(null);
  return new Promise((resolve, reject) => {
    const stop = () => {
      cancel();
      raw.off("data", onData).off("end", onEnd).off("close", onClose);
      raw.pause();
    };
    const onData = (chunk: Buffer) => {
      stop();
      resolve(chunk);
    };
    const onEnd = () => {
      stop();
      resolve(null);
    };
    const onClose = () => {
      stop();
      reject(failure("INVALID_REQUEST", "the body ended too early"));
    };
    const cancel = clock.after(IDLE_WRITER_MS, () => {
      stop();
      reject(failure("REQUEST_TIMEOUT", "nothing of the body arrived for five minutes"));
    });
    if (raw.destroyed) onClose();
    else raw.on("data", onData).on("end", onEnd).on("close", onClose).resume();
  });
}

function failure(code: ErrorCode, detail: string): DatabaseError {
  return new DatabaseError({ code, detail });
}
